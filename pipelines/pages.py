"""Pages of a window by key: the next one is fetched while the last one is being written."""

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

from models.columns import Kind, instant_text
from models.decoder import values
from models.watermark import Position, Window
from pipelines.plan import PAGE, Plan
from salesforce import soql
from salesforce.client import Client
from salesforce.errors import ProtocolError
from salesforce.values import Page

_UTC_ON_THE_WIRE = "+0000"


@dataclass(frozen=True)
class Batch:
    """Rows in column order, ready for the store, and where they end."""

    rows: list[tuple[Any, ...]]
    last: Position | None
    server_time: datetime
    final: bool


def batches(
    plan: Plan, window: Window, after: Position | None, *, client: Client, exact: bool
) -> Iterator[Batch]:
    """Read a window, live and deleted rows together, without any server-side cursor."""

    def ask(position: Position | None) -> Batch:
        where = soql.keyset(window.since, window.until, position)
        return _read(plan, where, client=client, exact=exact)

    yield from _ahead(ask, after)


def by_ids(plan: Plan, ids: list[str], *, client: Client, exact: bool) -> Batch:
    """Read these records, deleted ones too; at most 200 fit into one query."""
    return _read(plan, soql.in_("Id", ids), client=client, exact=exact)


def _ahead(ask: Callable[[Position | None], Batch], after: Position | None) -> Iterator[Batch]:
    with ThreadPoolExecutor(1, thread_name_prefix="fetch") as fetcher:
        waiting = fetcher.submit(ask, after)
        while True:
            batch = waiting.result()
            if not batch.final:
                waiting = fetcher.submit(ask, batch.last)
            yield batch
            if batch.final:
                return


def _read(plan: Plan, where: str, *, client: Client, exact: bool) -> Batch:
    text = plan.query(where)
    try:
        page = client.query_page(text, record=plan.record(exact=exact), include_deleted=True)
        rows = values(page.records)
    except ProtocolError as error:
        if exact or error.code != "BROKEN_BODY":
            raise
        page, rows = _read_exactly(plan, text, client)
    return _batch(page, rows)


def _read_exactly(plan: Plan, text: str, client: Client) -> tuple[Page[Any], list[tuple[Any, ...]]]:
    """Read a page whose instants are not written as Salesforce writes them: slower, as exact."""
    page = client.query_page(text, record=plan.record(exact=True), include_deleted=True)
    kinds = [field.kind for field in plan.fields]
    return page, [
        tuple(_plain(kind, value) for kind, value in zip(kinds, row, strict=True))
        for row in values(page.records)
    ]


def _plain(kind: Kind, value: Any) -> Any:
    if isinstance(value, datetime):
        return instant_text(value).removesuffix("Z") + _UTC_ON_THE_WIRE
    if isinstance(value, Decimal):
        return float(value)
    return value.isoformat() if value is not None and kind is Kind.DAY else value


def _batch(page: Page[Any], rows: list[tuple[Any, ...]]) -> Batch:
    last = page.records[-1] if page.records else None
    if last is None and not page.done:
        raise ProtocolError("an empty page that is not the last one", code="EMPTY_PAGE")
    if page.server_time is None:
        raise ProtocolError("the answer bears no Date", code="NO_DATE")
    return Batch(
        rows=rows,
        last=Position(_instant(last.system_modstamp), last.id) if last else None,
        server_time=page.server_time,
        # A page may be shorter than asked for; only `done` below the limit is the end.
        final=page.done and len(rows) < PAGE,
    )


def _instant(value: str | datetime) -> datetime:
    return (datetime.fromisoformat(value) if isinstance(value, str) else value).astimezone(UTC)
