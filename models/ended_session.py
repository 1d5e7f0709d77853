"""Ended sessions: cookies that open nothing any more, although they could still be read."""

from datetime import datetime

from sqlalchemy import Column, String
from sqlmodel import Field

from models.columns import UtcDateTime
from models.control import Control


class EndedSession(Control, table=True):
    """One session that somebody left; kept for as long as its cookie could be shown."""

    __tablename__ = "scsync_ended_sessions"

    digest: str = Field(sa_column=Column(String(64), primary_key=True))
    until: datetime = Field(sa_column=Column(UtcDateTime, nullable=False))
