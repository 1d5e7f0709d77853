"""Health: silence is an incident, and so are no rows where there were many."""

from collections.abc import Callable, Sequence
from datetime import datetime, timedelta

from sqlalchemy import Connection

from models.finding import FindingKind
from models.sobject import SObject
from models.watermark import Watermark
from store import backfills, findings, watermarks
from store.engine import Store

INTERVALS = 5
"""How many intervals may pass without a good run."""
SHORTEST = timedelta(minutes=5)
MANY = 100
"""Rows, of which all cannot be gone at once without somebody having a look."""

Interval = Callable[[type[SObject], Watermark, datetime], timedelta]


def silent_for(
    model: type[SObject], mark: Watermark, *, interval: Interval, now: datetime
) -> timedelta | None:
    """Tell for how long an object that was read has been silent, if it is too long."""
    if mark.finished_at is None:
        return None
    quiet = now - mark.finished_at
    bound = max(INTERVALS * interval(model, mark, now), SHORTEST)
    return quiet if quiet > bound else None


def look(
    models: Sequence[type[SObject]], *, store: Store, interval: Interval, now: datetime
) -> None:
    """Raise a finding for each object without a good run for too long; clear those that had one."""
    with store.read() as tx:
        marks = watermarks.every(tx)
        loading = backfills.unfinished(tx)
    silent = {
        model.sobject: quiet
        for model in models
        if (mark := marks.get(model.sobject)) and model.sobject not in loading
        if (quiet := silent_for(model, mark, interval=interval, now=now))
    }
    told = [model.sobject for model in models if model.sobject not in silent]
    with store.begin() as tx:
        for sobject in silent:
            since = marks[sobject].finished_at
            message = f"no good run since {since:%Y-%m-%d %H:%M} UTC: see its last runs"
            findings.raise_(tx, sobject, FindingKind.SILENCE, message, now=now)
        for sobject in told:
            findings.clear(tx, sobject, FindingKind.SILENCE, now=now)


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
