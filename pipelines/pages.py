"""Pages of a window by key: the next one is fetched while the last one is being written.

No server-side cursor: any page can be asked for again, after a crash or with another token. What an
answer says of itself must hold together, or it is asked for again, and then refused.
"""

from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from functools import partial
from itertools import pairwise
from typing import Any

import structlog

from models.columns import SyncField
from models.decoder import values
from models.watermark import Position, Window
from pipelines import wide
from pipelines.plan import PAGE, Plan
from pipelines.purpose import carried
from salesforce import soql
from salesforce.client import Client
from salesforce.errors import ProtocolError
from salesforce.values import Page

_ASKED_AGAIN = 2

log = structlog.get_logger()


@dataclass(frozen=True)
class Batch:
    """Rows in column order, ready for the store, and where they end."""

    rows: list[tuple[Any, ...]]
    last: Position | None
    server_time: datetime
    final: bool
    fields: tuple[SyncField, ...] = ()
    """What the rows fill; empty: the plan's fields."""
    misfits: Mapping[str, int] = field(default_factory=dict)
    """How many values went to `extra` for want of a column they fit, by API name."""


def batches(
    plan: Plan,
    window: Window,
    after: Position | None,
    *,
    client: Client,
    exact: bool,
    size: int = PAGE,
) -> Iterator[Batch]:
    """Read a window in the order of (SystemModstamp, Id), live and deleted rows together."""

    def ask(position: Position | None) -> Batch:
        text = page_query(plan, window, position, size=size)

        def read() -> Batch:
            found = wide.read(plan, text, client=client, exact=exact)
            return checked(_batch(found, size), found.page, window, position)

        return _asked(read)

    yield from _ahead(ask, after)


def by_id(
    plan: Plan, window: Window, last: str | None, *, client: Client, exact: bool, size: int
) -> Iterator[Batch]:
    """Read a window in the order of Id: for one so short that order by stamp cannot shorten it.

    `Batch.last` names the window's begin and the last Id, from where reading by stamp and Id may
    begin again: it meets all that is left, and some of what is here.
    """
    within = soql.and_(
        soql.ge("SystemModstamp", window.since), soql.lt("SystemModstamp", window.until)
    )
    for batch in _in_order_of_id(plan, within, last, client=client, exact=exact, size=size):
        last_row = batch.last
        yield replace(batch, last=Position(window.since, last_row.id)) if last_row else batch


def by_range(
    plan: Plan, after: str | None, until: str, *, client: Client, exact: bool, size: int = PAGE
) -> Iterator[Batch]:
    """Read records, deleted ones too, whose Ids lie in (after, until], in the order of Id."""
    within = soql.le("Id", until)
    yield from _in_order_of_id(plan, within, after, client=client, exact=exact, size=size)


def _in_order_of_id(
    plan: Plan, within: str, after: str | None, *, client: Client, exact: bool, size: int
) -> Iterator[Batch]:
    def ask(position: Position | None) -> Batch:
        last = position.id if position else after
        where = soql.and_(within, soql.gt("Id", last)) if last else within
        text = plan.query(where, limit=size, order_by=["Id"])

        def read() -> Batch:
            batch = _batch(wide.read(plan, text, client=client, exact=exact), size)
            if batch.last and batch.last.id == last:
                raise ProtocolError("the page ends where it was to begin", code="NO_PROGRESS")
            return batch

        return _asked(read)

    yield from _ahead(ask, None)


def by_ids(plan: Plan, ids: list[str], *, client: Client, exact: bool) -> Batch:
    """Read these records, deleted ones too; at most 200 fit into one query."""
    reads: list[wide.Read] = []
    left = set(ids)
    while True:
        text = plan.query(soql.in_("Id", sorted(left)))
        reads.append(wide.read(plan, text, client=client, exact=exact))
        batch = _batch(reads[-1], PAGE)
        left -= {record.id for record in reads[-1].page.records}
        if batch.final or not left:
            rows, fields, misfits = wide.together(reads)
            return replace(batch, rows=rows, fields=fields, misfits=misfits)


