"""What records were before: one row for each change of a field that is worth remembering."""

from datetime import datetime

from sqlalchemy import BigInteger, Column, Index, Integer, String, Text
from sqlmodel import Field, SQLModel

from models.columns import ID_LENGTH, UtcDateTime


class RecordHistory(SQLModel, table=True):
    """One field's change between two readings; what lay between the two, nobody has seen.

    Values are text, alike on both databases: true and false, instants as 2026-01-31T09:00:00.000Z.
    """

    __tablename__ = "record_history"

    id: int = Field(
        sa_column=Column(BigInteger().with_variant(Integer, "sqlite"), primary_key=True)
    )
    sobject: str = Field(sa_column=Column(String(80), nullable=False))
    record_id: str = Field(sa_column=Column(String(ID_LENGTH), nullable=False))
    # The column, as the record's table names it.
    field: str = Field(sa_column=Column(String(80), nullable=False))
    old_value: str | None = Field(default=None, sa_column=Column(Text))
    new_value: str | None = Field(default=None, sa_column=Column(Text))
    # The stamp that the record bore afterwards; a closing has the closing's own date. What moved no
    # stamp has the instant of the reading that saw it, and nobody who is known to have done it.
    changed_at: datetime = Field(sa_column=Column(UtcDateTime, nullable=False))
    changed_by_id: str | None = Field(default=None, sa_column=Column(String(ID_LENGTH)))
    # When we read it.
    seen_at: datetime | None = Field(default=None, sa_column=Column(UtcDateTime))

    __table_args__ = (
        Index("ix_record_history_record", "record_id", "field", "changed_at"),
        Index("ix_record_history_field", "sobject", "field", "changed_at"),
    )
