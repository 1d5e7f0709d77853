"""What of a store is one org's: counted, and let go of when the account moves to another org."""

from datetime import datetime

from sqlalchemy import Connection, delete, func, inspect, or_, select, update
from sqlmodel import SQLModel

from models import CATALOG, SObject, declare
from models.api_calls import ApiUsage
from models.backfill import Backfill, Slice
from models.description import Description
from models.field_state import FieldState
from models.finding import Finding
from models.ingest import Ingest
from models.lease import Lease
from models.outbox import FAILED, OPEN, CommandState, Ready
from models.run import Run
from models.watermark import Watermark
from store import incidents
from store.conditions import commands, is_, is_one_of, is_open

CODE = "OTHER_ORG"
SCHEDULER = "scheduler"
"""The lease of whoever acts as the clock."""

# Counts and commands stay, as history; columns that were added stay, as a frozen one would.
_OURS: tuple[type[SQLModel], ...] = (
    Watermark,
    Backfill,
    Slice,
    Description,
    Finding,
    Run,
    Lease,
    Ingest,
    ApiUsage,
)
_watermarks = Watermark.__table__  # type: ignore[attr-defined]
_slices = Slice.__table__  # type: ignore[attr-defined]
_fields = FieldState.__table__  # type: ignore[attr-defined]
_leases = Lease.__table__  # type: ignore[attr-defined]


def is_at_work(tx: Connection, now: datetime) -> bool:
    """Tell whether some process pulls, sends, or acts as the clock."""
    queries = (
        select(_watermarks.c.sobject).where(_watermarks.c.lease_until > now),
        select(_slices.c.sobject).where(_slices.c.lease_until > now),
        select(_leases.c.name).where(_leases.c.name == SCHEDULER, _leases.c.until > now),
        select(commands.c.id).where(is_(CommandState.SENDING), commands.c.lease_until > now),
    )
    return any(tx.execute(query.limit(1)).first() for query in queries)


def rows(tx: Connection) -> dict[str, int]:
    """Count an org's rows, tombstones among them, by sObject; those without any are left out."""
    counts = {
        model.sobject: int(tx.execute(select(func.count()).select_from(model.table())).scalar_one())
        for model in _models(tx)
    }
    return {sobject: number for sobject, number in counts.items() if number}


def open_commands(tx: Connection) -> int:
    """Count the commands that were meant for the org and have not ended."""
    query = select(func.count()).select_from(commands).where(is_open())
    return int(tx.execute(query).scalar_one())


def let_go(tx: Connection, message: str, *, now: datetime) -> None:
    """Delete the org's rows and what we know of it; give up all commands that could still go."""
    for model in _models(tx):
        tx.execute(delete(model.table()))
    for kept in _OURS:
        tx.execute(delete(kept))
    incidents.close_every(tx, now=now)
    tx.execute(
        update(commands)
        .where(or_(is_one_of(OPEN), is_one_of(FAILED)))
        .values(
            state=CommandState.DISCARDED,
            error_code=func.coalesce(commands.c.error_code, CODE),
            error_message=func.coalesce(commands.c.error_message, message),
            finished_at=now,
            ready=int(Ready.BLOCKED),
            lease_owner=None,
            lease_until=None,
            carrier=None,
        )
    )


def _models(tx: Connection) -> list[type[SObject]]:
    """Name all sObjects that have a table here, those of no catalogue among them."""
    known = select(_watermarks.c.sobject).union(select(_fields.c.sobject))
    names = dict.fromkeys(model.sobject for model in CATALOG)
    names |= dict.fromkeys(sorted(tx.execute(known).scalars()))
    there = set(inspect(tx).get_table_names())
    return [model for model in declare(names) if model.table().name in there]
