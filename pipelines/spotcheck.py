"""Spot check: rows drawn by lot, compared field by field, since stamps do not tell of contents."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from models.columns import SyncField
from models.sobject import SObject
from pipelines.census import Census
from pipelines.pages import by_ids
from store import records, stamps
from store.engine import Store

SAMPLE = 200
"""What one query by Id holds."""


def differing(census: Census, store: Store, *, until: datetime) -> list[str]:
    """Name the rows of the sample whose stamp is the org's and whose contents are not.

    What changes without a stamp is left out: its freshness is another matter.
    """
    plan = census.plan
    with store.read() as tx:
        ids = stamps.sample(tx, plan.model, SAMPLE, until=until)
    if not ids:
        return []
    batch = by_ids(plan, ids, client=census.client, exact=not store.is_sqlite)
    census.calls += 1
    asked = batch.fields or plan.fields
    places = [place for place, one in enumerate(asked) if one not in plan.computed]
    fields = [asked[place] for place in places]
    rows = [tuple(row[place] for place in places) for row in batch.rows]
    if not _would_change(store, plan.model, fields, rows, read_at=batch.server_time):
        return []
    key = [one.column for one in fields].index("id")
    return [
        row[key]
        for row in rows
        if _would_change(store, plan.model, fields, [row], read_at=batch.server_time)
    ]


def _would_change(
    store: Store,
    model: type[SObject],
    fields: Sequence[SyncField],
    rows: Sequence[tuple[Any, ...]],
    *,
    read_at: datetime,
) -> bool:
    """Write, look, and take it back: so the store itself says what is the same to it."""
    with store.begin() as tx:
        trial = tx.begin_nested()
        written = records.fill(tx, model, fields, rows, read_at=read_at)
        trial.rollback()
    return written > 0
