"""Row filters and who leaves them: a record that no longer matches is marked, not left stale.

What a filter asks for can only tell who is in. So the same window is asked for those that are out;
of them, what the store holds becomes a tombstone with the cause `filtered`. One that matches again
comes with its next change, and is alive again.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime

import msgspec
import structlog

from models.watermark import Position, Window
from pipelines.pages import instant
from pipelines.plan import PAGE, STAMP, Plan
from salesforce import soql
from salesforce.client import Client
from salesforce.errors import ProtocolError
from salesforce.values import Page
from store import records
from store.engine import Store

CAUSE = "filtered"

log = structlog.get_logger()


class _Key(msgspec.Struct, rename={"id": "Id", "stamp": "SystemModstamp"}, gc=False):
    id: str
    stamp: str


@dataclass(frozen=True, kw_only=True)
class Leavers:
    """One account's leave detection; belongs into `Road.on_window`."""

    client: Client
    store: Store
    clock: Callable[[], datetime]

    def __call__(self, plan: Plan, window: Window) -> None:
        """Mark what changed within a window and is out of the filter by now."""
        if not plan.row_filter or plan.stamp != STAMP:
            return
        left = 0
        for page in self._outside(plan, plan.row_filter, window):
            ids = [key.id for key in page.records]
            at = page.server_time or self.clock()
            with self.store.begin() as tx:
                left += records.bury(tx, plan.model, ids, at=at, cause=CAUSE)
        if left:
            log.info("rows.left", object=plan.model.sobject, rows=left)

    def _outside(self, plan: Plan, row_filter: str, window: Window) -> Iterator[Page[_Key]]:
        position: Position | None = None
        scope = [plan.model.where] if plan.model.where else []
        scope.append(soql.not_(row_filter))
        while True:
            where = soql.and_(*scope, soql.keyset(window.since, window.until, position))
            query = soql.select(
                ["Id", STAMP],
                plan.model.sobject,
                where=where,
                order_by=[STAMP, "Id"],
                limit=PAGE,
            )
            page = self.client.query_page(query, record=_Key, include_deleted=True)
            yield page
            if page.done and page.total_size <= len(page.records) < PAGE:
                return
            last = page.records[-1] if page.records else None
            after = Position(instant(last.stamp), last.id) if last else None
            if after is None or after == position:
                raise ProtocolError("the page ends where it was to begin", code="NO_PROGRESS")
            position = after
