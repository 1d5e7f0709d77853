"""A page's records straight from JSON to tuples in column order, never an object graph."""

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import date, datetime
from decimal import Decimal
from functools import cache
from typing import Annotated, Any

import msgspec

from models.columns import Kind, SyncField, instant_text
from models.sobject import SObject

_WIRE_INSTANT = Annotated[str, msgspec.Meta(min_length=28, max_length=28)]
# An org prints every stamp in UTC; one column that is looked at proves it for the rest, which a
# pattern on each would pay for with half the speed.
_WIRE_STAMP = Annotated[_WIRE_INSTANT, msgspec.Meta(pattern=r"\+0000$")]
_UTC_ON_THE_WIRE = "+0000"
_LARGEST = 2**63 - 1
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
    untyped = tuple(field.column for field in fields if field.untyped)
    return msgspec.defstruct(
        f"{name}Record",
        [(field.column, _wire_type(field, exact=exact) | None, None) for field in fields],
        rename={field.column: field.api_name for field in fields},
        namespace={"__post_init__": _settle(wholes, untyped)} if wholes or untyped else None,
        gc=False,
    )


def _wire_type(field: SyncField, *, exact: bool) -> Any:
    if field.untyped:
        return str | bool | int | float
    if field.length is not None and field.kind is Kind.TEXT:
        return Annotated[str, msgspec.Meta(max_length=field.length)]
    if exact:
        return _EXACT[field.kind]
    return _WIRE_STAMP if field.column == "system_modstamp" else _PLAIN[field.kind]


def _settle(wholes: tuple[str, ...], untyped: tuple[str, ...]) -> Callable[[msgspec.Struct], None]:
    def settle(record: msgspec.Struct) -> None:
        for column in wholes:
            value = getattr(record, column)
            if isinstance(value, float):
                setattr(record, column, _integer(value))
            elif value is not None and not -_LARGEST <= value <= _LARGEST:
                raise ValueError(f"too large for a bigint: {value}")
        for column in untyped:
            value = getattr(record, column)
            if value is not None and not isinstance(value, str):
                setattr(record, column, msgspec.json.encode(value).decode())

    return settle


def _integer(value: float) -> int:
    if not value.is_integer():
        raise ValueError(f"not a whole number: {value}")
    if abs(value) > _LARGEST:
        raise ValueError(f"too large for a bigint: {value}")
    return int(value)


def values(records: Iterable[msgspec.Struct]) -> list[tuple[Any, ...]]:
    """Lay the records out as rows, in the order of the fields their type was made of."""
    return [msgspec.structs.astuple(record) for record in records]


_NOTHING = msgspec.Raw(b"null")
_KEYS = frozenset({"id", "system_modstamp"})
# jsonb, like PostgreSQL's text, cannot hold U+0000.
_NUL = re.compile(r"(?<!\\)((?:\\\\)*)\\u0000")


def lenient_type(
    model: type[SObject], fields: Sequence[SyncField], others: Sequence[str] = ()
) -> type[msgspec.Struct]:
    """Make the type that takes records of these fields whatever their values are, and of others.

    `Loosely.row` looks at each value by itself: slow, for pages that the strict type refused.
    """
    return _lenient_type(model.__name__, tuple(fields), tuple(others))


@cache
def _lenient_type(
    name: str, fields: tuple[SyncField, ...], others: tuple[str, ...]
) -> type[msgspec.Struct]:
    names = [(field.column, field.api_name) for field in fields]
    names += [(f"other_{place}", other) for place, other in enumerate(others)]
    return msgspec.defstruct(
        f"{name}Loosely",
        [(column, msgspec.Raw, _NOTHING) for column, _ in names],
        rename=dict(names),
        gc=False,
    )


class Loosely:
    """Rows out of a `lenient_type`: what fits its column goes there, the rest into `extra`."""

    def __init__(
        self, fields: Sequence[SyncField], others: Sequence[str] = (), *, exact: bool
    ) -> None:
        self._fields = [
            (field, msgspec.json.Decoder(_record_type("Value", (field,), exact=True)))
            for field in fields
        ]
        self._others = others
        self._exact = exact
        self.misfits: dict[str, int] = {}
        """How many values did not fit, by API name."""

    def row(self, record: msgspec.Struct) -> tuple[Any, ...]:
        """Lay a record out in the order of the fields, with the text of `extra` at the end.

        Raises `ValueError` for an Id or a stamp that is none: without them there is no row.
        """
        raws: Sequence[msgspec.Raw] = msgspec.structs.astuple(record)
        extra: dict[str, Any] = {}
        row = [self._value(raw, *one, extra) for raw, one in zip(raws, self._fields, strict=False)]
        for raw, name in zip(raws[len(self._fields) :], self._others, strict=True):
            if (value := msgspec.json.decode(raw)) is not None:
                extra[name] = value
        return (*row, extra_text(extra))

    def _value(
        self,
        raw: msgspec.Raw,
        field: SyncField,
        decoder: msgspec.json.Decoder[Any],
        extra: dict[str, Any],
    ) -> Any:
        name = msgspec.json.encode(field.api_name)
        try:
            value = getattr(decoder.decode(b"{%b:%b}" % (name, bytes(raw))), field.column)
        except msgspec.ValidationError:
            if field.column in _KEYS:
                raise
            extra[field.api_name] = msgspec.json.decode(raw)
            self.misfits[field.api_name] = self.misfits.get(field.api_name, 0) + 1
            return None
        if value is None and field.column in _KEYS:
            raise ValueError(f"a record without {field.api_name}")
        return value if self._exact else _plain(field.kind, value)


def extra_text(extra: Mapping[str, Any]) -> str | None:
    """Write what goes to `extra` as its column takes it."""
    return _NUL.sub(r"\1", msgspec.json.encode(extra).decode()) if extra else None


def _plain(kind: Kind, value: Any) -> Any:
    """Write an exact value as SQLite's statement expects it from the wire."""
    if isinstance(value, datetime):
        return instant_text(value).removesuffix("Z") + _UTC_ON_THE_WIRE
    if isinstance(value, Decimal):
        return float(value)
    return value.isoformat() if value is not None and kind is Kind.DAY else value
