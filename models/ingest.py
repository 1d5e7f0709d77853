"""An ingest job: many commands under way in one Bulk job, known before a byte of it is sent."""

from datetime import datetime

from sqlalchemy import Boolean, Column, Integer, String, Text, false
from sqlmodel import Field

from models.columns import UtcDateTime
from models.control import Control


class Ingest(Control, table=True):
    """One job at the org: whoever takes over its commands reads there what became of them."""

    __tablename__ = "scsync_ingests"

    job_id: str = Field(sa_column=Column(String(18), primary_key=True))
    sobject: str = Field(sa_column=Column(String(80), nullable=False))
    operation: str = Field(sa_column=Column(String(16), nullable=False))
    commands: int = Field(sa_column=Column(Integer, nullable=False))
    uploaded: bool = Field(sa_column=Column(Boolean, nullable=False, server_default=false()))
    created_at: datetime = Field(sa_column=Column(UtcDateTime, nullable=False))
    finished_at: datetime | None = Field(sa_column=Column(UtcDateTime))
    outcome: str | None = Field(sa_column=Column(Text))
