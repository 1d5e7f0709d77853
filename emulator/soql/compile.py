"""Tree to SQL: one statement that finds row numbers in order, one that reads a page of them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from emulator.errors import bad
from emulator.soql.conditions import Conditions, Value
from emulator.soql.parse import marker
from emulator.soql.plan import Branch, Leaf, Plan
from emulator.soql.scope import Scope, is_aggregate
from emulator.soql.tree import Call, Item, Path
from emulator.statement import statement

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import date

    from emulator.schema.registry import Registry
    from emulator.schema.sobject import SObject
    from emulator.soql.tree import Ordering, Query

MAX_OFFSET = 2000
MAX_ALL_FIELDS = 200


def compile_query(query: Query, registry: Registry, today: date, *, include_deleted: bool) -> Plan:
    """Turn a tree into statements, refusing what the org does not have."""
    if query.offset > MAX_OFFSET:
        raise bad("NUMBER_OUTSIDE_VALID_RANGE", "Maximum SOQL offset allowed is 2000")
    finder = Scope(registry, query)
    params: dict[str, Value] = {"today": today.isoformat()}
    clauses = Clauses(
        query, finder, Conditions(finder, params, today), include_deleted=include_deleted
    )
    if query.group or any(is_aggregate(item.operand) for item in query.items):
        if not query.counts_only:
            return _aggregate(query, finder, clauses, params)
        return _count(finder, clauses, params)
    return _rows(query, registry, finder, clauses, params)


class Clauses:
    """The parts that every kind of statement shares."""

    def __init__(
        self, query: Query, scope: Scope, conditions: Conditions, *, include_deleted: bool
    ) -> None:
        self._query = query
        self._scope = scope
        self._conditions = conditions
        self.where = self._where(include_deleted=include_deleted)
        self.having = f" HAVING {conditions.sql(query.having)}" if query.having else ""
        self.order = self._order()
        self.limit = self._limit()

    def _where(self, *, include_deleted: bool) -> str:
        tests = [self._conditions.sql(self._query.where)] if self._query.where else []
        if not include_deleted and self._scope.root.sobject.has_bin:
            tests.append('t0."IsDeleted" = 0')
        tests += self._scope.row_tests
        return f" WHERE {' AND '.join(tests)}" if tests else ""

    def _order(self) -> str:
        keys = [key for ordering in self._query.order for key in self._ordering(ordering)]
        return f" ORDER BY {', '.join(keys)}" if keys else ""

    def _ordering(self, ordering: Ordering) -> Iterator[str]:
        column = self._scope.column(ordering.operand)
        if not column.field.can_filter or column.field.type == "multipicklist":
            raise bad(
                "INVALID_FIELD", f"field '{column.field.name}' can not be sorted in a query call"
            )
        nulls = " NULLS LAST" if ordering.nulls_last else " NULLS FIRST"
        # Saying what SQLite does anyway would keep it from walking an index.
        if not column.field.nillable or ordering.descending == ordering.nulls_last:
            nulls = ""
        yield f"{column.sql}{' DESC' if ordering.descending else ''}{nulls}"

    def _limit(self) -> str:
        if self._query.limit is None and not self._query.offset:
            return ""
        most = -1 if self._query.limit is None else self._query.limit
        return f" LIMIT {most} OFFSET {self._query.offset}"

    def source(self) -> str:
        return f'"{self._scope.root.sobject.name}" AS t0{self._scope.joins}{self.where}'


def _count(scope: Scope, clauses: Clauses, params: dict[str, Value]) -> Plan:
    find = statement("SELECT count(*) FROM (SELECT 1 FROM", clauses.source(), clauses.limit, ")")
    return Plan(
        sobject=scope.root.sobject.name,
        tables=frozenset(scope.tables),
        params=params,
        find=find,
        counts_only=True,
        clocked=scope.clocked,
    )


def _aggregate(query: Query, scope: Scope, clauses: Clauses, params: dict[str, Value]) -> Plan:
    grouped = {operand.text.lower() for operand in query.group}
    for item in query.items:
        if not is_aggregate(item.operand) and item.operand.text.lower() not in grouped:
            raise bad(
                "MALFORMED_QUERY",
                f"{marker(query.text, item.operand.at)}Field must be grouped or aggregated: "
                f"{item.operand.text}",
            )
    columns = [scope.column(item.operand) for item in query.items]
    names = _aggregate_names(query.items)
    group = ", ".join(scope.column(operand).sql for operand in query.group)
    by = f" GROUP BY {group}" if group else ""
    chosen = ", ".join(column.sql for column in columns)
    find = statement(
        "SELECT", chosen, "FROM", clauses.source(), by, clauses.having, clauses.order, clauses.limit
    )
    return Plan(
        sobject=scope.root.sobject.name,
        tables=frozenset(scope.tables),
        params=params,
        find=find,
        groups=tuple(zip(names, (column.field for column in columns), strict=True)),
        clocked=scope.clocked,
    )


def _aggregate_names(items: tuple[Item, ...]) -> list[str]:
    unnamed = 0
    names = []
    for item in items:
        if item.alias:
            names.append(item.alias)
        elif isinstance(item.operand, Path):
            names.append(item.operand.parts[-1])
        else:
            names.append(f"expr{unnamed}")
            unnamed += 1
    return names


def _rows(
    query: Query, registry: Registry, finder: Scope, clauses: Clauses, params: dict[str, Value]
) -> Plan:
    reader = Scope(registry, query)
    selection = _Selection(query, reader)
    columns = ", ".join(selection.columns)
    root = reader.root.sobject.name
    return Plan(
        sobject=root,
        tables=frozenset(finder.tables | reader.tables),
        params=params,
        find=statement("SELECT t0.seq FROM", clauses.source(), clauses.order, clauses.limit),
        page=statement(
            "SELECT",
            columns,
            "FROM json_each(:page) AS wanted",
            f'CROSS JOIN "{root}" AS t0 ON t0.seq = wanted.value',
            reader.joins,
        ),
        shape=selection.shape,
        clocked=reader.clocked or finder.clocked,
    )


class _Selection:
    """The select list as columns, and the tree of records they fold into."""

    def __init__(self, query: Query, scope: Scope) -> None:
        self._scope = scope
        self._query = query
        self.columns = ['t0."Id"']
        self.shape = Branch(0)
        for path in self._paths():
            self._add(path)

    def _paths(self) -> Iterator[Path]:
        for item in self._query.items:
            if isinstance(item.operand, Path):
                yield item.operand
            else:
                yield from self._expanded(item.operand)

    def _expanded(self, call: Call) -> Iterator[Path]:
        which = call.argument.text.upper() if call.argument else ""
        if call.function != "FIELDS" or which not in {"ALL", "CUSTOM", "STANDARD"}:
            place = marker(self._query.text, call.at)
            raise bad("MALFORMED_QUERY", f"{place}unexpected token: '{call.function}'")
        few = self._query.limit is not None and self._query.limit <= MAX_ALL_FIELDS
        if which != "STANDARD" and not few:
            raise bad(
                "MALFORMED_QUERY", "The SOQL FIELDS function must have a LIMIT of at most 200"
            )
        yield from _fields(self._scope.root.sobject, which, call.at)

    def _add(self, path: Path) -> None:
        field = self._scope.column(path).field
        branch = self._branch(self._scope.parents(path), path.at)
        if field.name in branch.children:
            raise bad("INVALID_FIELD", f"duplicate field selected: {field.name}")
        names = field.parts or (field.name,)
        sqls = [self._scope.column(Path((*path.parts[:-1], name), path.at)).sql for name in names]
        first = len(self.columns)
        self.columns += sqls
        branch.children[field.name] = Leaf(field, tuple(range(first, len(self.columns))))

    def _branch(self, parents: tuple[str, ...], at: int) -> Branch:
        branch = self.shape
        for depth in range(1, len(parents) + 1):
            chain = parents[:depth]
            sources = self._scope.sources(chain, at)
            name = self._relationship(chain, at)
            child = branch.children.get(name)
            if not isinstance(child, Branch):
                ids = ", ".join(f'{source.alias}."Id"' for source in sources)
                self.columns.append(f"coalesce({ids})" if len(sources) > 1 else ids)
                child = branch.children[name] = Branch(len(self.columns) - 1)
            branch = child
        return branch

    def _relationship(self, chain: tuple[str, ...], at: int) -> str:
        for source in self._scope.sources(chain[:-1], at):
            field = source.sobject.relationships.get(chain[-1].lower())
            if field and field.relationship:
                return field.relationship
        return chain[-1]


def _fields(sobject: SObject, which: str, at: int) -> Iterator[Path]:
    for field in sobject.fields.values():
        if which == "ALL" or field.custom == (which == "CUSTOM"):
            yield Path((field.name,), at)
