"""Backfills: one sObject read from the beginning, in slices that several workers share."""

from datetime import datetime
from enum import StrEnum

from sqlalchemy import BigInteger, Column, Integer, String, Text, text
from sqlmodel import Field

from models.columns import UtcDateTime
from models.control import Control


class BackfillMode(StrEnum):
    """Bulk reads the result pages of one query job, REST reads ranges of Ids.

    Where the org does not list its pages, each names the next one: they become known one by one.
    """

    BULK = "bulk"
    CHAINED = "chained"
    REST = "rest"


class BackfillState(StrEnum):
    """`done` stays as the record of the last one."""

    PLANNED = "planned"
    RUNNING = "running"
    DONE = "done"


class Backfill(Control, table=True):
    """An sObject's latest backfill; `started_at` is the org's clock before its first query."""

    __tablename__ = "scsync_backfills"

    sobject: str = Field(sa_column=Column(String(80), primary_key=True))
    reason: str = Field(sa_column=Column(Text, nullable=False))
    state: str = Field(sa_column=Column(String(16), nullable=False))
    mode: str | None = Field(default=None, sa_column=Column(String(16)))
    mode_reason: str | None = Field(default=None, sa_column=Column(Text))
    planned_at: datetime = Field(sa_column=Column(UtcDateTime, nullable=False))
    started_at: datetime | None = Field(default=None, sa_column=Column(UtcDateTime))
    finished_at: datetime | None = Field(default=None, sa_column=Column(UtcDateTime))
    total: int | None = Field(default=None, sa_column=Column(BigInteger))
    job_id: str | None = Field(default=None, sa_column=Column(String(18)))
    job_records: int | None = Field(default=None, sa_column=Column(BigInteger))
    # When the job was last seen to get on: what stands still too long is aborted and replaced.
    job_moved_at: datetime | None = Field(default=None, sa_column=Column(UtcDateTime))
    jobs: int = Field(
        default=0, sa_column=Column(Integer, nullable=False, server_default=text("0"))
    )
    owner: str | None = Field(default=None, sa_column=Column(String(80)))
    lease_until: datetime | None = Field(default=None, sa_column=Column(UtcDateTime))


class Slice(Control, table=True):
    """A part of a backfill that one worker reads: a result page, or Ids in (after_id, until_id]."""

    __tablename__ = "scsync_slices"

    sobject: str = Field(sa_column=Column(String(80), primary_key=True))
    number: int = Field(sa_column=Column(Integer, primary_key=True, autoincrement=False))
    locator: str | None = Field(default=None, sa_column=Column(Text))
    after_id: str | None = Field(default=None, sa_column=Column(String(18)))
    until_id: str | None = Field(default=None, sa_column=Column(String(18)))
    position_id: str | None = Field(default=None, sa_column=Column(String(18)))
    owner: str | None = Field(default=None, sa_column=Column(String(80)))
    lease_until: datetime | None = Field(default=None, sa_column=Column(UtcDateTime))
    done_at: datetime | None = Field(default=None, sa_column=Column(UtcDateTime))
    rows_read: int = Field(
        default=0, sa_column=Column(BigInteger, nullable=False, server_default=text("0"))
    )
    rows_written: int = Field(
        default=0, sa_column=Column(BigInteger, nullable=False, server_default=text("0"))
    )
