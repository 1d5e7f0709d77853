"""A walk through an sObject's windows: each page and how far it reaches are stored together.

A window that the org cannot answer in time is halved, down to a second, and what is left of that
is read by Id. The size that worked is remembered, and grows again where rows are sparse.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

import structlog
from sqlalchemy import Connection

from models.watermark import Position, Watermark, Window
from pipelines import drift, settling
from pipelines.pages import Batch, batches, by_id
from pipelines.plan import PAGE, Plan
from pipelines.watch import NOBODY, Watch
from salesforce import soql
from salesforce.client import Client
from salesforce.errors import ProtocolError, SalesforceError
from store import records, watermarks
from store.engine import Store

Clock = Callable[[], datetime]

BEGINNING = datetime(1970, 1, 1, tzinfo=UTC)
# Date and SystemModstamp have whole seconds: the second that is running belongs to the window.
SECOND = timedelta(seconds=1)
_MOST_PATIENCE = 64  # windows
# What a smaller window cures; other refusals of size speak of the query's text.
TOO_LARGE = frozenset({"QUERY_TIMEOUT", "READ_TIMEOUT", "OPERATION_TOO_LARGE"})

log = structlog.get_logger()


class Stopped(Exception):  # noqa: N818 - an order, not an error
    """The process is shutting down: what is stored stands, the rest is read after the restart."""


@dataclass(frozen=True)
class Progress:
    """How far a pull has come; `total` is None when nobody counted."""

    sobject: str
    rows: int
    total: int | None


@dataclass
class Tally:
    """What a walk has done so far, which stands even if it breaks off."""

    pages: int = 0
    rows_read: int = 0
    rows_written: int = 0
    since: datetime | None = None
    until: datetime | None = None


OnPage = Callable[[Connection, Plan, Batch], None]
"""Called in the transaction that stores a page, after its rows are in."""
OnWindow = Callable[[Plan, Window], None]
"""Called when a window's rows are in, before it is closed: an error leaves it open."""


@dataclass
class Trial:
    """When a window may be as wide again as one that failed: where rows are sparse, now and then.

    Each trial that fails doubles how many windows have to work before the next one: a timeout takes
    the org two minutes.
    """

    too_wide: timedelta | None = None
    calm: int = 0
    """Sparse windows in a row that worked."""
    patience: int = 1
    is_on: bool = False

    def failed(self, width: timedelta) -> None:
        if self.is_on:
            self.patience = min(self.patience * 2, _MOST_PATIENCE)
        self.too_wide, self.calm, self.is_on = width, 0, False

    def succeeded(self, width: timedelta, *, is_sparse: bool) -> bool:
        """Take note of a success; tell whether the next window may be twice as wide."""
        if self.too_wide and width >= self.too_wide:
            self.too_wide, self.patience = None, 1
        self.is_on = False
        self.calm = self.calm + 1 if is_sparse else 0
        if self.too_wide is None or width * 2 < self.too_wide:
            return True
        self.is_on = self.calm >= self.patience
        return self.is_on


@dataclass(frozen=True, kw_only=True)
class Road:
    """What all walks of one account share."""

    client: Client
    store: Store
    clock: Clock
    settle: timedelta
    owner: str
    stopping: Callable[[], bool] = lambda: False
    on_progress: Callable[[Progress], None] | None = None
    on_page: Sequence[OnPage] = ()
    on_window: Sequence[OnWindow] = ()
    page_size: int = PAGE
    watch: Watch = NOBODY

    def server_now(self) -> datetime:
        """Ask for the server's time by a call that costs nothing of the budget."""
        self.client.versions()
        now = self.client.server_time()
        if now is None:
            raise ProtocolError("the answer bears no Date", code="NO_DATE")
        return now


