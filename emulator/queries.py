"""Queries answered: plans and pages remembered, cursors that stay good for two days."""

from __future__ import annotations

import secrets
from array import array
from collections import OrderedDict
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

import msgspec

from emulator.errors import bad, not_in_bulk
from emulator.ids import number_of, record_id
from emulator.manners import too_long, unfiltered, window_of
from emulator.results import Results
from emulator.soql.compile import compile_query
from emulator.soql.export import compile_export
from emulator.soql.parse import parse
from emulator.soql.render import Renderer, aggregate_records, body
from emulator.soql.tree import Call, Item
from emulator.stamps import wire
from emulator.statement import statement

if TYPE_CHECKING:
    from collections.abc import Callable, Hashable, Sequence

    from emulator.manners import Manners
    from emulator.results import Style
    from emulator.schema.registry import Registry
    from emulator.soql.export import Export
    from emulator.soql.plan import Plan
    from emulator.soql.render import Record, Rendered
    from emulator.soql.tree import Query
    from emulator.tables import Tables

CURSOR_LIFE = timedelta(days=2)
SMALLEST_PAGE, LARGEST_PAGE = 200, 2000
COUNTING = (Item(Call("COUNT", None, 0), None),)
_MOST_PLANS = 4096
_MOST_BYTES = 1 << 30
_MOST_EXPORTS = 4  # files of rows, kept for the next job that asks the same
_MOST_CURSOR_ROWS = 1 << 26  # half a gigabyte of row numbers, then the oldest cursors go


@dataclass(slots=True)
class Cursor:
    """The rows a query found, in order: fixed, while their values are read page by page."""

    plan: Plan
    rows: array[int]
    born: datetime
    page_size: int


