"""Column types and the makers that let an sObject's class read as a table."""

from datetime import UTC, datetime
from enum import StrEnum
from typing import Any, NamedTuple, TypedDict, Unpack

from sqlalchemy import (
    BigInteger,
    Boolean,
    Date,
    DateTime,
    Dialect,
    Numeric,
    String,
    Text,
    TypeDecorator,
)
from sqlalchemy.types import TypeEngine
from sqlmodel import Field

ID_LENGTH = 18  # the case-safe form; 15-character Ids never reach the store


class Kind(StrEnum):
    """What a field holds, reduced to what a column and a decoder must tell apart."""

    TEXT = "text"
    INSTANT = "instant"
    DAY = "day"
    NUMBER = "number"
    WHOLE = "whole"
    FLAG = "flag"


class SyncField(NamedTuple):
    """One field that comes from Salesforce: its column, its API name, its kind.

    `length` is set only where the org's field may be longer than the column; `untyped` where the
    org may send any JSON scalar (`anyType`), which a text column keeps as text.
    """

    column: str
    api_name: str
    kind: Kind
    length: int | None = None
    untyped: bool = False


class Info(TypedDict, total=False):
    """What a column knows of its field beyond the type: kept in the Column's `info`."""

    api_name: str  # only where the rule of `models.naming` does not give it
    references: tuple[str, ...]


def instant_text(moment: datetime) -> str:
    """Write an instant as SQLite keeps it: `2026-01-02T03:04:05.000Z`."""
    return f"{utc(moment).replace(tzinfo=None).isoformat(timespec='milliseconds')}Z"


def utc(moment: datetime) -> datetime:
    """Give an instant in UTC; raises `ValueError` for one that lacks a zone or has no such form."""
    if moment.utcoffset() is None:
        raise ValueError(f"an instant needs a time zone: {moment.isoformat()}")
    try:
        return moment.astimezone(UTC)
    except OverflowError:
        told = f"{moment.isoformat()} is beyond the calendar in UTC: years are 1 to 9999"
        raise ValueError(told) from None


class UtcDateTime(TypeDecorator[datetime]):
    """An aware instant: timestamptz on PostgreSQL, ISO text sortable as text on SQLite."""

    impl = DateTime(timezone=True)
    cache_ok = True

    def load_dialect_impl(self, dialect: Dialect) -> TypeEngine[Any]:
        if dialect.name == "sqlite":
            return dialect.type_descriptor(String(24))
        return dialect.type_descriptor(DateTime(timezone=True))

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | str | None:
        if value is None:
            return None
        return instant_text(value) if dialect.name == "sqlite" else utc(value)

    def process_result_value(
        self, value: datetime | str | None, dialect: Dialect
    ) -> datetime | None:
        del dialect
        if value is None:
            return None
        moment = datetime.fromisoformat(value) if isinstance(value, str) else value
        return moment.astimezone(UTC)


def _field(kind: Kind, sa_type: TypeEngine[Any], info: Info) -> Any:
    return Field(default=None, sa_type=sa_type, sa_column_kwargs={"info": {"kind": kind, **info}})


def text(length: int | None = None, **info: Unpack[Info]) -> Any:
    """Hold text; name a length only where it is ours to decide.

    Lengths of standard fields differ between releases and orgs (describe has the last word),
    and a column narrower than the org's field would refuse a record that exists.
    """
    return _field(Kind.TEXT, Text() if length is None else String(length), info)


def picklist(**info: Unpack[Info]) -> Any:
    """Hold one value of a list that the org may change at any time, hence plain text."""
    return text(**info)


def reference(*sobjects: str) -> Any:
    """Hold the Id of one of these sObjects; no foreign key, since records arrive in any order."""
    return text(ID_LENGTH, references=sobjects)


def instant(**info: Unpack[Info]) -> Any:
    return _field(Kind.INSTANT, UtcDateTime(), info)


def day(**info: Unpack[Info]) -> Any:
    return _field(Kind.DAY, Date(), info)


def number(**info: Unpack[Info]) -> Any:
    """Hold a double, currency or percent unrounded: its scale is the org's to decide."""
    return _field(Kind.NUMBER, Numeric(asdecimal=False), info)


def whole(**info: Unpack[Info]) -> Any:
    return _field(Kind.WHOLE, BigInteger(), info)


def flag(**info: Unpack[Info]) -> Any:
    return _field(Kind.FLAG, Boolean(), info)
