"""Counts of rows, kept for whoever looks often: to count a million rows takes longer than a page.

The first look counts. Later ones are given the last count at once, and where that is old and took
long, a new one is taken meanwhile.
"""

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass

import structlog
from sqlalchemy import Connection

from models.sobject import SObject
from store import records
from store.engine import Store
from store.errors import StoreError

FRESH = 5.0  # s
_SLOW = 0.02  # s: nobody waits for a count that takes longer, once there was one
_REST = 30.0
"""So many times as long as a count took, it serves: counting is a thirtieth of a core at most."""

log = structlog.get_logger()


@dataclass(frozen=True)
class Counted:
    """Live rows and tombstones, when they were counted, and how many seconds that took."""

    rows: tuple[int, int]
    at: float
    took: float

    @property
    def serves(self) -> float:
        """Seconds for which it will do."""
        return max(FRESH, self.took * _REST)


class Counts:
    """The counts of one store; safe to share between threads."""

    def __init__(self, store: Store, *, clock: Callable[[], float] = time.monotonic) -> None:
        self._store = store
        self._clock = clock
        self._known: dict[type[SObject], Counted] = {}
        self._wanted: set[type[SObject]] = set()
        self._turn = threading.Lock()

    def __call__(self, tx: Connection, model: type[SObject]) -> tuple[int, int]:
        """Count live rows and tombstones, or say how many there were a moment ago."""
        known = self._known.get(model)
        if known and self._clock() - known.at <= known.serves:
            return known.rows
        if known is None or known.took < _SLOW:
            return self._count(tx, model).rows
        self._ask(model)
        return known.rows

    def _count(self, tx: Connection, model: type[SObject]) -> Counted:
        begun = self._clock()
        rows = records.count(tx, model)
        ended = self._clock()
        found = Counted(rows, ended, ended - begun)
        self._known[model] = found
        return found

    def _ask(self, model: type[SObject]) -> None:
        with self._turn:
            is_at_work = bool(self._wanted)
            self._wanted.add(model)
        if not is_at_work:
            threading.Thread(target=self._count_wanted, name="counts", daemon=True).start()

    def _count_wanted(self) -> None:
        while model := self._next():
            try:
                with self._store.read() as tx:
                    self._count(tx, model)
            except StoreError as error:
                log.warning("rows.not_counted", object=model.sobject, error=str(error))
            with self._turn:
                self._wanted.discard(model)

    def _next(self) -> type[SObject] | None:
        with self._turn:
            return next(iter(self._wanted), None)
