"""What one pull of one sObject did."""

from datetime import datetime
from enum import StrEnum

from sqlalchemy import BigInteger, Column, Index, Integer, String, Text
from sqlmodel import Field

from models.columns import UtcDateTime
from models.control import CommandId, Control


class RunOutcome(StrEnum):
    """How a run ended; `running` with an old lease died, `held` waits for the API budget."""

    RUNNING = "running"
    OK = "ok"
    HELD = "held"
    SKIPPED = "skipped"
    FAILED = "failed"


class Run(Control, table=True):
    """One object in one cycle: the window, the counts and the outcome."""

    __tablename__ = "scsync_runs"

    id: str = Field(sa_column=Column(CommandId, primary_key=True))
    sobject: str = Field(sa_column=Column(String(80), nullable=False))
    started_at: datetime = Field(sa_column=Column(UtcDateTime, nullable=False))
    finished_at: datetime | None = Field(default=None, sa_column=Column(UtcDateTime))
    outcome: str = Field(sa_column=Column(String(16), nullable=False))
    since: datetime | None = Field(default=None, sa_column=Column(UtcDateTime))
    until: datetime | None = Field(default=None, sa_column=Column(UtcDateTime))
    pages: int = Field(default=0, sa_column=Column(Integer, nullable=False))
    rows_read: int = Field(default=0, sa_column=Column(BigInteger, nullable=False))
    rows_written: int = Field(default=0, sa_column=Column(BigInteger, nullable=False))
    error_code: str | None = Field(default=None, sa_column=Column(String(80)))
    error_message: str | None = Field(default=None, sa_column=Column(Text))

    __table_args__ = (Index("ix_scsync_runs_sobject", "sobject", "started_at"),)
