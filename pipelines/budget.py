"""One API budget for all processes of an account: counted by purpose, held back before it is spent.

The org counts everybody's calls of its last 24 hours (`Sforce-Limit-Info`). A share of the
allocation is kept for writes and for the customer's other systems: pulls stop before they touch it,
slow feeds earlier still, and all go on by themselves once the org reports less.
"""

import threading
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

import structlog

from pipelines import purpose
from pipelines.purpose import Purpose
from salesforce.errors import LimitExceeded
from salesforce.values import Usage
from store import accounts, api_calls
from store.api_calls import Entry
from store.engine import Store
from store.errors import StoreError

DAY = timedelta(hours=24)
SHARED_EVERY = 5.0  # s between writing our figures down and reading the others'
PROBE = timedelta(minutes=5)
"""A figure older than this is asked for anew, by letting a call through."""
SLOWEST = 10.0
_SHORTEST_RATE = timedelta(minutes=5)  # a rate over less says nothing

log = structlog.get_logger()


class Priority(StrEnum):
    """Which sObjects wait first as the allocation runs out."""

    HIGH = "high"
    NORMAL = "normal"
    LOW = "low"


# How many reserves away from the allocation's end each purpose stops; writes never do.
_DISTANCE = {
    Purpose.PUSH: 0.0,
    Purpose.READBACK: 0.5,
    Purpose.OTHER: 0.5,
    Purpose.PULL: 1.0,
    Purpose.DELETES: 1.25,
    Purpose.BACKFILL: 1.25,
    Purpose.COMPUTED: 1.5,
    Purpose.VERIFY: 1.5,
}
_FARTHER = {Priority.HIGH: 0.0, Priority.NORMAL: 0.1, Priority.LOW: 0.5}


class Held(LimitExceeded):
    """We hold this call back ourselves; it may be made once the org reports less usage."""


@dataclass(frozen=True)
class Outlook:
    """Where the budget stands: calls of the org's last 24 hours, all users and apps together."""

    used: int
    limit: int
    stops_at: int
    """Where pulls stop, so that the reserve stays for writes."""
    per_hour: float | None
    """By how much the figure grows; None while too little was seen."""
    reached_at: datetime | None
    """When pulls would stop if it went on like this; None: not within a day."""
    pace: float
    """By what factor intervals are stretched."""

    @property
    def is_held(self) -> bool:
        return self.used >= self.stops_at


class Budget:
    """The gate before each call and the count after it; safe to share among threads."""

    def __init__(
        self,
        *,
        store: Store,
        account: str,
        clock: Callable[[], datetime],
        reserve: float,
        priorities: Mapping[str, Priority] | None = None,
    ) -> None:
        self._store = store
        self._account = account
        self._clock = clock
        self._reserve = reserve
        self._priorities = priorities or {}
        self._lock = threading.Lock()
        self._counts: Counter[Entry] = Counter()
        self._usage: Usage | None = None
        self._seen_at: datetime | None = None
        self._unsaid: Usage | None = None
        self._sharer: threading.Thread | None = None
        self._over = threading.Event()
        self._known = False

    def before(self, kind: str) -> None:
        """Let a call pass, or raise `Held`; belongs to `Client(before_call=)`."""
        del kind
        if not self._known:
            self._read()
        with self._lock:
            usage, seen_at = self._usage, self._seen_at
        if usage is None or seen_at is None or self._clock() - seen_at > PROBE:
            return
        errand = purpose.current()
        most = self._most(usage.limit, errand.purpose, errand.sobject)
        if usage.used >= most and errand.purpose is not Purpose.PUSH:
            raise Held(
                f"{usage.used:,} of the org's {usage.limit:,} daily API calls are used; "
                f"{errand.purpose} waits from {most:,} on, to leave the rest to writes",
                code="BUDGET_HELD",
                remedy="It goes on by itself as the org's count falls.",
                retry_after=PROBE,
            )

    def noted(self, kind: str, usage: Usage | None) -> None:
        """Count a call and take in what its answer says; belongs to `Client(on_call=)`."""
        errand = purpose.current()
        now = self._clock()
        entry = Entry(api_calls.hour_of(now), errand.purpose, kind, errand.sobject)
        with self._lock:
            self._counts[entry] += 1
            if usage:
                self._usage, self._seen_at, self._unsaid = usage, now, usage
            if self._sharer is None and not self._over.is_set():
                self._sharer = threading.Thread(target=self._share, name="budget", daemon=True)
                self._sharer.start()

    def outlook(self) -> Outlook | None:
        """Tell where the budget stands and is heading; None while no answer has told."""
        now = self._clock()
        with self._store.read() as tx:
            account = accounts.get(tx, self._account)
            before = api_calls.earlier(tx, now=now)
        if account is None or account.api_used is None or not account.api_limit:
            return None
        used, limit = account.api_used, account.api_limit
        stops_at = self._most(limit, Purpose.PULL, "")
        per_hour = None
        if before and now - before[0] >= _SHORTEST_RATE:
            per_hour = (used - before[1]) / ((now - before[0]) / timedelta(hours=1))
        left = _left(stops_at - used, per_hour)
        return Outlook(
            used=used,
            limit=limit,
            stops_at=stops_at,
            per_hour=per_hour,
            reached_at=now + left if left is not None and left < DAY else None,
            pace=_pace(left),
        )

    def close(self) -> None:
        """Write down what is not written yet."""
        self._over.set()
        if self._sharer:
            self._sharer.join(timeout=SHARED_EVERY)
        self._shared()

    def _most(self, limit: int, what: Purpose, sobject: str) -> int:
        priority = self._priorities.get(sobject, Priority.HIGH if not sobject else Priority.NORMAL)
        away = _DISTANCE[what] + (_FARTHER[priority] if what is not Purpose.PUSH else 0.0)
        return int(limit * max(0.0, 1.0 - self._reserve * away))

    def _share(self) -> None:
        while not self._over.wait(SHARED_EVERY):
            self._shared()

    def _shared(self) -> None:
        try:
            self._write()
            self._read()
        except StoreError as error:
            log.warning("usage.not_noted", error=str(error))

    def _write(self) -> None:
        with self._lock:
            counts, self._counts = self._counts, Counter()
            usage, self._unsaid = self._unsaid, None
        if not counts:
            return
        now = self._clock()
        try:
            with self._store.begin() as tx:
                api_calls.add(tx, counts)
                if usage:
                    api_calls.sample(tx, usage.used, usage.limit, now=now)
                    accounts.note_usage(tx, self._account, usage.used, usage.limit, now=now)
        except StoreError:
            with self._lock:
                self._counts.update(counts)  # counted again with the next
                self._unsaid = self._unsaid or usage
            raise

    def _read(self) -> None:
        """Take in what other processes have seen since."""
        with self._store.read() as tx:
            account = accounts.get(tx, self._account)
        with self._lock:
            self._known = True
            if account is None or account.api_used is None or not account.api_limit:
                return
            if account.api_seen_at and (
                self._seen_at is None or account.api_seen_at > self._seen_at
            ):
                self._usage = Usage(account.api_used, account.api_limit)
                self._seen_at = account.api_seen_at


def _left(headroom: int, per_hour: float | None) -> timedelta | None:
    """Tell how long the headroom lasts; None: for as long as can be told."""
    if per_hour is None or per_hour <= 0:
        return None
    return timedelta(hours=max(headroom, 0) / per_hour)


def _pace(left: timedelta | None) -> float:
    """Make the headroom last a day, after which the org forgets the calls it counts now."""
    if left is None or left >= DAY:
        return 1.0
    return min(DAY / left, SLOWEST) if left else SLOWEST
