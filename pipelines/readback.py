"""Read-back: records that commands have touched come into the store at once.

Our own change is then no news when the next pull meets it: the row is there already, word for word.
Where the org made something else of what was asked (rules, triggers, truncation), the command says.
"""

import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Any

import structlog

from models import by_name
from models.command import Fields
from pipelines import drift
from pipelines.compare import same
from pipelines.describes import Describes
from pipelines.pages import Batch, by_ids, by_retrieval
from pipelines.plan import Plan, Skip
from pipelines.purpose import Purpose, spending
from pipelines.watch import NOBODY, Watch
from salesforce.client import Client
from salesforce.errors import SalesforceError
from store import claims, records
from store.engine import Store
from store.errors import StoreError

MOST = 200
"""Ids in one query: about 5,000 of the 16,384 bytes that a URI may have."""
MOST_RETRIEVED = 2000
"""Ids in one retrieval, which names them in its body."""
SOON = timedelta(seconds=2)

log = structlog.get_logger()


@dataclass
class _Touched:
    """What was asked of one record since it was last read: by field, the command and the value."""

    asked: dict[str, tuple[str, Any]] = field(default_factory=dict)
    traces: list[str | None] = field(default_factory=list)

    def add(self, command_id: str, fields: Fields, trace: str | None) -> None:
        self.traces.append(trace)
        self.asked |= {name: (command_id, value) for name, value in fields.items()}


class ReadBack:
    """Collects what was touched and reads it in batches; shared by all drains of a process."""

    def __init__(
        self,
        *,
        client: Client,
        store: Store,
        describes: Describes,
        clock: Callable[[], datetime],
        watch: Watch = NOBODY,
    ) -> None:
        self._client = client
        self._store = store
        self._describes = describes
        self._clock = clock
        self._watch = watch
        self._lock = threading.Lock()
        self._touched: dict[str, dict[str, _Touched]] = {}
        self._since = clock()
        self._drains = 0

    @contextmanager
    def open(self) -> Iterator[None]:
        """Take part; whoever leaves last reads what is left."""
        with self._lock:
            self._drains += 1
        try:
            yield
        finally:
            with self._lock:
                self._drains -= 1
                is_last = not self._drains
            if is_last:
                self.flush()

    def add(
        self,
        sobject: str,
        record_id: str | None,
        command_id: str,
        fields: Fields,
        trace: str | None = None,
    ) -> None:
        """Note a touched record."""
        if not record_id:
            return
        with self._lock:
            if not self._touched:
                self._since = self._clock()
            records_ = self._touched.setdefault(sobject, {})
            records_.setdefault(record_id, _Touched()).add(command_id, fields, trace)

    def look(self) -> None:
        """Read when a retrieval is full, or the first has waited long enough."""
        with self._lock:
            full = any(len(some) >= MOST_RETRIEVED for some in self._touched.values())
            waited = self._touched and self._clock() - self._since >= SOON
        if full or waited:
            self.flush()

    def flush(self) -> None:
        """Read everything noted; an error is logged, and left to the next pull."""
        with self._lock:
            touched, self._touched = self._touched, {}
        for sobject, found in touched.items():
            ids = sorted(found)
            for start in range(0, len(ids), MOST_RETRIEVED):
                part = {one: found[one] for one in ids[start : start + MOST_RETRIEVED]}
                self._tried(sobject, part)

    def _tried(self, sobject: str, touched: Mapping[str, _Touched]) -> None:
        traces = self._watch.traces(one for some in touched.values() for one in some.traces)
        try:
            with (
                spending(Purpose.READBACK, sobject),
                self._watch.doing(
                    "command.read_back", traces, object=sobject, records=len(touched)
                ),
            ):
                self._read(sobject, touched)
        except (Skip, LookupError) as reason:
            log.debug("readback.skipped", object=sobject, reason=str(reason))
        except (SalesforceError, StoreError) as error:
            log.warning("readback.failed", object=sobject, error=str(error))

    def _read(self, sobject: str, touched: Mapping[str, _Touched]) -> None:
        plan = self._describes.plan(by_name(sobject))
        for batch in self._batches(plan, sorted(touched)):
            fields = batch.fields or plan.fields
            with self._store.begin(relaxed=True) as tx:
                records.upsert(tx, plan.model, fields, batch.rows, read_at=batch.server_time)
                drift.report_misfits(tx, sobject, batch.misfits, now=self._clock())
            surprises = _surprises(batch, [one.api_name for one in fields], touched)
            if surprises:
                with self._store.begin() as tx:
                    claims.note_standing(tx, surprises)
            log.debug("readback.stored", object=sobject, rows=len(batch.rows))

    def _batches(self, plan: Plan, ids: list[str]) -> Iterator[Batch]:
        """Retrieve them, and what a retrieval does not show (the deleted) by a query."""
        exact, left = not self._store.is_sqlite, ids
        if len(ids) > 1 and not plan.needs_care and plan.model.where is None:
            batch, left = by_retrieval(plan, ids, client=self._client, exact=exact)
            yield batch
        for start in range(0, len(left), MOST):
            yield by_ids(plan, left[start : start + MOST], client=self._client, exact=exact)


def _surprises(
    batch: Batch, names: list[str], touched: Mapping[str, _Touched]
) -> dict[str, dict[str, Any]]:
    """Find, by command, what stands otherwise than it was asked."""
    places = {name: place for place, name in enumerate(names)}
    key = places["Id"]
    found: dict[str, dict[str, Any]] = {}
    for row in batch.rows:
        asked = touched[row[key]].asked if row[key] in touched else {}
        for name, (command_id, value) in asked.items():
            if name not in places or row[places[name]] == value:
                continue
            stands = _plain(row[places[name]])
            if not same(value, stands):
                found.setdefault(command_id, {})[name] = stands
    return found


def _plain(value: Any) -> Any:
    if isinstance(value, datetime | date):
        return value.isoformat()
    return float(value) if isinstance(value, Decimal) else value
