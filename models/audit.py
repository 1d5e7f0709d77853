"""The audit: what people did, by name, beside what they did it to."""

from datetime import datetime
from typing import Any

from sqlalchemy import BigInteger, Column, Integer, String
from sqlmodel import Field, SQLModel

from models.columns import UtcDateTime
from models.control import Json


class AuditEntry(SQLModel, table=True):
    """One operator's act; written with it, in one transaction, and never changed."""

    __tablename__ = "scsync_audit"

    seq: int | None = Field(
        default=None,
        sa_column=Column(BigInteger().with_variant(Integer, "sqlite"), primary_key=True),
    )
    at: datetime = Field(sa_column=Column(UtcDateTime, nullable=False, index=True))
    operator: str = Field(sa_column=Column(String(120), nullable=False))
    act: str = Field(sa_column=Column(String(60), nullable=False))
    subject: str = Field(sa_column=Column(String(255), nullable=False))
    detail: dict[str, Any] | None = Field(default=None, sa_column=Column(Json))
