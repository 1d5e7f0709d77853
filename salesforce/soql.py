"""SOQL text from parts: every literal quoted, every identifier checked.

Source: the SOQL and SOSL Reference, "Quoted String Escape Sequences" and "Date Formats".
"""

from __future__ import annotations

import re
from collections.abc import Collection
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

_NAME = re.compile(r"[A-Za-z][A-Za-z0-9_]*(?:\.[A-Za-z][A-Za-z0-9_]*)*")
_ORDER = re.compile(r"(\S+)(?: (?:ASC|DESC))?(?: NULLS (?:FIRST|LAST))?")
_ESCAPES = str.maketrans(
    {
        "\\": r"\\",
        "'": r"\'",
        "\n": r"\n",
        "\r": r"\r",
        "\t": r"\t",
        "\b": r"\b",
        "\f": r"\f",
    }
)


def identifier(name: str) -> str:
    """Pass an object or field name through, or refuse it by name."""
    if not _NAME.fullmatch(name):
        raise ValueError(f"not a name Salesforce could use: {name!r}")
    return name


def literal(value: object) -> str:  # noqa: PLR0911 - one line for each kind of value
    """Write a value so that it can be nothing but that value."""
    match value:
        case None:
            return "null"
        case bool():
            return "true" if value else "false"
        case str():
            return f"'{value.translate(_ESCAPES)}'"
        case int() | float() | Decimal():
            return _number(Decimal(str(value)))
        case datetime():
            return _instant(value)
        case date():
            return value.isoformat()
        case bytes() | bytearray() | dict():
            raise TypeError(f"no SOQL literal for {type(value).__name__}")
        case Collection():
            return _list(value)
    raise TypeError(f"no SOQL literal for {type(value).__name__}")


def eq(field: str, value: object) -> str:
    return f"{identifier(field)} = {literal(value)}"


def ne(field: str, value: object) -> str:
    return f"{identifier(field)} != {literal(value)}"


def gt(field: str, value: object) -> str:
    return f"{identifier(field)} > {literal(value)}"


def ge(field: str, value: object) -> str:
    return f"{identifier(field)} >= {literal(value)}"


def lt(field: str, value: object) -> str:
    return f"{identifier(field)} < {literal(value)}"


def le(field: str, value: object) -> str:
    return f"{identifier(field)} <= {literal(value)}"


def in_(field: str, values: Collection[object]) -> str:
    return f"{identifier(field)} IN {_list(values)}"


def not_in(field: str, values: Collection[object]) -> str:
    return f"{identifier(field)} NOT IN {_list(values)}"


def and_(*predicates: str) -> str:
    return " AND ".join(predicates)


def or_(*predicates: str) -> str:
    """Join alternatives in parentheses, since SOQL refuses AND and OR side by side."""
    return "(" + " OR ".join(f"({p})" if " AND " in p else p for p in predicates) + ")"


def not_(predicate: str) -> str:
    return f"(NOT ({predicate}))"


def select(
    fields: Iterable[str],
    sobject: str,
    *,
    where: str | None = None,
    order_by: Sequence[str] = (),
    limit: int | None = None,
) -> str:
    """Write a query; `where` comes from the builders above."""
    names = ", ".join(identifier(field) for field in fields)
    if not names:
        raise ValueError(f"no field to select from {sobject}")
    query = f"SELECT {names} FROM {identifier(sobject)}"  # noqa: S608 - names are checked
    return query + _clauses(where, order_by, limit)


def count(sobject: str, *, where: str | None = None) -> str:
    """Ask for the number of rows, which arrives as `totalSize`."""
    query = f"SELECT COUNT() FROM {identifier(sobject)}"  # noqa: S608 - names are checked
    return query + _clauses(where, (), None)


def summary(
    sobject: str,
    aggregates: Mapping[str, tuple[str, str]],
    *,
    where: str | None = None,
    group_by: Sequence[str] = (),
) -> str:
    """Ask for aggregates, each an alias with its function and field, beside what they go by."""
    asked = [identifier(field) for field in group_by]
    for alias, (function, field) in aggregates.items():
        asked.append(f"{identifier(function)}({identifier(field)}) {identifier(alias)}")
    query = f"SELECT {', '.join(asked)} FROM {identifier(sobject)}"  # noqa: S608 - names are checked
    by = f" GROUP BY {', '.join(map(identifier, group_by))}" if group_by else ""
    return query + _clauses(where, (), None) + by


def keyset(since: datetime, until: datetime, after: tuple[datetime, str] | None = None) -> str:
    """Select [since, until) by SystemModstamp, past the row (stamp, id) that was read last."""
    stamp, last = after or (since, None)
    window = and_(ge("SystemModstamp", stamp), lt("SystemModstamp", until))
    if last is None:
        return window
    return and_(window, or_(gt("SystemModstamp", stamp), gt("Id", last)))


def _clauses(where: str | None, order_by: Sequence[str], limit: int | None) -> str:
    text = f" WHERE {where}" if where else ""
    if order_by:
        text += " ORDER BY " + ", ".join(_ordering(term) for term in order_by)
    return text if limit is None else f"{text} LIMIT {limit:d}"


def _ordering(term: str) -> str:
    parts = _ORDER.fullmatch(term)
    if not parts:
        raise ValueError(f"not an ordering: {term!r}")
    identifier(parts[1])
    return term


def _number(value: Decimal) -> str:
    if not value.is_finite():
        raise ValueError(f"no SOQL literal for {value}")
    return format(value, "f")


def _instant(value: datetime) -> str:
    if value.utcoffset() is None:
        raise ValueError(f"an instant needs a zone: {value.isoformat()}")
    exact = "milliseconds" if value.microsecond else "seconds"
    return value.astimezone(UTC).replace(tzinfo=None).isoformat(timespec=exact) + "Z"


def _list(values: Collection[object]) -> str:
    if isinstance(values, str) or not values:
        raise ValueError(f"IN needs at least one value, got {values!r}")
    return "(" + ", ".join(literal(value) for value in values) + ")"
