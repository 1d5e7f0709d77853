"""A page's records straight from JSON to tuples in column order, never an object graph."""

from collections.abc import Callable, Iterable, Sequence
from datetime import date, datetime
from decimal import Decimal
from functools import cache
from typing import Annotated, Any

import msgspec

from models.columns import Kind, SyncField
from models.sobject import SObject

_WIRE_INSTANT = Annotated[str, msgspec.Meta(min_length=28, max_length=28)]
# An org prints every stamp in UTC; one column that is looked at proves it for the rest, which a
# pattern on each would pay for with half the speed.
_WIRE_STAMP = Annotated[_WIRE_INSTANT, msgspec.Meta(pattern=r"\+0000$")]
_WIRE_DAY = Annotated[str, msgspec.Meta(min_length=10, max_length=10)]

# A whole number may arrive as 3.0; `_whole` sees to it after decoding.
_EXACT: dict[Kind, Any] = {
    Kind.TEXT: str,
    Kind.INSTANT: datetime,
    Kind.DAY: date,
    Kind.NUMBER: Decimal,
    Kind.WHOLE: int | float,
    Kind.FLAG: bool,
}
_PLAIN: dict[Kind, Any] = _EXACT | {
    Kind.INSTANT: _WIRE_INSTANT,
    Kind.DAY: _WIRE_DAY,
    Kind.NUMBER: float,
}


def record_type(
    model: type[SObject], fields: Sequence[SyncField], *, exact: bool
) -> type[msgspec.Struct]:
    """Make the type that decodes records of these fields, and skips what else they carry.

    `exact` gives the types PostgreSQL's binary COPY wants; without it instants and days stay the
    text of the wire (`2026-01-02T03:04:05.000+0000`), which is what SQLite stores but for the zone.
    """
    return _record_type(model.__name__, tuple(fields), exact=exact)


@cache
def _record_type(name: str, fields: tuple[SyncField, ...], *, exact: bool) -> type[msgspec.Struct]:
    wholes = tuple(field.column for field in fields if field.kind is Kind.WHOLE)
    return msgspec.defstruct(
        f"{name}Record",
        [(field.column, _wire_type(field, exact=exact) | None, None) for field in fields],
        rename={field.column: field.api_name for field in fields},
        namespace={"__post_init__": _whole(wholes)} if wholes else None,
        gc=False,
    )


def _wire_type(field: SyncField, *, exact: bool) -> Any:
    if exact:
        return _EXACT[field.kind]
    return _WIRE_STAMP if field.column == "system_modstamp" else _PLAIN[field.kind]


def _whole(columns: tuple[str, ...]) -> Callable[[msgspec.Struct], None]:
    def settle(record: msgspec.Struct) -> None:
        for column in columns:
            value = getattr(record, column)
            if isinstance(value, float):
                setattr(record, column, _integer(value))

    return settle


def _integer(value: float) -> int:
    if not value.is_integer():
        raise ValueError(f"not a whole number: {value}")
    return int(value)


def values(records: Iterable[msgspec.Struct]) -> list[tuple[Any, ...]]:
    """Lay the records out as rows, in the order of the fields their type was made of."""
    return [msgspec.structs.astuple(record) for record in records]
