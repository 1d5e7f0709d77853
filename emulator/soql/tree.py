"""A query as a tree of frozen values, each knowing where in the text it stood."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Path:
    """A field, reached through any number of parents: `Account.Owner.Name`."""

    parts: tuple[str, ...]
    at: int

    @property
    def text(self) -> str:
        return ".".join(self.parts)


@dataclass(frozen=True, slots=True)
class Call:
    """A function of a field or of another call: `COUNT(Id)`, `DAY_ONLY(CreatedDate)`."""

    function: str
    argument: Path | Call | None
    at: int

    @property
    def text(self) -> str:
        return f"{self.function}({self.argument.text if self.argument else ''})"


Operand = Path | Call


@dataclass(frozen=True, slots=True)
class Literal:
    """A value as written, with the kind of token it was."""

    kind: str
    text: str
    count: int | None = None


@dataclass(frozen=True, slots=True)
class Item:
    """One entry of the select list."""

    operand: Operand
    alias: str | None


@dataclass(frozen=True, slots=True)
class Comparison:
    """A field beside one value, or a list of them."""

    operand: Operand
    operator: str
    values: tuple[Literal, ...]


@dataclass(frozen=True, slots=True)
class Junction:
    """Conditions joined by one word, AND or OR."""

    word: str
    terms: tuple[Condition, ...]


@dataclass(frozen=True, slots=True)
class Negation:
    """NOT, before one condition."""

    term: Condition


Condition = Comparison | Junction | Negation


@dataclass(frozen=True, slots=True)
class Ordering:
    """One sort key; nulls come first unless the query says otherwise."""

    operand: Operand
    descending: bool
    nulls_last: bool


@dataclass(frozen=True, slots=True)
class Query:
    """A whole query."""

    text: str
    items: tuple[Item, ...]
    sobject: str
    alias: str | None
    where: Condition | None = None
    group: tuple[Operand, ...] = ()
    having: Condition | None = None
    order: tuple[Ordering, ...] = ()
    limit: int | None = None
    offset: int = 0

    @property
    def counts_only(self) -> bool:
        """Tell `SELECT COUNT()`, whose answer is a total without records."""
        return all(
            isinstance(item.operand, Call)
            and not item.operand.argument
            and item.operand.function == "COUNT"
            for item in self.items
        )