class _Pages:
    """Rendered answers, the least used dropped first when they exceed the bound."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._held = 0
        self._pages: OrderedDict[Hashable, Rendered] = OrderedDict()

    def get(self, key: Hashable) -> Rendered | None:
        page = self._pages.get(key)
        if page is not None:
            self._pages.move_to_end(key)
        return page

    def put(self, key: Hashable, page: Rendered) -> None:
        if known := self._pages.pop(key, None):
            self._held -= known.size
        self._pages[key] = page
        self._held += page.size
        while self._held > self._most and len(self._pages) > 1:
            self._held -= self._pages.popitem(last=False)[1].size


class Queries:
    """Runs SOQL against the tables as the registry shows them."""

    def __init__(
        self, registry: Registry, tables: Tables, now: Callable[[], datetime], manners: Manners
    ) -> None:
        self._registry = registry
        self._tables = tables
        self._now = now
        self._manners = manners
        self._plans: OrderedDict[Hashable, Plan] = OrderedDict()
        self._pages = _Pages(_MOST_BYTES)
        self._cursors: OrderedDict[str, Cursor] = OrderedDict()
        self._cursor_rows = 0
        self._exports: OrderedDict[Hashable, tuple[str, Results]] = OrderedDict()
        # Random, so that no locator of an earlier start can ever name another query's rows.
        self._next_locator = secrets.randbelow(1 << 40)

    def run(self, soql: str, *, version: str, include_deleted: bool, batch_size: int) -> Rendered:
        plan = self._plan(soql, include_deleted=include_deleted)
        wanted = self._manners.of(plan.sobject).filters
        if wanted and (refusal := unfiltered(parse(soql), wanted)):
            raise refusal
        size = min(max(batch_size, SMALLEST_PAGE), LARGEST_PAGE)
        key = (soql, include_deleted, size, version, self._state(plan))
        page = self._pages.get(key)
        if page is None or not self._still_good(page):
            self._refuse_the_long(plan, soql, include_deleted=include_deleted)
            size = self._manners.of(plan.sobject).page_rows or size
            page = self._first(plan, size, version)
            self._pages.put(key, page)
        return page

    def more(self, locator: str, *, version: str) -> Rendered:
        name, _, offset = locator.rpartition("-")
        cursor = self._cursors.get(name)
        if cursor is None or not offset.isdigit() or self._expired(cursor):
            raise bad("INVALID_QUERY_LOCATOR", "invalid query locator")
        if not 0 <= int(offset) < len(cursor.rows):
            raise bad("INVALID_QUERY_LOCATOR", "invalid query locator")
        key = (locator, version, self._state(cursor.plan))
        page = self._pages.get(key)
        if page is None:
            page = self._page(name, cursor, int(offset), version)
            self._pages.put(key, page)
        return page

    def records(self, soql: str, *, include_deleted: bool, version: str) -> list[dict[str, Any]]:
        """Return every record of a query as plain values."""
        plan = self._plan(soql, include_deleted=include_deleted)
        if plan.counts_only:
            return []
        if plan.groups:
            return aggregate_records(plan.groups, self._all(plan.find, plan))
        return self._plain(plan, self._find(plan), version)

    def by_id(
        self, sobject: str, ids: Sequence[str], fields: Sequence[str], version: str
    ) -> dict[str, dict[str, Any]]:
        """Return the records of these Ids, deleted ones too, by Id."""
        names = [*dict.fromkeys(fields)]
        plan = self._plan(
            statement("SELECT", ", ".join(names), "FROM", sobject), include_deleted=True
        )
        wanted = array("q", map(number_of, ids))
        return {
            record["attributes"]["url"].rpartition("/")[2]: record
            for record in self._plain(plan, wanted, version)
        }

    def export(
        self, soql: str, *, include_deleted: bool, style: Style, refused: frozenset[str]
    ) -> tuple[str, Results]:
        """Find and print the rows of a Bulk job, as they are at this moment."""
        export = compile_export(
            soql, self._registry, self._now().date(), include_deleted=include_deleted
        )
        if export.sobject in refused:
            raise not_in_bulk(export.sobject)
        key = (soql, include_deleted, style, self._state(export))
        found = self._exports.get(key)
        if found is None:
            found = self._exports[key] = (export.sobject, self._exported(export, style))
            if len(self._exports) > _MOST_EXPORTS:
                self._exports.popitem(last=False)
        return found

    def _exported(self, export: Export, style: Style) -> Results:
        params = export.params | {"now": wire(self._now())}
        results = Results(export.header, style)
        results.fill(self._tables.connection.execute(export.sql, params), export.wholes)
        return results

    def _plain(self, plan: Plan, rows: array[int], version: str) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = msgspec.to_builtins(self._read(plan, rows, version))
        return found

    def _plan(self, soql: str, *, include_deleted: bool) -> Plan:
        today = self._now().date()
        key = (soql, include_deleted, self._registry.version, today)
        plan = self._plans.get(key)
        if plan is None:
            query = parse(soql)
            plan = compile_query(query, self._registry, today, include_deleted=include_deleted)
            self._plans[key] = plan
            if len(self._plans) > _MOST_PLANS:
                self._plans.popitem(last=False)
        return plan

    def _state(self, plan: Plan | Export) -> Hashable:
        """Change whenever a page of this plan could read differently."""
        now = self._now()
        writes = tuple(self._tables.writes[name] for name in sorted(plan.tables))
        clock = wire(now) if plan.clocked else now.date()
        return (writes, clock, self._registry.version, self._manners.version)

    def _refuse_the_long(self, plan: Plan, soql: str, *, include_deleted: bool) -> None:
        """Time out what this org does not get done in two minutes."""
        manners = self._manners.of(plan.sobject)
        if not manners.times_out:
            return
        if (plan.counts_only or plan.groups) and not manners.aggregates_too:
            return
        query = parse(soql)
        width = window_of(query, self._now())
        if manners.widest_window is not None and width.total_seconds() > manners.widest_window:
            raise too_long()
        for most, counted in (
            (manners.most_rows, query),
            (manners.most_matching, replace(query, limit=None, offset=0)),
        ):
            if most is not None and self._count(counted, include_deleted=include_deleted) > most:
                raise too_long()

    def _count(self, query: Query, *, include_deleted: bool) -> int:
        counting = replace(query, items=COUNTING, group=(), having=None, order=())
        today = self._now().date()
        plan = compile_query(counting, self._registry, today, include_deleted=include_deleted)
        return int(self._all(plan.find, plan)[0][0])

    def _first(self, plan: Plan, size: int, version: str) -> Rendered:
        if plan.counts_only:
            return body(self._all(plan.find, plan)[0][0], [])
        if plan.groups:
            return self._aggregate(plan)
        cursor = Cursor(plan, self._find(plan), self._now(), size)
        name = self._open(cursor) if len(cursor.rows) > size else ""
        return self._page(name, cursor, 0, version)

    def _aggregate(self, plan: Plan) -> Rendered:
        rows = self._all(plan.find, plan)
        if len(rows) > LARGEST_PAGE:
            raise bad(
                "EXCEEDED_ID_LIMIT",
                "Aggregate query does not support queryMore(), use LIMIT to restrict the results "
                "to a single batch",
            )
        return body(len(rows), aggregate_records(plan.groups, rows))

    def _page(self, name: str, cursor: Cursor, offset: int, version: str) -> Rendered:
        end = offset + cursor.page_size
        records = self._read(cursor.plan, cursor.rows[offset:end], version)
        more = f"/services/data/v{version}/query/{name}-{end}" if end < len(cursor.rows) else None
        page = body(len(cursor.rows), records, more)
        page.locator = name if more else ""
        return page

    def _read(self, plan: Plan, rows: array[int], version: str) -> list[Record]:
        if plan.shape is None:
            raise TypeError("an aggregate has no records to read")
        wanted = "[" + ",".join(map(str, rows)) + "]"
        found = self._all(plan.page, plan, page=wanted)
        return Renderer(version, self._type_of).records(plan.shape, found)

    def _find(self, plan: Plan) -> array[int]:
        return array("q", [row[0] for row in self._all(plan.find, plan)])

    def _all(self, sql: str, plan: Plan, **more: Any) -> list[tuple[Any, ...]]:
        params = plan.params | {"now": wire(self._now())} | more
        return self._tables.connection.execute(sql, params).fetchall()

    def _type_of(self, id_: str) -> str:
        sobject = self._registry.of_id(id_)
        return sobject.name if sobject else "Name"

    def _open(self, cursor: Cursor) -> str:
        self._next_locator += 1
        name = record_id("0r8", self._next_locator)
        self._cursors[name] = cursor
        self._cursor_rows += len(cursor.rows)
        while self._cursor_rows > _MOST_CURSOR_ROWS and len(self._cursors) > 1:
            self._cursor_rows -= len(self._cursors.popitem(last=False)[1].rows)
        return name

    def _still_good(self, page: Rendered) -> bool:
        """Renew the cursor of a remembered first page; a page whose cursor is gone is no use."""
        if not page.locator:
            return True
        cursor = self._cursors.get(page.locator)
        if cursor is None or self._expired(cursor):
            return False
        cursor.born = self._now()
        return True

    def _expired(self, cursor: Cursor) -> bool:
        return self._now() - cursor.born > CURSOR_LIFE
