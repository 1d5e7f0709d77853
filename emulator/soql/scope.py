"""Names to columns: fields of the queried object and, through LEFT JOINs, of its parents."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from emulator.errors import bad, no_such_column
from emulator.schema.field import Field
from emulator.soql.parse import marker
from emulator.soql.tree import Call, Path

if TYPE_CHECKING:
    from emulator.schema.registry import Registry
    from emulator.schema.sobject import SObject
    from emulator.soql.tree import Operand, Query

_DEEPEST = 5  # Salesforce follows five parents at most
AGGREGATES = {"COUNT": "int", "COUNT_DISTINCT": "int", "SUM": "double", "AVG": "double"}
_DATE_PARTS = {
    "CALENDAR_YEAR": ("int", "CAST(substr({0}, 1, 4) AS INT)"),
    "CALENDAR_QUARTER": ("int", "(CAST(substr({0}, 6, 2) AS INT) + 2) / 3"),
    "CALENDAR_MONTH": ("int", "CAST(substr({0}, 6, 2) AS INT)"),
    "DAY_IN_MONTH": ("int", "CAST(substr({0}, 9, 2) AS INT)"),
    "HOUR_IN_DAY": ("int", "CAST(substr({0}, 12, 2) AS INT)"),
    "DAY_ONLY": ("date", "substr({0}, 1, 10)"),
}


@dataclass(frozen=True, slots=True)
class Source:
    """One table of the FROM clause; `follows` is the column its Ids are looked up by."""

    alias: str
    sobject: SObject
    follows: str = ""

    def sql(self, field: Field) -> str:
        if field.expression:
            return field.expression.replace("{t}", self.alias)
        return f'{self.alias}."{field.name}"'


@dataclass(frozen=True, slots=True)
class Column:
    """An operand as SQL, with the field whose type rules it."""

    sql: str
    field: Field


class Scope:
    """The tables one statement reads; asking for a parent adds its join."""

    def __init__(self, registry: Registry, query: Query) -> None:
        self._registry = registry
        self._query = query
        self.root = Source("t0", registry.find(query.sobject))
        self._sources: dict[tuple[str, ...], tuple[Source, ...]] = {(): (self.root,)}
        self._shared = registry.row_test(self.root.sobject.name, self.root.alias)
        self._looked_into: set[str] = set()
        self.clocked = False

    @property
    def tables(self) -> set[str]:
        read = {source.sobject.name for group in self._sources.values() for source in group}
        read |= self._looked_into
        return read.union(self._registry.above(self.root.sobject.name)) if self._shared else read

    @property
    def row_tests(self) -> list[str]:
        """SQL that keeps records out which the user may not see."""
        name = self.root.sobject.name
        hidden = '"Id" NOT IN (SELECT id FROM emulator_hidden)'
        hidden = f"{self.root.alias}.{hidden}" if name in self._registry.with_hidden_rows else ""
        return [test for test in (hidden, self._shared) if test]

    @property
    def joins(self) -> str:
        return "".join(
            f' LEFT JOIN "{source.sobject.name}" AS {source.alias}'
            f' ON {source.alias}."Id" = {source.follows}'
            for group in self._sources.values()
            for source in group
            if source.follows
        )

    def column(self, operand: Operand) -> Column:
        return self._path(operand) if isinstance(operand, Path) else self._call(operand)

    def parents(self, path: Path) -> tuple[str, ...]:
        """Return the relationships before the field, without the alias of the FROM clause."""
        names = path.parts[:-1]
        own = {
            (self._query.alias or self.root.sobject.name).lower(),
            self.root.sobject.name.lower(),
        }
        return names[1:] if names and names[0].lower() in own else names

    def sources(self, parents: tuple[str, ...], at: int) -> tuple[Source, ...]:
        """Return what a chain of parents leads to: several tables for a polymorphic one."""
        key = tuple(name.lower() for name in parents)
        if key not in self._sources:
            if len(key) > _DEEPEST:
                raise self._unknown_parent(parents[-1], at)
            self._sources[key] = self._join(self.sources(parents[:-1], at), parents[-1], at)
        return self._sources[key]

    def _join(self, before: tuple[Source, ...], name: str, at: int) -> tuple[Source, ...]:
        found = [
            (source, field, target)
            for source in before
            if (field := source.sobject.relationships.get(name.lower()))
            for target in field.to
            if self._registry.has(target)
        ]
        if not found:
            raise self._unknown_parent(name, at)
        first = sum(len(group) for group in self._sources.values())
        return tuple(
            Source(f"t{number}", self._registry.find(target), source.sql(field))
            for number, (source, field, target) in enumerate(found, first)
        )

    def _path(self, path: Path) -> Column:
        name = path.parts[-1]
        sources = self.sources(self.parents(path), path.at)
        found = [
            Column(source.sql(field), field)
            for source in sources
            if (field := source.sobject.lowered.get(name.lower()))
        ]
        if not found:
            raise no_such_column(
                name, sources[0].sobject.name, marker=marker(self._query.text, path.at)
            )
        self.clocked |= ":now" in found[0].field.expression
        self._looked_into |= {column.field.reads for column in found if column.field.reads}
        if len(found) == 1:
            return found[0]
        return Column(f"coalesce({', '.join(c.sql for c in found)})", found[0].field)

    def _call(self, call: Call) -> Column:
        if call.argument is None:
            if call.function != "COUNT":
                raise bad("MALFORMED_QUERY", "unexpected token: ')'")
            return Column("count(*)", Field(name="COUNT", type="int"))
        inner = self.column(call.argument)
        if call.function in _DATE_PARTS:
            kind, shape = _DATE_PARTS[call.function]
            return Column(shape.format(inner.sql), Field(name=inner.field.name, type=kind))
        if call.function in {"MIN", "MAX"}:
            return Column(f"{call.function}({inner.sql})", inner.field)
        if call.function in AGGREGATES:
            distinct = call.function == "COUNT_DISTINCT"
            sql = f"COUNT(DISTINCT {inner.sql})" if distinct else f"{call.function}({inner.sql})"
            return Column(sql, Field(name=call.text, type=AGGREGATES[call.function]))
        raise bad(
            "MALFORMED_QUERY",
            f"{marker(self._query.text, call.at)}unexpected token: '{call.function}'",
        )

    def _unknown_parent(self, name: str, at: int) -> Exception:
        return bad(
            "INVALID_FIELD",
            f"{marker(self._query.text, at)}Didn't understand relationship '{name}' in field path. "
            "If you are attempting to use a custom relationship, be sure to append the '__r' after "
            "the custom relationship name. Please reference your WSDL or the describe call for the "
            "appropriate names.",
        )


def is_aggregate(operand: Operand) -> bool:
    return isinstance(operand, Call) and (
        operand.function in AGGREGATES or operand.function in {"MIN", "MAX"}
    )
