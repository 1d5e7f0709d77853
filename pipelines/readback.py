"""Read-back: records that commands have touched come into the store at once."""

from collections import defaultdict
from collections.abc import Callable
from datetime import datetime, timedelta

import structlog

from models import by_name
from pipelines import drift
from pipelines.describes import Describes
from pipelines.pages import by_ids
from pipelines.plan import Skip
from pipelines.purpose import Purpose, spending
from salesforce.client import Client
from salesforce.errors import SalesforceError
from store import records
from store.engine import Store
from store.errors import StoreError

MOST = 200  # ids in one query: about 5,000 of the 16,384 bytes that a URI may have
SOON = timedelta(seconds=2)

log = structlog.get_logger()


class ReadBack:
    """Collects what was touched and reads it in batches; a pull would bring the same, later."""

    def __init__(
        self,
        *,
        client: Client,
        store: Store,
        describes: Describes,
        clock: Callable[[], datetime],
    ) -> None:
        self._client = client
        self._store = store
        self._describes = describes
        self._clock = clock
        self._touched: dict[str, set[str]] = defaultdict(set)
        self._since = clock()

    def add(self, sobject: str, record_id: str | None) -> None:
        """Note a touched record; reads when a query is full, or the first has waited enough."""
        if not record_id:
            return
        if not self._touched:
            self._since = self._clock()
        self._touched[sobject].add(record_id)
        if len(self._touched[sobject]) >= MOST or self._clock() - self._since >= SOON:
            self.flush()

    def flush(self) -> None:
        """Read everything noted; an error is logged, and left to the next pull."""
        touched, self._touched = self._touched, defaultdict(set)
        for sobject, ids in touched.items():
            try:
                with spending(Purpose.READBACK, sobject):
                    self._read(sobject, sorted(ids))
            except (Skip, LookupError) as reason:
                log.debug("readback.skipped", object=sobject, reason=str(reason))
            except (SalesforceError, StoreError) as error:
                log.warning("readback.failed", object=sobject, error=str(error))

    def _read(self, sobject: str, ids: list[str]) -> None:
        model = by_name(sobject)
        plan = self._describes.plan(model)
        batch = by_ids(plan, ids, client=self._client, exact=not self._store.is_sqlite)
        with self._store.begin(relaxed=True) as tx:
            fields = batch.fields or plan.fields
            records.upsert(tx, model, fields, batch.rows, read_at=batch.server_time)
            drift.report_misfits(tx, sobject, batch.misfits, now=self._clock())
        log.debug("readback.stored", object=sobject, rows=len(batch.rows))
