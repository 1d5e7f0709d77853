"""Conditions to SQL with parameters, by the type of the field on the left."""

from __future__ import annotations

import re
from datetime import date, datetime
from typing import TYPE_CHECKING

from emulator.errors import bad
from emulator.ids import canonical
from emulator.schema.field import NUMBER_TYPES
from emulator.soql.dates import Span, span
from emulator.soql.tree import Comparison, Junction
from emulator.stamps import wire

if TYPE_CHECKING:
    from emulator.schema.field import Field
    from emulator.soql.scope import Column, Scope
    from emulator.soql.tree import Condition, Literal

Value = str | int | float | None
_KINDS = {
    "boolean": ("BOOLEAN",),
    "date": ("DATE", "DATE_LITERAL"),
    "datetime": ("DATETIME", "DATE_LITERAL"),
} | dict.fromkeys(NUMBER_TYPES, ("INTEGER", "NUMBER"))
_WORDS = {"datetime": "dateTime", "currency": "double", "percent": "double"}
_RANGED = frozenset({"<", "<=", ">", ">="})
_LONGEST = 4000  # characters of a string literal in WHERE


class Conditions:
    """Writes WHERE and HAVING, and keeps the parameters they name."""

    def __init__(self, scope: Scope, params: dict[str, Value], today: date) -> None:
        self._scope = scope
        self._params = params
        self._today = today

    def sql(self, condition: Condition) -> str:
        if isinstance(condition, Comparison):
            return self._comparison(condition)
        if isinstance(condition, Junction):
            return "(" + f" {condition.word} ".join(map(self.sql, condition.terms)) + ")"
        return f"({self.sql(condition.term)}) IS NOT TRUE"

    def _comparison(self, test: Comparison) -> str:
        column = self._scope.column(test.operand)
        _check_operator(column.field, test)
        if test.operator in {"INCLUDES", "EXCLUDES"}:
            return self._includes(column, test)
        values = [self._value(column.field, test, literal) for literal in test.values]
        if test.operator in {"IN", "NOT IN"}:
            return self._within(column, test.operator, values)
        value = values[0]
        if isinstance(value, tuple):
            return self._span(column, test.operator, value)
        return self._plain(column, test.operator, value)

    def _plain(self, column: Column, operator: str, value: Value) -> str:
        if value is None:
            if operator in _RANGED:
                return "0"
            return f"{column.sql} IS {'' if operator == '=' else 'NOT '}NULL"
        if operator == "LIKE":
            return f"{column.sql} LIKE {self._name(value)} ESCAPE '\\'"
        return f"{column.sql} {'IS NOT' if operator == '!=' else operator} {self._name(value)}"

    def _span(self, column: Column, operator: str, days: Span) -> str:
        start, end = (self._name(_edge(column.field, day)) for day in days)
        sql = column.sql
        return {
            "=": f"({sql} >= {start} AND {sql} < {end})",
            "!=": f"({sql} >= {start} AND {sql} < {end}) IS NOT TRUE",
            "<": f"{sql} < {start}",
            "<=": f"{sql} < {end}",
            ">": f"{sql} >= {end}",
            ">=": f"{sql} >= {start}",
        }[operator]

    def _within(self, column: Column, operator: str, values: list[Value | Span]) -> str:
        if any(isinstance(value, tuple) for value in values):
            spans = [self._equal(column, value) for value in values]
            return f"({' OR '.join(spans)}) IS {'' if operator == 'IN' else 'NOT '}TRUE"
        plain = [v for v in values if v is not None and not isinstance(v, tuple)]
        listed = f"{column.sql} IN ({', '.join(map(self._name, plain))})"
        if None in values:
            listed = f"({listed} OR {column.sql} IS NULL)"
        return listed if operator == "IN" else f"({listed}) IS NOT TRUE"

    def _equal(self, column: Column, value: Value | Span) -> str:
        if isinstance(value, tuple):
            return self._span(column, "=", value)
        return self._plain(column, "=", value)

    def _includes(self, column: Column, test: Comparison) -> str:
        listed = f"';' || lower({column.sql}) || ';'"
        groups = [
            [f"instr({listed}, {self._name(f';{part.lower()};')}) > 0" for part in text.split(";")]
            for text in (unquote(literal.text) for literal in test.values)
        ]
        either = " OR ".join(f"({' AND '.join(group)})" for group in groups)
        return f"({either}) IS {'' if test.operator == 'INCLUDES' else 'NOT '}TRUE"

    def _name(self, value: Value) -> str:
        name = f"p{len(self._params)}"
        self._params[name] = value
        return f":{name}"

    def _value(self, field: Field, test: Comparison, literal: Literal) -> Value | Span:
        if literal.kind == "NULL":
            return None
        if literal.kind not in _KINDS.get(field.type, ("STRING",)):
            raise _mistyped(field, literal)
        if literal.kind == "STRING":
            return _text(field, unquote(literal.text, like=test.operator == "LIKE"), test.operator)
        if literal.kind == "DATE_LITERAL":
            return span(literal.text, literal.count, self._today)
        return _constant(literal)


