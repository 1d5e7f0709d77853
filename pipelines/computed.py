"""Computed fields: what changes without a stamp is read again, the least fresh rows first.

Formulas, roll-ups and fields that go by the clock never move SystemModstamp, so no pull brings
them. One sweep goes round over all Ids, some calls at a time; the next rows are the least fresh.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime

import structlog

from models.sobject import SObject
from pipelines import wide
from pipelines.describes import Describes
from pipelines.plan import PAGE, Plan
from pipelines.purpose import Purpose, spending
from pipelines.walk import TOO_LARGE
from salesforce import soql
from salesforce.client import Client
from salesforce.errors import ProtocolError, SalesforceError
from store import feeds, records, watermarks
from store.engine import Store

_KEYS = ("id", "system_modstamp")

log = structlog.get_logger()


@dataclass(frozen=True)
class Refreshed:
    """What one round of refreshing did."""

    sobject: str
    calls: int = 0
    rows: int = 0
    written: int = 0
    is_whole: bool = False
    """Whether a sweep came to its end: all rows are as fresh as its beginning."""


@dataclass(frozen=True, kw_only=True)
class Computed:
    """One account's sweeps over what is computed."""

    client: Client
    store: Store
    describes: Describes
    clock: Callable[[], datetime]
    page_size: int = PAGE

    def refresh(self, model: type[SObject], calls: int) -> Refreshed:
        """Spend so many calls on the rows that were longest not looked at.

        Raises `Skip` where the object cannot be read, and what the client raises; what was
        refreshed until then stands, and so does the place to go on from.
        """
        plan = self.describes.plan(model)
        result = Refreshed(model.sobject)
        if not plan.computed:
            return result
        with spending(Purpose.COMPUTED, model.sobject):
            size = self.page_size
            while result.calls < calls and not result.is_whole and size:
                result, size = self._page(_narrowed(plan), result, size)
        log.info("computed.refreshed", **{**vars(result), "object": result.sobject})
        return result

    def _page(self, plan: Plan, result: Refreshed, size: int) -> tuple[Refreshed, int]:
        """Refresh one page; a size of 0 says that somebody else is at it."""
        sobject = plan.model.sobject
        with self.store.read() as tx:
            mark = watermarks.read(tx, sobject)
        after = mark.computed_position
        began = mark.computed_started_at if after else self._server_now()
        try:
            found = self._read(plan, after, size)
        except SalesforceError as error:
            if error.code not in TOO_LARGE or size == 1:
                raise
            return replace(result, calls=result.calls + 1), max(size // 4, 1)
        page = found.page
        last = page.records[-1].id if page.records else None
        is_end = page.done and page.total_size <= len(found.rows) < size
        if last is None and not is_end:
            raise ProtocolError("an empty page that is not the last one", code="EMPTY_PAGE")
        if page.server_time is None:
            raise ProtocolError("the answer bears no Date", code="NO_DATE")
        # What does not fit its column went to `extra`, which holds more than computed fields.
        fields = tuple(field for field in found.fields if field != wide.EXTRA)
        rows = [row[: len(fields)] for row in found.rows]
        times = {"computed_started_at": None if is_end else began}
        if is_end:
            times["computed_through"] = began
        with self.store.begin(relaxed=True) as tx:
            to = None if is_end else last
            if not feeds.move_sweep(tx, sobject, after=after, to=to, **times):
                return result, 0
            written = records.fill(tx, plan.model, fields, rows, read_at=page.server_time)
        return replace(
            result,
            calls=result.calls + 1,
            rows=result.rows + len(rows),
            written=result.written + written,
            is_whole=is_end,
        ), size

    def _read(self, plan: Plan, after: str | None, size: int) -> wide.Read:
        where = soql.gt("Id", after) if after else ""
        text = plan.query(where, limit=size, order_by=["Id"])
        return wide.read(plan, text, client=self.client, exact=not self.store.is_sqlite)

    def _server_now(self) -> datetime:
        self.client.versions()
        now = self.client.server_time()
        if now is None:
            raise ProtocolError("the answer bears no Date", code="NO_DATE")
        return now


def _narrowed(plan: Plan) -> Plan:
    """Ask for the keys and what is computed, and nothing else."""
    keys = tuple(field for field in plan.fields if field.column in _KEYS)
    return replace(plan, fields=(*keys, *plan.computed), overflow=(), keeps_extra=False)
