"""Slices of one backfill, read one after the other until none is free.

A slice is stored under its lease, and marked done in the transaction that stores its last rows: a
worker that is killed costs one slice, read again by another, and no row is doubled or made older.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import structlog
from sqlalchemy import Connection

from models.backfill import Backfill, BackfillMode, Slice
from pipelines import drift
from pipelines.ahead import ahead
from pipelines.pages import Batch, by_range
from pipelines.plan import PAGE, Plan
from pipelines.walk import TOO_LARGE, Progress, Road, Stopped, Tally
from salesforce.bulk import ResultPage
from salesforce.errors import (
    NotFound,
    Outdated,
    ProtocolError,
    Rejected,
    SalesforceError,
    Unavailable,
)
from store import backfills, loading, records
from store.errors import BrokenPage, LeaseLost, ValueMisfit

TRIES = 3
PART = 4_000_000
"""Bytes of CSV that SQLite writes in one transaction: a few thousand rows."""

OnProgress = Callable[[Progress], None] | None

log = structlog.get_logger()


class JobGone(Exception):  # noqa: N818 - read at the call site
    """The job's results are not to be had any more, or not as they were asked for."""


class Misread(Exception):  # noqa: N818 - read at the call site
    """The CSV holds what its columns do not take: REST can lay it aside, Bulk cannot."""


