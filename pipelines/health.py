"""Health: silence is an incident, and so are no rows where there were many."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import Connection

from models.backfill import Backfill, BackfillState
from models.finding import FindingKind
from models.sobject import SObject
from models.watermark import Watermark
from store import backfills, findings, runs, watermarks
from store.engine import Store

INTERVALS = 5
"""How many intervals may pass without a good run."""
SHORTEST = timedelta(minutes=5)
STUCK = timedelta(minutes=20)
"""How long a Bulk job may show no progress before it is replaced, or a slice of many pages take."""
MANY = 100
"""Rows, of which all cannot be gone at once without somebody having a look."""

Interval = Callable[[type[SObject], Watermark, datetime], timedelta]


@dataclass(frozen=True)
class Signs:
    """What the store knows of whether objects get on."""

    marks: dict[str, Watermark]
    plans: dict[str, Backfill]
    """The latest backfill of each, whatever its state."""
    steps: dict[str, datetime]
    """When the last slice of a backfill was done."""
    tried: dict[str, datetime]
    """The first attempt at what was never read, or never verified."""

    def mark(self, sobject: str) -> Watermark:
        return self.marks.get(sobject) or Watermark(sobject=sobject)

    def moved_at(self, sobject: str) -> datetime | None:
        """Say when an object last got on, by a good run or a backfill; else its first attempt."""
        found = [self.mark(sobject).finished_at or self.tried.get(sobject), self.steps.get(sobject)]
        if plan := self.plans.get(sobject):
            found += [plan.planned_at, plan.job_moved_at, plan.finished_at]
        return max((one for one in found if one), default=None)

    def may_rest(self, sobject: str) -> timedelta:
        """Say how long an object may stand still, whatever its interval."""
        plan = self.plans.get(sobject)
        if plan is None or plan.state == BackfillState.DONE:
            return SHORTEST
        is_begun = plan.job_id is not None or plan.state == BackfillState.RUNNING
        return STUCK + SHORTEST if is_begun else SHORTEST


def signs(tx: Connection, models: Sequence[type[SObject]]) -> Signs:
    """Read the signs of life of these objects."""
    marks = watermarks.every(tx)
    names = [model.sobject for model in models]
    new = [one for one in names if not (mark := marks.get(one)) or _is_new(mark)]
    return Signs(marks, backfills.every(tx), backfills.last_steps(tx), runs.first(tx, new))


def silent_for(
    model: type[SObject], found: Signs, *, interval: Interval, now: datetime
) -> timedelta | None:
    """Tell for how long an object has been silent, if it is too long; None before it is tried."""
    moved_at = found.moved_at(model.sobject)
    if moved_at is None:
        return None
    bound = INTERVALS * interval(model, found.mark(model.sobject), now)
    quiet = now - moved_at
    return quiet if quiet > max(bound, found.may_rest(model.sobject)) else None


def look(
    models: Sequence[type[SObject]], *, store: Store, interval: Interval, now: datetime
) -> None:
    """Raise a finding for each object without a good run for too long; clear those that had one."""
    with store.read() as tx:
        found = signs(tx, models)
    silent = [
        model.sobject for model in models if silent_for(model, found, interval=interval, now=now)
    ]
    with store.begin() as tx:
        for sobject in silent:
            findings.raise_(tx, sobject, FindingKind.SILENCE, _silence(sobject, found), now=now)
        for model in models:
            if model.sobject not in silent:
                findings.clear(tx, model.sobject, FindingKind.SILENCE, now=now)


def _is_new(mark: Watermark) -> bool:
    return mark.finished_at is None or mark.verified_through is None


def _silence(sobject: str, found: Signs) -> str:
    since = f"{found.moved_at(sobject):%Y-%m-%d %H:%M} UTC: see its last runs"
    if found.mark(sobject).finished_at is None:
        return f"never read to its end, and nothing came of it since {since}"
    return f"no good run since {since}"


def note_zero(tx: Connection, sobject: str, *, read: int, held: int, now: datetime) -> None:
    """Compare a read from the beginning with what was held before it: nothing after many is odd."""
    if read == 0 and held > MANY:
        message = (
            f"a read from the beginning brought no rows, while {held:,} are stored: nothing was "
            "removed; check the integration user's permissions and the row filter"
        )
        findings.raise_(tx, sobject, FindingKind.ZERO_ROWS, message, now=now)
    elif read:
        findings.clear(tx, sobject, FindingKind.ZERO_ROWS, now=now)
