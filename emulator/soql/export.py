"""Tree to one statement that reads whole rows as Bulk prints them, and what Bulk refuses to run."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from emulator.errors import bad
from emulator.soql.compile import Clauses
from emulator.soql.conditions import Conditions
from emulator.soql.parse import parse
from emulator.soql.scope import Scope, is_aggregate
from emulator.soql.tree import Path
from emulator.statement import statement

if TYPE_CHECKING:
    from datetime import date

    from emulator.errors import ApiError
    from emulator.schema.field import Field
    from emulator.schema.registry import Registry
    from emulator.soql.conditions import Value
    from emulator.soql.tree import Query

_SUBQUERY = re.compile(r"\(\s*SELECT\b", re.IGNORECASE)
_TYPEOF = re.compile(r"\bTYPEOF\b", re.IGNORECASE)
_LITERAL = re.compile(r"'(?:[^'\\]|\\.)*'")


@dataclass(frozen=True, slots=True)
class Export:
    """What to run for a job, and the columns it yields."""

    sobject: str
    tables: frozenset[str]
    params: dict[str, Value]
    sql: str
    header: tuple[str, ...]
    wholes: tuple[int, ...]
    """Columns of integers, for orgs that print them as decimals."""
    clocked: bool


def compile_export(soql: str, registry: Registry, today: date, *, include_deleted: bool) -> Export:
    """Turn a job's text into a statement, refusing what the Bulk API does not do."""
    _refuse_by_text(soql)
    query = parse(soql)
    scope = Scope(registry, query)
    params: dict[str, Value] = {"today": today.isoformat()}
    clauses = Clauses(
        query, scope, Conditions(scope, params, today), include_deleted=include_deleted
    )
    header: list[str] = []
    columns: list[str] = []
    wholes: list[int] = []
    for path in _paths(query):
        found = scope.column(path)
        _refuse_compound(found.field)
        if found.field.type == "int":
            wholes.append(len(header))
        parents = [*scope.parents(path)]
        header.append(".".join([*parents, found.field.name]))
        columns.append(_printed(found.sql, found.field))
    sql = statement(
        "SELECT", ", ".join(columns), "FROM", clauses.source(), clauses.order, clauses.limit
    )
    return Export(
        sobject=scope.root.sobject.name,
        tables=frozenset(scope.tables),
        params=params,
        sql=sql,
        header=tuple(header),
        wholes=tuple(wholes),
        clocked=scope.clocked,
    )


def _refuse_by_text(soql: str) -> None:
    text = _LITERAL.sub("''", soql)
    if _SUBQUERY.search(text):
        raise _unsupported("Nested queries are not supported in Bulk Query")
    if _TYPEOF.search(text):
        raise _unsupported("TYPEOF is not supported in Bulk Query")


def _paths(query: Query) -> list[Path]:
    if query.group or any(is_aggregate(item.operand) for item in query.items):
        raise _unsupported("Aggregate Relationships not supported in Bulk Query")
    if query.offset:
        raise _unsupported("OFFSET is not supported in Bulk Query")
    paths = [item.operand for item in query.items if isinstance(item.operand, Path)]
    if len(paths) < len(query.items):
        raise _unsupported("Functions are not supported in Bulk Query")
    return paths


def _refuse_compound(field: Field) -> None:
    if field.parts:
        raise _unsupported("Selecting compound data not supported in Bulk Query")


def _printed(sql: str, field: Field) -> str:
    """Write a column as the CSV has it: instants with a Z, booleans as words."""
    if field.type == "datetime":
        return f"substr({sql}, 1, 23) || 'Z'"
    if field.type == "boolean":
        return f"CASE WHEN {sql} THEN 'true' ELSE 'false' END"
    return sql


def _unsupported(message: str) -> ApiError:
    return bad("FUNCTIONALITY_NOT_ENABLED", message)