@dataclass(kw_only=True)
class Slices:
    """One worker's part in a backfill that is laid out."""

    road: Road
    plan: Plan
    backfill: Backfill
    page_records: int

    def work(self, tally: Tally, on_progress: OnProgress) -> None:
        """Read slices until none is free; raises `JobGone` or `Misread`, which concern them all."""
        self._report(on_progress)
        while part := self._taken():
            with structlog.contextvars.bound_contextvars(slice=part.number):
                try:
                    with self.road.watch.doing("backfill.slice", object=part.sobject):
                        self._read(part, tally, on_progress)
                except LeaseLost as error:
                    log.warning("slice.taken_over", why=str(error))
                except BaseException:
                    self._give_back(part)
                    raise
            self._report(on_progress)
            if self.road.stopping():
                raise Stopped

    def _taken(self) -> Slice | None:
        with self.road.store.begin() as tx:
            return backfills.take(
                tx, self.plan.model.sobject, owner=self.road.owner, now=self.road.clock()
            )

    def _give_back(self, part: Slice) -> None:
        with self.road.store.begin() as tx:
            backfills.drop(tx, part, owner=self.road.owner)

    def _read(self, part: Slice, tally: Tally, on_progress: OnProgress) -> None:
        if self.backfill.mode == BackfillMode.REST:
            self._by_rest(part, tally, on_progress)
            return
        for left in reversed(range(TRIES)):
            try:
                loaded = self._by_bulk(part)
            except (NotFound, Outdated, Rejected) as error:
                raise JobGone(f"job {self.backfill.job_id}: {error}") from error
            except ValueMisfit as error:
                raise Misread(str(error)) from error
            except (BrokenPage, ProtocolError, Unavailable) as error:
                log.info("slice.read_again", why=str(error))
                if left:
                    continue
                if isinstance(error, BrokenPage):
                    raise JobGone(str(error)) from error
                raise
            tally.pages += 1
            tally.rows_read += loaded.read
            tally.rows_written += loaded.written
            log.info("slice.stored", rows=loaded.read, written=loaded.written)
            return

    def _by_bulk(self, part: Slice) -> loading.Loaded:
        chained = self.backfill.mode == BackfillMode.CHAINED
        with self.road.client.query_results(
            self.backfill.job_id or "",
            locator=part.locator,
            max_records=self.page_records if chained else None,
        ) as page:
            if chained and page.next_locator:
                # Known before the page itself is here: another worker may begin with the next one.
                with self.road.store.begin() as tx:
                    backfills.add(tx, part.sobject, part.number + 1, page.next_locator)
            with ahead(page.chunks) as chunks:
                store = self._in_parts if self.road.store.is_sqlite else self._at_once
                return store(part, page, chunks)

    def _at_once(self, part: Slice, page: ResultPage, chunks: Iterator[bytes]) -> loading.Loaded:
        """Hand the bytes to PostgreSQL as they come; rows and the mark stand or fall together."""
        with self.road.store.begin(relaxed=True) as tx:
            loaded = self._load(tx, chunks)
            self._complete(tx, part, page, loaded)
        return loaded

    def _in_parts(self, part: Slice, page: ResultPage, chunks: Iterator[bytes]) -> loading.Loaded:
        """Write some thousand rows at a time: SQLite's one writer never waits for the wire."""
        read = written = 0
        for piece in loading.parts(self.plan.fields, chunks, size=PART):
            with self.road.store.begin(relaxed=True) as tx:
                until = self.road.clock() + backfills.LEASE
                backfills.advance(tx, part, owner=self.road.owner, lease_until=until)
                loaded = self._load(tx, iter([piece]))
            read, written = read + loaded.read, written + loaded.written
        whole = loading.Loaded(read=read, written=written)
        with self.road.store.begin(relaxed=True) as tx:
            self._complete(tx, part, page, whole)
        return whole

    def _load(self, tx: Connection, chunks: Iterator[bytes]) -> loading.Loaded:
        read_at = self.backfill.started_at or self.road.clock()
        return loading.load_csv(tx, self.plan.model, self.plan.fields, chunks, read_at=read_at)

    def _complete(
        self, tx: Connection, part: Slice, page: ResultPage, loaded: loading.Loaded
    ) -> None:
        if page.number_of_records not in {None, loaded.read}:
            raise ProtocolError(
                f"the page was to hold {page.number_of_records:,} records and held {loaded.read:,}",
                code="BROKEN_BODY",
            )
        backfills.advance(
            tx,
            part,
            owner=self.road.owner,
            done_at=self.road.clock(),
            rows_read=loaded.read,
            rows_written=loaded.written,
        )

    def _by_rest(self, part: Slice, tally: Tally, on_progress: OnProgress) -> None:
        size, exact = PAGE, not self.road.store.is_sqlite
        position = part.position_id or part.after_id
        read, written = part.rows_read, part.rows_written
        while True:
            try:
                for batch in by_range(
                    self.plan,
                    position,
                    part.until_id or "",
                    client=self.road.client,
                    exact=exact,
                    size=size,
                ):
                    fresh = self._page(part, batch, read, written)
                    read, written = read + len(batch.rows), written + fresh
                    position = batch.last.id if batch.last else position
                    tally.pages += 1
                    tally.rows_read += len(batch.rows)
                    tally.rows_written += fresh
                    self._report(on_progress)
                    if self.road.stopping():
                        raise Stopped
            except SalesforceError as error:
                if error.code not in TOO_LARGE or size == 1:
                    raise
                size = max(size // 4, 1)
                log.info("slice.smaller_pages", rows=size, why=error.code)
            else:
                return

    def _page(self, part: Slice, batch: Batch, read: int, written: int) -> int:
        """Store a page of a range and how far it reaches; give how many rows were written."""
        now = self.road.clock()
        with self.road.store.begin(relaxed=True) as tx:
            fresh = records.upsert(
                tx,
                self.plan.model,
                batch.fields or self.plan.fields,
                batch.rows,
                read_at=batch.server_time,
            )
            if batch.misfits:
                drift.report_misfits(tx, part.sobject, batch.misfits, now=now)
            backfills.advance(
                tx,
                part,
                owner=self.road.owner,
                position_id=batch.last.id if batch.last else part.position_id,
                rows_read=read + len(batch.rows),
                rows_written=written + fresh,
                done_at=now if batch.final else None,
            )
        return fresh

    def _report(self, on_progress: OnProgress) -> None:
        if on_progress is None:
            return
        with self.road.store.read() as tx:
            at = backfills.progress(tx, self.plan.model.sobject)
        total = self.backfill.job_records or self.backfill.total
        on_progress(Progress(self.plan.model.sobject, at.rows, total))
