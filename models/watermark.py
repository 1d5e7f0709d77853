"""How far each sObject has been read, and who reads it now."""

from datetime import datetime
from typing import Any, NamedTuple

from sqlalchemy import Column, String, Text
from sqlmodel import Field, SQLModel

from models.columns import UtcDateTime
from models.control import Json


class Window(NamedTuple):
    """A span of SystemModstamp, half open: [since, until), by the server's clock."""

    since: datetime
    until: datetime


class Position(NamedTuple):
    """The last row stored inside a window."""

    stamp: datetime
    id: str


class Watermark(SQLModel, table=True):
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
