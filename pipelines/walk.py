"""A walk through an sObject's windows: each page and how far it reaches are stored together."""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

import structlog

from models.watermark import Position, Watermark, Window
from pipelines.pages import Batch, batches
from pipelines.plan import Plan
from salesforce import soql
from salesforce.client import Client
from salesforce.errors import ProtocolError
from store import records, watermarks
from store.engine import Store

Clock = Callable[[], datetime]

BEGINNING = datetime(1970, 1, 1, tzinfo=UTC)
# Date and SystemModstamp have whole seconds: the second that is running belongs to the window.
_THIS_SECOND = timedelta(seconds=1)

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


@dataclass(frozen=True, kw_only=True)
class Walk:
    """One sObject's way to now, under a lease that each page renews."""

    plan: Plan
    client: Client
    store: Store
    clock: Clock
    settle: timedelta
    owner: str
    on_progress: Callable[[Progress], None] | None
    stopping: Callable[[], bool]
    tally: Tally = field(default_factory=Tally)

    def go(self, mark: Watermark) -> None:
        """Finish a window that a crash left open, then read on to now."""
        since = mark.since or BEGINNING
        if mark.until:
            left = Window(since, mark.until)
            self._window(left, _position(mark))
            since = self._settled(left)
        window = Window(since, self._server_now() + _THIS_SECOND)
        with self.store.begin() as tx:
            watermarks.open_window(tx, self.plan.model.sobject, window, owner=self.owner)
        self._window(window, None)

    def _window(self, window: Window, after: Position | None) -> None:
        self.tally.since, self.tally.until = window
        total = self._count(window, after)
        self._report(total)
        exact = not self.store.is_sqlite
        for batch in batches(self.plan, window, after, client=self.client, exact=exact):
            self._store(batch)
            self._report(total)
            if self.stopping():
                raise Stopped
        with self.store.begin() as tx:
            watermarks.close_window(
                tx,
                self.plan.model.sobject,
                since=self._settled(window),
                owner=self.owner,
                now=self.clock(),
            )

    def _store(self, batch: Batch) -> None:
        """Store a page and how far it reaches, both or neither."""
        written = 0
        if batch.last is not None:
            sobject = self.plan.model.sobject
            with self.store.begin(relaxed=True) as tx:
                # The watermark first: it is the fence, and whoever lost the lease writes nothing.
                watermarks.advance(tx, sobject, batch.last, owner=self.owner, now=self.clock())
                written = records.upsert(
                    tx, self.plan.model, self.plan.fields, batch.rows, read_at=batch.server_time
                )
            log.debug("page.stored", object=sobject, rows=len(batch.rows), written=written)
        self.tally.pages += 1
        self.tally.rows_read += len(batch.rows)
        self.tally.rows_written += written

    def _settled(self, window: Window) -> datetime:
        """Where the next window starts: late commits bear stamps from before their commit."""
        return max(window.since, window.until - _THIS_SECOND - self.settle)

    def _server_now(self) -> datetime:
        """Ask for the server's time by a call that costs nothing of the budget."""
        self.client.versions()
        now = self.client.server_time()
        if now is None:
            raise ProtocolError("the answer bears no Date", code="NO_DATE")
        return now

    def _count(self, window: Window, after: Position | None) -> int | None:
        """Count what lies ahead, where somebody watches and it may be much."""
        if self.on_progress is None or window.since > BEGINNING:
            return None
        where = soql.keyset(window.since, window.until, after)
        return self.client.query_page(self.plan.count(where), include_deleted=True).total_size

    def _report(self, total: int | None) -> None:
        if self.on_progress:
            self.on_progress(Progress(self.plan.model.sobject, self.tally.rows_read, total))


def _position(mark: Watermark) -> Position | None:
    if mark.position_stamp is None or mark.position_id is None:
        return None
    return Position(mark.position_stamp, mark.position_id)
