"""How far each sObject has been read, and who reads it now."""

from datetime import datetime
from typing import Any, NamedTuple

from sqlalchemy import Column, Float, String, Text
from sqlmodel import Field

from models.columns import UtcDateTime
from models.control import Control, Json


class Window(NamedTuple):
    """A span of SystemModstamp, half open: [since, until), by the server's clock."""

    since: datetime
    until: datetime


class Position(NamedTuple):
    """The last row stored inside a window."""

    stamp: datetime
    id: str


class Watermark(Control, table=True):
    """One sObject's progress: everything before `since` is in the store."""

    __tablename__ = "scsync_watermarks"

    sobject: str = Field(sa_column=Column(String(80), primary_key=True))
    since: datetime | None = Field(default=None, sa_column=Column(UtcDateTime))
    # An open window and the position inside it: what a crash resumes from.
    until: datetime | None = Field(default=None, sa_column=Column(UtcDateTime))
    position_stamp: datetime | None = Field(default=None, sa_column=Column(UtcDateTime))
    position_id: str | None = Field(default=None, sa_column=Column(String(18)))
    verified_through: datetime | None = Field(default=None, sa_column=Column(UtcDateTime))
    owner: str | None = Field(default=None, sa_column=Column(String(80)))
    lease_until: datetime | None = Field(default=None, sa_column=Column(UtcDateTime))
    rung_at: datetime | None = Field(default=None, sa_column=Column(UtcDateTime))
    finished_at: datetime | None = Field(default=None, sa_column=Column(UtcDateTime))
    ended_at: datetime | None = Field(default=None, sa_column=Column(UtcDateTime))
    skipped: str | None = Field(default=None, sa_column=Column(Text))
    missing_fields: Any = Field(default=None, sa_column=Column(Json))
    # The longest window, in seconds, that the org answered in time; null: no bound is known.
    span: float | None = Field(default=None, sa_column=Column(Float))
    # When a row was last written: what seldom changes is asked less often.
    changed_at: datetime | None = Field(default=None, sa_column=Column(UtcDateTime))
    # The server's time up to which we have looked: what bears an older stamp and is new came late.
    read_until: datetime | None = Field(default=None, sa_column=Column(UtcDateTime))
    # How late rows of this sObject were seen to appear, in seconds, and when; what follows from it.
    lateness: float | None = Field(default=None, sa_column=Column(Float))
    late_at: datetime | None = Field(default=None, sa_column=Column(UtcDateTime))
    settle: float | None = Field(default=None, sa_column=Column(Float))
    # The row filter that the rows here were chosen by.
    row_filter: str | None = Field(default=None, sa_column=Column(Text))
    # The delete log is read up to here; null: never.
    deletes_through: datetime | None = Field(default=None, sa_column=Column(UtcDateTime))
    deletes_at: datetime | None = Field(default=None, sa_column=Column(UtcDateTime))
    # The sweep over computed fields: where it stands, its begin, the begin of the last whole one.
    computed_position: str | None = Field(default=None, sa_column=Column(String(18)))
    computed_started_at: datetime | None = Field(default=None, sa_column=Column(UtcDateTime))
    computed_through: datetime | None = Field(default=None, sa_column=Column(UtcDateTime))
    verified_at: datetime | None = Field(default=None, sa_column=Column(UtcDateTime))
