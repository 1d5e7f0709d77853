"""Incidents: what went wrong and needs somebody, from when it began until it was over."""

from datetime import datetime
from enum import StrEnum
from typing import NamedTuple

from sqlalchemy import Column, Index, String, Text, text
from sqlmodel import Field

from models.columns import UtcDateTime
from models.control import CommandId, Control


class Sort(NamedTuple):
    """What one kind of incident is called, and what to do about it."""

    title: str
    remedy: str


class IncidentKind(StrEnum):
    """What sort of thing went wrong; the first four are findings by the same name."""

    SILENCE = "silence"
    ZERO_ROWS = "zero_rows"
    VANISHED = "vanished"
    DRIFT = "drift"
    GRANT_DEAD = "grant_dead"
    LOGIN_REFUSED = "login_refused"
    DEAD_COMMANDS = "dead_commands"
    BUDGET_HELD = "budget_held"
    NO_WORKER = "no_worker"

    @property
    def sort(self) -> Sort:
        return _SORTS[self]


_SORTS = {
    IncidentKind.SILENCE: Sort(
        "No good pull for too long", "See scsync status and the log: does the org answer?"
    ),
    IncidentKind.ZERO_ROWS: Sort(
        "A read from the beginning brought no rows where many are stored",
        "Check the integration user's permissions and the row filter; nothing was removed.",
    ),
    IncidentKind.VANISHED: Sort(
        "Many rows are not shown any more",
        "Find out whether they were deleted or hidden; nothing was buried.",
    ),
    IncidentKind.DRIFT: Sort(
        "Org and store differ", "Run scsync verify --repair, then see whether it comes back."
    ),
    IncidentKind.GRANT_DEAD: Sort(
        "The org takes our grant no more", "Run scsync link; work resumes by itself."
    ),
    IncidentKind.LOGIN_REFUSED: Sort(
        "The login host refuses us",
        "Do what the message says; work goes on by itself then.",
    ),
    IncidentKind.DEAD_COMMANDS: Sort(
        "Commands are dead",
        "Run scsync commands list --state dead, then retry, edit or discard them.",
    ),
    IncidentKind.BUDGET_HELD: Sort(
        "Pulls wait for API calls",
        "They go on by themselves; raise SCSYNC_INTERVAL, or find who else spends the org's calls.",
    ),
    IncidentKind.NO_WORKER: Sort(
        "No worker is alive", "Start scsync worker; bells wait in the queue until then."
    ),
}


class Incident(Control, table=True):
    """One incident; open as long as `closed_at` is null, and then the only one of its kind."""

    __tablename__ = "scsync_incidents"

    id: str = Field(sa_column=Column(CommandId, primary_key=True))
    kind: str = Field(sa_column=Column(String(24), nullable=False))
    subject: str = Field(sa_column=Column(String(120), nullable=False))
    """The sObject it is about, empty where it is about all."""
    message: str = Field(sa_column=Column(Text, nullable=False))
    opened_at: datetime = Field(sa_column=Column(UtcDateTime, nullable=False))
    closed_at: datetime | None = Field(default=None, sa_column=Column(UtcDateTime))

    __table_args__ = (
        Index("ix_scsync_incidents_opened", "opened_at"),
        Index(
            "ux_scsync_incidents_open",
            "kind",
            "subject",
            unique=True,
            sqlite_where=text("closed_at IS NULL"),
            postgresql_where=text("closed_at IS NULL"),
        ),
    )

    @property
    def is_open(self) -> bool:
        return self.closed_at is None

    @property
    def title(self) -> str:
        """Name what went wrong, and with which sObject."""
        title = IncidentKind(self.kind).sort.title
        return f"{self.subject}: {title}" if self.subject else title

    @property
    def remedy(self) -> str:
        return IncidentKind(self.kind).sort.remedy
