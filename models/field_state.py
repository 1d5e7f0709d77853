"""What became of each field of an org: which column it fills, or why that column is frozen."""

from datetime import datetime
from enum import StrEnum

from sqlalchemy import Boolean, Column, String, Text, false
from sqlmodel import Field

from models.columns import UtcDateTime
from models.control import Control


class FieldStatus(StrEnum):
    """A frozen column keeps what it holds; `overflow` means that new values go to `extra`."""

    ACTIVE = "active"
    FROZEN = "frozen"
    OVERFLOW = "overflow"


class FieldState(Control, table=True):
    """One field of one sObject as the last describe showed it, and the column it goes to."""

    __tablename__ = "scsync_fields"

    sobject: str = Field(sa_column=Column(String(80), primary_key=True))
    api_name: str = Field(sa_column=Column(String(80), primary_key=True))
    column_name: str = Field(sa_column=Column(String(80), nullable=False))
    kind: str = Field(sa_column=Column(String(16), nullable=False))
    # The type that describe gave it, such as `currency`; null while the org does not show it.
    org_type: str | None = Field(default=None, sa_column=Column(String(40)))
    computed: bool = Field(
        default=False, sa_column=Column(Boolean, nullable=False, server_default=false())
    )
    added: bool = Field(
        default=False, sa_column=Column(Boolean, nullable=False, server_default=false())
    )
    status: str = Field(sa_column=Column(String(16), nullable=False))
    reason: str | None = Field(default=None, sa_column=Column(Text))
    since: datetime = Field(sa_column=Column(UtcDateTime, nullable=False))
