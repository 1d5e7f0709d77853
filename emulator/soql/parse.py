"""Text to tree: the grammar, built once, and the words Salesforce has for a text it cannot read."""

from __future__ import annotations

import re
from functools import cache
from pathlib import Path as File
from typing import TYPE_CHECKING, Any

from lark import Lark, Token, Transformer, UnexpectedCharacters, UnexpectedInput, UnexpectedToken

from emulator.errors import bad
from emulator.soql.tree import (
    Call,
    Comparison,
    Condition,
    Item,
    Junction,
    Literal,
    Negation,
    Operand,
    Ordering,
    Path,
    Query,
)

if TYPE_CHECKING:
    from emulator.errors import ApiError

LONGEST = 100_000
_CONTEXT = 40  # how much of a long query is quoted before the place of an error


def parse(text: str) -> Query:
    """Read a query, or refuse it with MALFORMED_QUERY."""
    if len(text) > LONGEST:
        raise bad(
            "QUERY_TOO_COMPLICATED", "SOQL statements cannot be longer than 100000 characters."
        )
    try:
        tree = _parser().parse(text)
    except UnexpectedInput as error:
        raise _malformed(text, error) from None
    return _Builder(text).transform(tree)


@cache
def _parser() -> Lark:
    grammar = File(__file__).with_name("grammar.lark").read_text(encoding="utf-8")
    return Lark(grammar, start="query", parser="lalr", propagate_positions=False)


def marker(text: str, at: int) -> str:
    """Point at a place in the query, as Salesforce's errors begin."""
    start = max(0, at - _CONTEXT)
    row = text.count("\n", 0, at) + 1
    column = at - (text.rfind("\n", 0, at) + 1) + 1
    line = text[start : at + _CONTEXT].replace("\n", " ")
    return f"\n{line}\n{' ' * (at - start)}^\nERROR at Row:{row}:Column:{column}\n"


def _malformed(text: str, error: UnexpectedInput) -> ApiError:
    at = error.pos_in_stream if error.pos_in_stream is not None else len(text)
    if isinstance(error, UnexpectedToken) and error.token.type == "$END":
        return bad("MALFORMED_QUERY", "unexpected token: '<EOF>'")
    found = re.compile(r"\w+|\S").search(text, at)
    word = found.group() if found else "<EOF>"
    if isinstance(error, UnexpectedCharacters) and word == "'":
        return bad(
            "MALFORMED_QUERY",
            f"{marker(text, at)}line 1:{at} mismatched character '<EOF>' expecting '''",
        )
    return bad("MALFORMED_QUERY", f"{marker(text, at)}unexpected token: '{word}'")


class _Builder(Transformer[Token, Query]):
    """Turns what the grammar found into our tree."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self._text = text

    def query(self, parts: list[Any]) -> Query:
        items, sobject, alias, where, group, having, order, limit, offset = parts
        return Query(
            text=self._text,
            items=items,
            sobject=str(sobject),
            alias=str(alias) if alias else None,
            where=where,
            group=group or (),
            having=having,
            order=order or (),
            limit=limit,
            offset=offset or 0,
        )

    def select(self, parts: list[Item]) -> tuple[Item, ...]:
        return tuple(parts)

    def item(self, parts: list[Any]) -> Item:
        return Item(parts[0], str(parts[1]) if len(parts) > 1 and parts[1] else None)

    def path(self, parts: list[Token]) -> Path:
        return Path(tuple(map(str, parts)), parts[0].start_pos or 0)

    def call(self, parts: list[Any]) -> Call:
        name, argument = parts
        return Call(str(name).upper(), argument, name.start_pos or 0)

    def value(self, parts: list[Any]) -> Literal:
        token = parts[0]
        count = int(parts[1]) if len(parts) > 1 and parts[1] is not None else None
        return Literal(token.type, str(token), count)

    def values(self, parts: list[Literal]) -> tuple[Literal, ...]:
        return tuple(parts)

    def compare(self, parts: list[Any]) -> Comparison:
        operand, operator, value = parts
        return Comparison(operand, "!=" if operator == "<>" else str(operator), (value,))

    def like(self, parts: list[Any]) -> Comparison:
        return Comparison(parts[0], "LIKE", (parts[1],))

    def within(self, parts: list[Any]) -> Comparison:
        return Comparison(parts[0], "IN", parts[1])

    def without(self, parts: list[Any]) -> Comparison:
        return Comparison(parts[0], "NOT IN", parts[1])

    def includes(self, parts: list[Any]) -> Comparison:
        return Comparison(parts[0], "INCLUDES", parts[1])

    def excludes(self, parts: list[Any]) -> Comparison:
        return Comparison(parts[0], "EXCLUDES", parts[1])

    def every(self, parts: list[Condition]) -> Junction:
        return Junction("AND", tuple(parts))

    def any(self, parts: list[Condition]) -> Junction:
        return Junction("OR", tuple(parts))

    def negation(self, parts: list[Condition]) -> Negation:
        return Negation(parts[0])

    def where(self, parts: list[Condition]) -> Condition:
        return parts[0]

    having = where

    def group(self, parts: list[Operand]) -> tuple[Operand, ...]:
        return tuple(parts)

    def order(self, parts: list[Ordering]) -> tuple[Ordering, ...]:
        return tuple(parts)

    def ordering(self, parts: list[Any]) -> Ordering:
        operand, direction, place = parts
        return Ordering(
            operand,
            descending=bool(direction) and direction.upper() == "DESC",
            nulls_last=bool(place) and place.upper() == "LAST",
        )

    def limit(self, parts: list[Token]) -> int:
        return int(parts[0])

    offset = limit
