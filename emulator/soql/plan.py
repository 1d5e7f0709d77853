"""A compiled query: the statements that find the rows, and the shape its records take."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from emulator.schema.field import Field
    from emulator.soql.conditions import Value


@dataclass(slots=True)
class Branch:
    """A record of the answer: the fields chosen from one object, and its parents inside."""

    key: int
    children: dict[str, Leaf | Branch] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Leaf:
    """A value of a record; a compound takes several columns."""

    field: Field
    columns: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Plan:
    """What to run for a query, made once for each text, schema and day."""

    sobject: str
    tables: frozenset[str]
    params: dict[str, Value]
    find: str
    page: str = ""
    shape: Branch | None = None
    counts_only: bool = False
    groups: tuple[tuple[str, Field], ...] = ()
    clocked: bool = False