def by_retrieval(
    plan: Plan, ids: list[str], *, client: Client, exact: bool
) -> tuple[Batch, list[str]]:
    """Read these records, at most 2,000, in one call; give those that it did not show as well.

    A retrieval shows no deleted rows, and takes no value that its column does not hold.
    """
    record = plan.record(exact=exact)
    try:
        page = client.retrieve_many(plan.model.sobject, ids, plan.asked, record)
    except ProtocolError as error:
        if error.code != "BROKEN_BODY":
            raise
        return Batch([], None, datetime.now(UTC), final=True), ids
    if page.server_time is None:
        raise ProtocolError("the answer bears no Date", code="NO_DATE")
    shown = [one for one in page.records if one is not None]
    left = [key for key, one in zip(ids, page.records, strict=True) if one is None]
    batch = Batch(values(shown), None, page.server_time, final=True, fields=plan.fields)
    return batch, left


def page_query(plan: Plan, window: Window, after: Position | None, *, size: int = PAGE) -> str:
    """Ask for a window's next page."""
    return plan.query(soql.keyset(window.since, window.until, after), limit=size)


def first_batch(page: Page[Any], window: Window, *, size: int = PAGE) -> Batch:
    """Make the batch of a window's first page; raises `ProtocolError` if it contradicts itself."""
    return checked(_batch(wide.Read(page, values(page.records)), size), page, window, None)


def checked(batch: Batch, page: Page[Any], window: Window, after: Position | None) -> Batch:
    """Pass a batch on whose rows lie where they were asked for, in the order that was asked for."""
    if batch.last is None:
        return batch
    stamps = [record.system_modstamp for record in page.records]
    if any(later < earlier for earlier, later in pairwise(stamps)):
        raise ProtocolError("the page is not in the order that was asked for", code="OUT_OF_ORDER")
    begin = after.stamp if after else window.since
    if instant(stamps[0]) < begin or batch.last.stamp >= window.until:
        raise ProtocolError("the page holds rows from outside the window", code="OUT_OF_WINDOW")
    if batch.last == after:
        raise ProtocolError("the page ends where it was to begin", code="NO_PROGRESS")
    return batch


def instant(value: str | datetime) -> datetime:
    """Read an instant as the wire or the decoder gives it."""
    return (datetime.fromisoformat(value) if isinstance(value, str) else value).astimezone(UTC)


def _asked(read: Callable[[], Batch]) -> Batch:
    """Ask again for an answer that contradicts itself; the last one counts."""
    for _ in range(_ASKED_AGAIN):
        try:
            return read()
        except ProtocolError as error:
            log.info("page.asked_again", error=str(error))
    return read()


def _ahead(ask: Callable[[Position | None], Batch], after: Position | None) -> Iterator[Batch]:
    with ThreadPoolExecutor(1, thread_name_prefix="fetch") as fetcher:
        waiting = fetcher.submit(carried(partial(ask, after)))
        while True:
            batch = waiting.result()
            if not batch.final:
                waiting = fetcher.submit(carried(partial(ask, batch.last)))
            yield batch
            if batch.final:
                return


def _batch(found: wide.Read, size: int) -> Batch:
    page, rows = found.page, found.rows
    last = page.records[-1] if page.records else None
    whole = page.done and page.total_size <= len(rows)
    if last is None and not whole:
        raise ProtocolError("an empty page that is not the last one", code="EMPTY_PAGE")
    if page.server_time is None:
        raise ProtocolError("the answer bears no Date", code="NO_DATE")
    return Batch(
        rows=rows,
        last=Position(instant(last.system_modstamp), last.id) if last else None,
        server_time=page.server_time,
        # A page may be shorter than asked for; only one that is all there was is the end.
        final=whole and len(rows) < size,
        fields=found.fields,
        misfits=found.misfits,
    )
