"""API calls counted: what for, and of what kind, by the hour."""

from datetime import datetime

from sqlalchemy import BigInteger, Column, String
from sqlmodel import Field

from models.columns import UtcDateTime
from models.control import Control


class ApiCalls(Control, table=True):
    """How many calls of one kind one purpose made within one hour, over all processes."""

    __tablename__ = "scsync_api_calls"

    hour: datetime = Field(sa_column=Column(UtcDateTime, primary_key=True))
    purpose: str = Field(sa_column=Column(String(16), primary_key=True))
    kind: str = Field(sa_column=Column(String(16), primary_key=True))
    sobject: str = Field(sa_column=Column(String(80), primary_key=True))
    calls: int = Field(sa_column=Column(BigInteger, nullable=False))


class ApiUsage(Control, table=True):
    """What the org first said within an hour of everybody's calls in its last 24 hours."""

    __tablename__ = "scsync_api_usage"

    hour: datetime = Field(sa_column=Column(UtcDateTime, primary_key=True))
    at: datetime = Field(sa_column=Column(UtcDateTime, nullable=False))
    used: int = Field(sa_column=Column(BigInteger, nullable=False))
    limit: int = Field(sa_column=Column("allocation", BigInteger, nullable=False))
