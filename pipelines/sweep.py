"""The Id sweep's end: what becomes of rows that the org does not show any more."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime

import structlog

from pipelines.census import Census
from pipelines.deletes import DeleteLog
from pipelines.describes import Describes
from pipelines.readback import MOST
from store import stamps
from store.engine import Store
from store.stamps import Cause

SUSPICIOUS_SHARE = 0.1
SUSPICIOUS_NUMBER = 100
"""More than both of live rows gone at once, unnamed by the delete log, look like lost access."""

log = structlog.get_logger()


def is_suspicious(gone: int, live: int) -> bool:
    return gone > SUSPICIOUS_NUMBER and gone > live * SUSPICIOUS_SHARE


@dataclass(frozen=True, kw_only=True)
class Sweep:
    """Tells records that are gone from those that are hidden, or no longer chosen."""

    census: Census
    store: Store
    describes: Describes

    def named(self, ids: Sequence[str]) -> dict[str, datetime]:
        """Look up which of these records the org's delete log names."""
        sobject = self.census.plan.model.sobject
        describe = self.describes.get(sobject)
        if not ids or describe is None or not describe.replicateable:
            return {}
        self.census.calls += 1
        log_ = DeleteLog(client=self.census.client)
        return log_.named(sobject, frozenset(ids), self.census.now())

    def bury(self, ids: Sequence[str]) -> dict[str, int]:
        """Make tombstones of these rows, unless the org shows them after all; count by cause."""
        buried: dict[str, int] = {}
        named = self.named(ids)
        for some in stamps.chunks(ids, MOST):
            for cause, number in self._buried(some, named).items():
                buried[cause] = buried.get(cause, 0) + number
        if any(buried.values()):
            log.info("rows.buried", object=self.census.plan.model.sobject, **buried)
        return buried

    def _buried(self, ids: Sequence[str], named: dict[str, datetime]) -> dict[str, int]:
        plan = self.census.plan
        shown = self.census.by_id(ids)
        read_at = self.census.answered_at()
        left = [key for key in ids if key not in shown]
        outside = set[str]()
        if plan.row_filter and left:
            outside = set(self.census.by_id(left, replace(plan, row_filter=None)))
        deaths: dict[Cause, list[tuple[str, datetime]]] = {}
        for key in left:
            cause = Cause.PURGED if key in named else Cause.UNSEEN
            if key in outside:
                cause = Cause.FILTERED
            deaths.setdefault(cause, []).append((key, named.get(key, read_at)))
        with self.store.begin() as tx:
            return {
                str(cause): stamps.bury(tx, plan.model, some, cause=cause, read_at=read_at)
                for cause, some in deaths.items()
            }
