"""One comparison of an sObject: from buckets that differ down to the records that do."""

import random
from collections.abc import Callable, Sequence
from datetime import timedelta

import structlog

from pipelines.buckets import SMALLEST, Bucket, Signatures, Spread
from pipelines.census import Census, Key, NotAggregated
from pipelines.readback import MOST
from pipelines.walk import Progress
from store import stamps, watermarks
from store.engine import Store
from store.stamps import Cause, Row, State, milliseconds

MOST_LISTED = 20_000
"""Records looked up one by one; what lies beyond is looked for again once these are mended."""
_SECOND = timedelta(seconds=1)

log = structlog.get_logger()


class Comparison:
    """What it has found so far, as lists of ids by cause."""

    def __init__(
        self, *, census: Census, store: Store, on_progress: Callable[[Progress], None] | None
    ) -> None:
        """Take the store's side down; the org's is asked for by `run`."""
        self.census = census
        self._store = store
        self._on_progress = on_progress
        model = census.plan.model
        with store.read() as tx:
            since = watermarks.read(tx, model.sobject).since
            live, binned = stamps.spread(tx, model)
        self._spread = Spread(live, binned if census.has_bin else binned[:0])
        self._next_pull = milliseconds(since) if since else 0
        self.now = census.now()
        self.ours = len(live)
        self.compared = self.aged = self._theirs = 0
        self._looked_up: set[str] = set()
        self.first: int | None = None
        """The earliest stamp that something differs at."""
        self.found: dict[str, list[str]] = {
            name: [] for name in ("missing", "stale", "unread", "surplus")
        }

    @property
    def is_cut(self) -> bool:
        return len(self._looked_up) >= MOST_LISTED

    @property
    def deficit(self) -> int:
        """How many more live rows we have than the org showed."""
        return self.ours - self._theirs

    def run(self, dice: random.Random) -> None:
        """Compare all that is stamped up to now."""
        # The running second belongs to it; Date has whole seconds.
        self._end = milliseconds(self.now + _SECOND)
        level = self._spread.first(self._end, dice)
        while level:
            try:
                differing = self._unequal(level)
            except NotAggregated as error:
                log.warning("verify.listed", object=self._sobject, why=str(error))
                self._list(level)
                return
            level = []
            for bucket, theirs in differing:
                parts = [] if self._is_small(bucket, theirs) else self._spread.parts(bucket)
                if len(parts) > 1:
                    level += parts
                else:
                    self._list([bucket])

    @property
    def _sobject(self) -> str:
        return self.census.plan.model.sobject

    def _unequal(self, level: Sequence[Bucket]) -> list[tuple[Bucket, Signatures | None]]:
        differing: list[tuple[Bucket, Signatures | None]] = []
        for bucket, theirs in zip(level, self.census.signatures(level), strict=True):
            if theirs == self._spread.signatures(bucket):
                self._passed(theirs.number, theirs.live.number)
            else:
                differing.append((bucket, theirs))
        return differing

    def _is_small(self, bucket: Bucket, theirs: Signatures | None) -> bool:
        """Tell whether looking at each record is the cheaper way to go on."""
        ours = self._spread.signatures(bucket).number
        if theirs is None:
            return False
        return max(ours, theirs.number) <= SMALLEST or ours * 2 < theirs.number

    def _passed(self, count: int, live: int) -> None:
        self.compared += count
        self._theirs += live
        if self._on_progress:
            total = max(len(self._spread), self.compared)
            self._on_progress(Progress(self._sobject, self.compared, total))

    def _list(self, buckets: Sequence[Bucket]) -> None:
        for bucket in buckets:
            if self.is_cut:
                return
            with self._store.read() as tx:
                mine = dict(stamps.between(tx, self.census.plan.model, *bucket))
            for page in self.census.keys(bucket):
                self._passed(len(page), sum(not key.is_deleted for key in page.values()))
                doubtful = [
                    record_id
                    for record_id, key in page.items()
                    if not _are_equal(mine.pop(record_id, None), key)
                ]
                self._look_up(doubtful)
            self._look_up([key for key, row in mine.items() if row.state != State.GONE])

    def _look_up(self, ids: Sequence[str]) -> None:
        """Ask for records by Id that differ, or have changed while we looked."""
        # A record whose stamp differs turns up twice: in its bucket there and in its bucket here.
        new = [record_id for record_id in ids if record_id not in self._looked_up]
        for some in stamps.chunks(new, MOST):
            if self.is_cut:
                return
            self._looked_up.update(some)
            shown, rows = self._both(some)
            # A pull between the two questions has brought what is newer than the first answer.
            moved = [key for key in shown if key in rows and rows[key].stamp > shown[key].stamp]
            if moved:
                again, anew = self._both(moved)
                shown, rows = shown | again, rows | anew
            self._settle(some, shown, rows)

    def _both(self, ids: Sequence[str]) -> tuple[dict[str, Key], dict[str, Row]]:
        shown = self.census.by_id(ids)
        with self._store.read() as tx:
            return shown, stamps.of(tx, self.census.plan.model, ids)

    def _settle(self, ids: Sequence[str], shown: dict[str, Key], rows: dict[str, Row]) -> None:
        aged: list[str] = []
        back: list[str] = []
        for record_id in ids:
            key, row = shown.get(record_id), rows.get(record_id)
            if key is None:
                if row and row.state == State.LIVE:
                    self._note("surplus", record_id, row.stamp)
                elif row and row.state == State.BINNED:
                    aged.append(record_id)
            elif _are_equal(row, key) or key.stamp >= self._end:
                continue
            elif row and row.state == State.GONE and key == (row.stamp, True):
                back.append(record_id)
            else:
                cause = "stale" if row else "missing"
                self._note(cause if key.stamp < self._next_pull else "unread", record_id, key.stamp)
        self.aged += len(aged)
        with self._store.begin() as tx:
            stamps.relabel(tx, self.census.plan.model, aged, Cause.PURGED)
            stamps.relabel(tx, self.census.plan.model, back, Cause.BIN)

    def _note(self, cause: str, record_id: str, stamp: int) -> None:
        self.found[cause].append(record_id)
        self.first = stamp if self.first is None else min(self.first, stamp)


def _are_equal(row: Row | None, key: Key) -> bool:
    if row is None or row.state == State.GONE:
        return False
    return row.stamp == key.stamp and (row.state == State.BINNED) == key.is_deleted
