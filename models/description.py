"""What the org said an sObject looks like, kept so that commands can be checked without a call."""

from datetime import datetime

from sqlalchemy import Column, String, Text
from sqlmodel import Field

from models.columns import UtcDateTime
from models.control import Control


class Description(Control, table=True):
    """The last describe of one sObject, as JSON text; null where the org has no such sObject."""

    __tablename__ = "scsync_descriptions"

    sobject: str = Field(sa_column=Column(String(80), primary_key=True))
    body: str | None = Field(default=None, sa_column=Column(Text))
    fetched_at: datetime = Field(sa_column=Column(UtcDateTime, nullable=False))
