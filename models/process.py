"""Processes: who works over this store, and when each was last heard of."""

from datetime import datetime
from enum import StrEnum

from sqlalchemy import Column, String
from sqlmodel import Field

from models.columns import UtcDateTime
from models.control import Control


class Role(StrEnum):
    """What a process does; a daemon is scheduler and worker in one."""

    DAEMON = "daemon"
    WORKER = "worker"
    SCHEDULER = "scheduler"


class Process(Control, table=True):
    """One process; when it ends as it should it takes its row along."""

    __tablename__ = "scsync_processes"

    process: str = Field(sa_column=Column(String(120), primary_key=True))
    role: str = Field(sa_column=Column(String(16), nullable=False))
    started_at: datetime = Field(sa_column=Column(UtcDateTime, nullable=False))
    beat_at: datetime = Field(sa_column=Column(UtcDateTime, nullable=False))