@dataclass(kw_only=True)
class Walk:
    """One sObject's way to now, under a lease that somebody renews."""

    plan: Plan
    road: Road
    mark: Watermark
    tally: Tally = field(default_factory=Tally)

    def __post_init__(self) -> None:
        self._late = settling.Late(self.mark, least=self.road.settle)
        self._trial = Trial()
        self._span = timedelta(seconds=self.mark.span) if self.mark.span else None

    def go(self) -> None:
        """Finish a window that a crash left open, then read on to now."""
        now = self.road.server_now()
        since = self.mark.since or BEGINNING
        if self.mark.until:
            left = Window(since, self.mark.until)
            # What was read before the crash was read when the window was opened, long ago perhaps.
            opened = left.until - SECOND
            self._through(left, self._position(), opened)
            since = settled(left, opened, self._late.settle)
        self._rest(since, max(now + SECOND, since), now)

    def go_on(self, window: Window, first: Batch, now: datetime) -> None:
        """Walk on from a window's first page, which somebody else has asked for."""
        self._open(window)
        self._store(first)
        reached = self._through(window, first.last, now)
        self._rest(reached, window.until, now)

    def whole(self, window: Window, only: Batch, now: datetime) -> None:
        """Store a window whose one page somebody else has asked for."""
        self.tally.since, self.tally.until = window
        self._open(window)
        self._store(only)
        self._close(window, len(only.rows), now)

    def close(self, tx: Connection, window: Window, now: datetime) -> None:
        """Close a window that was opened at this time by the org's clock."""
        watermarks.close_window(
            tx,
            self.plan.model.sobject,
            since=settled(window, now, self._late.settle),
            read_until=read_until(self.mark, window, now),
            owner=self.road.owner,
            now=self.road.clock(),
            span=self._span.total_seconds() if self._span else None,
            **self._late.learnt(self.road.clock()),
            **({"changed_at": self.road.clock()} if self.tally.rows_written else {}),
        )

    def _rest(self, since: datetime, end: datetime, now: datetime) -> None:
        """Read on to the end, in windows as long as the org can answer for."""
        while since < end:
            until = end if self._span is None else min(end, since + self._span)
            window = Window(since, until)
            self._open(window)
            since = self._through(window, None, now)

    def _open(self, window: Window) -> None:
        with self.road.store.begin() as tx:
            watermarks.open_window(tx, self.plan.model.sobject, window, owner=self.road.owner)

    def _through(self, window: Window, after: Position | None, now: datetime) -> datetime:
        """Read a window and close it; give its end, which is earlier if it was too much."""
        with self.road.watch.doing("pull.window", object=self.plan.model.sobject) as deed:
            before = self.tally.rows_read
            end = self._read(window, after, now)
            deed.add(rows=self.tally.rows_read - before, until=end.isoformat())
        return end

    def _read(self, window: Window, after: Position | None, now: datetime) -> datetime:
        self.tally.since, self.tally.until = self.tally.since or window.since, window.until
        total = self._count(window, after)
        self._report(total)
        before = self.tally.rows_read
        while True:
            try:
                for batch in self._batches(window, after):
                    self._store(batch)
                    after = batch.last or after
                    self._report(total)
                    if self.road.stopping():
                        raise Stopped
            except SalesforceError as error:
                if error.code not in TOO_LARGE:
                    raise
                begin = after.stamp if after else window.since
                if window.until - begin > SECOND:
                    window = self._halved(window, begin, error)
                    continue
                self._by_id(Window(begin, window.until), after, error)
            self._close(window, self.tally.rows_read - before, now)
            return window.until

    def _batches(self, window: Window, after: Position | None) -> Iterator[Batch]:
        exact = not self.road.store.is_sqlite
        size = self.road.page_size
        return batches(self.plan, window, after, client=self.road.client, exact=exact, size=size)

    def _halved(self, window: Window, begin: datetime, error: SalesforceError) -> Window:
        """End the window in the middle of what is left of it."""
        left = window.until - begin
        half = timedelta(seconds=max(left.total_seconds() // 2, 1))
        smaller = Window(window.since, begin + half)
        log.info("window.halved", seconds=half.total_seconds(), until=smaller.until, why=error.code)
        self._span = half
        self._trial.failed(left)
        with self.road.store.begin() as tx:
            watermarks.narrow(
                tx,
                self.plan.model.sobject,
                until=smaller.until,
                span=half.total_seconds(),
                owner=self.road.owner,
            )
        return smaller

    def _by_id(self, second: Window, after: Position | None, error: SalesforceError) -> None:
        """Read one second in pages by Id, the smaller the less the org can answer for."""
        size, last = self.road.page_size, after.id if after else None
        exact = not self.road.store.is_sqlite
        log.info("window.by_id", since=second.since, why=error.code)
        while True:
            try:
                for batch in by_id(
                    self.plan, second, last, client=self.road.client, exact=exact, size=size
                ):
                    self._store(batch)
                    last = batch.last.id if batch.last else last
                    if self.road.stopping():
                        raise Stopped
            except SalesforceError as again:
                if again.code not in TOO_LARGE or size == 1:
                    raise
                size = max(size // 4, 1)
            else:
                return

    def _close(self, window: Window, rows: int, now: datetime) -> None:
        for hook in self.road.on_window:
            hook(self.plan, window)
        self._grow(window, rows)
        with self.road.store.begin() as tx:
            self.close(tx, window, now)

    def _grow(self, window: Window, rows: int) -> None:
        """Let the span grow after a success, unless that would fail again."""
        if self._span is None or window.until - window.since < self._span:
            return
        if self._trial.succeeded(self._span, is_sparse=rows < self.road.page_size):
            wider = self._span * 2
            # As wide as all of time is no bound any more.
            self._span = wider if BEGINNING + wider < self.road.clock() else None

    def _store(self, batch: Batch) -> None:
        """Store a page and how far it reaches, both or neither."""
        written = 0
        if batch.last is not None:
            sobject = self.plan.model.sobject
            with self.road.store.begin(relaxed=True) as tx:
                # The watermark first: it is the fence, and whoever lost the lease writes nothing.
                watermarks.advance(
                    tx, sobject, batch.last, owner=self.road.owner, now=self.road.clock()
                )
                written = self.put(tx, batch)
            log.debug("page.stored", object=sobject, rows=len(batch.rows), written=written)
        self.tally.pages += 1
        self.tally.rows_read += len(batch.rows)
        self.tally.rows_written += written

    def put(self, tx: Connection, batch: Batch) -> int:
        """Write a page's rows, and see whether some of them should have come before."""
        self._late.look(tx, self.plan, batch)
        written = records.upsert(
            tx,
            self.plan.model,
            batch.fields or self.plan.fields,
            batch.rows,
            read_at=batch.server_time,
        )
        drift.report_misfits(tx, self.plan.model.sobject, batch.misfits, now=self.road.clock())
        for hook in self.road.on_page:
            hook(tx, self.plan, batch)
        return written

    def _position(self) -> Position | None:
        if self.mark.position_stamp is None or self.mark.position_id is None:
            return None
        return Position(self.mark.position_stamp, self.mark.position_id)

    def _count(self, window: Window, after: Position | None) -> int | None:
        """Count what lies ahead, where somebody watches and it may be much."""
        if self.road.on_progress is None or window.since > BEGINNING:
            return None
        where = soql.keyset(window.since, window.until, after)
        try:
            page = self.road.client.query_page(self.plan.count(where), include_deleted=True)
        except SalesforceError as error:
            if error.code not in TOO_LARGE:
                raise
            return None  # too much to count; the rows can be had in smaller windows
        return page.total_size

    def _report(self, total: int | None) -> None:
        if self.road.on_progress:
            report = Progress(self.plan.model.sobject, self.tally.rows_read, total)
            self.road.on_progress(report)


def settled(window: Window, now: datetime, settle: timedelta) -> datetime:
    """Where the next window starts: late commits bear stamps from before their commit."""
    return max(window.since, min(window.until, now - settle))


def read_until(mark: Watermark, window: Window, now: datetime) -> datetime:
    """Up to when we have looked once a window is read that was opened at this time."""
    return max(mark.read_until or BEGINNING, min(window.until - SECOND, now))