def unquote(text: str, *, like: bool = False) -> str:
    """Read a quoted literal; LIKE keeps the backslash before its wildcards."""
    named = {"n": "\n", "r": "\r", "t": "\t", "b": "\b", "f": "\f"}

    def plain(match: re.Match[str]) -> str:
        char = match.group(1)
        if like and char in "%_\\":
            return f"\\{char}"
        return named.get(char.lower(), char)

    return re.sub(r"\\(.)", plain, text[1:-1])


def _constant(literal: Literal) -> Value:
    if literal.kind == "BOOLEAN":
        return int(literal.text.lower() == "true")
    if literal.kind in {"INTEGER", "NUMBER"}:
        return float(literal.text) if literal.kind == "NUMBER" else int(literal.text)
    try:
        if literal.kind == "DATE":
            return date.fromisoformat(literal.text).isoformat()
        return wire(datetime.fromisoformat(literal.text.upper()), exact=True)
    except ValueError:
        raise bad("MALFORMED_QUERY", f"Invalid date: {literal.text}") from None


def _text(field: Field, text: str, operator: str) -> str | None:
    if len(text) > _LONGEST:
        raise bad("INVALID_QUERY_FILTER_OPERATOR", "filter value is too long")
    if field.type in {"id", "reference"} and operator != "LIKE" and text:
        found = canonical(text)
        if found is None and operator not in _RANGED:
            raise bad("INVALID_QUERY_FILTER_OPERATOR", f"invalid ID field: {text}")
        return found or text
    return text if text or operator in _RANGED else None


def _edge(field: Field, day: date) -> str:
    return day.isoformat() if field.type == "date" else f"{day.isoformat()}T00:00:00.000+0000"


def _mistyped(field: Field, literal: Literal) -> Exception:
    known = field.type in _KINDS
    word = _WORDS.get(field.type, field.type) if known else "string"
    tail = " and should not be enclosed in quotes" if literal.kind == "STRING" else ""
    if not known:
        tail = " and should be enclosed in quotes"
    return bad(
        "INVALID_FIELD",
        f"value of filter criterion for field '{field.name}' must be of type {word}{tail}",
    )


def _check_operator(field: Field, test: Comparison) -> None:
    if not field.can_filter:
        raise bad(
            "INVALID_FIELD", f"field '{field.name}' can not be filtered in a query call", field.name
        )
    multiple = field.type == "multipicklist"
    fits = {
        "LIKE": field.type not in _KINDS,
        "INCLUDES": multiple,
        "EXCLUDES": multiple,
    }.get(test.operator, not (multiple and test.operator in _RANGED))
    if not fits or (field.type == "boolean" and test.operator in _RANGED):
        raise bad(
            "INVALID_QUERY_FILTER_OPERATOR",
            f"invalid operator on {field.type} field '{field.name}'",
        )
