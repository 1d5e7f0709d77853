"""A support desk grown from one number: the same number, clock and size give the same rows."""

from __future__ import annotations

import gc
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from emulator.planting.bed import Bed
from emulator.planting.cases import sow_cases
from emulator.planting.contracts import sow_agreements
from emulator.planting.customers import sow_customers
from emulator.planting.people import sow_people
from emulator.planting.work import sow_articles, sow_work_orders

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import datetime

    from emulator.schema.registry import Registry
    from emulator.tables import Tables


def plant(
    tables: Tables, registry: Registry, *, cases: int, seed: int, now: datetime
) -> dict[str, Any]:
    """Create the tables, fill them, index them; return who and what stands out."""
    bed = Bed(tables, cases=cases, seed=seed, now=now)
    # Millions of tuples that all stay: the collector would walk them again and again.
    with _no_collecting():
        return _planted(tables, registry, bed, seed)


@contextmanager
def _no_collecting() -> Iterator[None]:
    was_on = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_on:
            gc.enable()


def _planted(tables: Tables, registry: Registry, bed: Bed, seed: int) -> dict[str, Any]:
    tables.connection.execute("BEGIN")
    for sobject in registry.every():
        tables.create(sobject)
    people = sow_people(bed)
    customers = sow_customers(bed, people)
    agreements = sow_agreements(bed, people, customers)
    case_ids = sow_cases(bed, people, customers, agreements)
    sow_work_orders(bed, people, customers, case_ids)
    sow_articles(bed, people)
    for sobject in registry.every():
        tables.index(sobject)
    tables.connection.execute("COMMIT")
    return {
        "id": people.organization_id,
        "user_id": people.user_id,
        "hours_id": people.hours_id,
        "seed": seed,
    }
