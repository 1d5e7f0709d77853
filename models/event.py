"""Events for other programs: written where they happen, delivered by a daemon to a webhook."""

from datetime import datetime
from enum import StrEnum
from typing import Any

from sqlalchemy import Column, Index, Integer, String, Text, text
from sqlmodel import Field

from models.columns import UtcDateTime
from models.control import CommandId, Control, Json


class EventType(StrEnum):
    """What happened; the names are a contract with whoever receives them."""

    INCIDENT_OPENED = "incident.opened"
    INCIDENT_CLOSED = "incident.closed"
    COMMANDS_DEAD = "commands.dead"


class EventState(StrEnum):
    """Where an event stands; `unsent` came while there was no webhook."""

    WAITING = "waiting"
    DELIVERED = "delivered"
    GIVEN_UP = "given_up"
    UNSENT = "unsent"


class Event(Control, table=True):
    """One event; its id is that of every delivery of it, so that a receiver knows a repeat."""

    __tablename__ = "scsync_events"

    id: str = Field(sa_column=Column(CommandId, primary_key=True))
    type: str = Field(sa_column=Column(String(24), nullable=False))
    at: datetime = Field(sa_column=Column(UtcDateTime, nullable=False))
    data: Any = Field(sa_column=Column(Json, nullable=False))
    state: str = Field(
        sa_column=Column(String(16), nullable=False, server_default=text("'waiting'"))
    )
    attempts: int = Field(
        default=0, sa_column=Column(Integer, nullable=False, server_default=text("0"))
    )
    next_at: datetime = Field(sa_column=Column(UtcDateTime, nullable=False))
    """When it is to be delivered, or delivered again."""
    ended_at: datetime | None = Field(default=None, sa_column=Column(UtcDateTime))
    error: str | None = Field(default=None, sa_column=Column(Text))

    __table_args__ = (
        Index(
            "ix_scsync_events_waiting",
            "next_at",
            sqlite_where=text("state = 'waiting'"),
            postgresql_where=text("state = 'waiting'"),
        ),
        Index("ix_scsync_events_at", "at"),
    )
