"""Leases: who may act alone, and until when."""

from datetime import datetime

from sqlalchemy import BigInteger, Column, String, text
from sqlmodel import Field

from models.columns import UtcDateTime
from models.control import Control


class Lease(Control, table=True):
    """One named right; `fence` grows with each new holder."""

    __tablename__ = "scsync_leases"

    name: str = Field(sa_column=Column(String(80), primary_key=True))
    owner: str | None = Field(default=None, sa_column=Column(String(80)))
    until: datetime | None = Field(default=None, sa_column=Column(UtcDateTime))
    fence: int = Field(
        default=0, sa_column=Column(BigInteger, nullable=False, server_default=text("0"))
    )
