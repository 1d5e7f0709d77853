"""Tallies: how finished commands ended, kept when the commands themselves are cleared away."""

from datetime import date

from sqlalchemy import BigInteger, Column, Date, String, text
from sqlmodel import Field

from models.control import Control


class Tally(Control, table=True):
    """So many commands of one kind ended so on one day."""

    __tablename__ = "scsync_tallies"

    day: date = Field(sa_column=Column(Date, primary_key=True))
    sobject: str = Field(sa_column=Column(String(80), primary_key=True))
    op: str = Field(sa_column=Column(String(16), primary_key=True))
    state: str = Field(sa_column=Column(String(16), primary_key=True))
    error_code: str = Field(
        sa_column=Column(String(80), primary_key=True, server_default=text("''"))
    )
    commands: int = Field(sa_column=Column(BigInteger, nullable=False))
