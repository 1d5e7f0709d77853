"""The settle time, measured: how late rows of an sObject appeared behind their stamps.

Salesforce stamps a record inside its transaction and shows it at the commit. A row that is new to
us although we have looked past its stamp before was committed late, by at least the time between.
"""

from datetime import datetime, timedelta

import structlog
from sqlalchemy import Connection

from models.watermark import Watermark
from pipelines.pages import Batch, instant
from pipelines.plan import Plan
from store import records

MOST = timedelta(hours=1)
MARGIN = 2
"""The next one may be later than the latest seen."""
REMEMBERED = timedelta(days=7)

log = structlog.get_logger()


class Late:
    """What one walk learns of late rows, and the settle time that follows from it."""

    def __init__(self, mark: Watermark, *, least: timedelta) -> None:
        self._mark = mark
        self._least = least
        self._worst = timedelta(0)
        self.rows = 0

    @property
    def settle(self) -> timedelta:
        """How far behind now to read again: by what was seen, within bounds."""
        known = timedelta(seconds=self._mark.lateness or 0)
        return min(max(self._least, MARGIN * max(known, self._worst)), max(MOST, self._least))

    def look(self, tx: Connection, plan: Plan, batch: Batch) -> None:
        """Find rows that should have come with an earlier read; before they are written."""
        looked = self._mark.read_until
        if looked is None or not batch.rows:
            return
        names = [field.column for field in plan.fields]
        id_, stamp = names.index("id"), names.index("system_modstamp")
        if instant(batch.rows[0][stamp]) >= looked:  # a page is in the order of its stamps
            return
        seen = {row[id_]: moment for row in batch.rows if (moment := instant(row[stamp])) < looked}
        ours = records.stamps(tx, plan.model, list(seen))
        late = [moment for key, moment in seen.items() if key not in ours or ours[key] < moment]
        if late:
            self.rows += len(late)
            self._worst = max(self._worst, looked - min(late))
            log.info("rows.late", rows=len(late), seconds=self._worst.total_seconds())

    def learnt(self, now: datetime) -> dict[str, object]:
        """Give what to keep in the watermark; what was seen long ago is forgotten."""
        known = timedelta(seconds=self._mark.lateness or 0)
        late_at = self._mark.late_at
        if self._worst and self._worst >= known:
            known, late_at = self._worst, now
        if late_at is None or now - late_at > REMEMBERED:
            known, late_at = self._worst, now if self._worst else None
        self._mark.lateness, self._mark.late_at = known.total_seconds() or None, late_at
        return {
            "lateness": self._mark.lateness,
            "late_at": late_at,
            "settle": self.settle.total_seconds(),
        }
