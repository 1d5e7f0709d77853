"""Events: noted in the transaction in which they happen, taken by whoever delivers them."""

from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from typing import Any
from uuid import uuid4

from sqlalchemy import Connection, String, bindparam, delete, func, insert, select, update

from models.event import Event, EventState, EventType

_table = Event.__table__  # type: ignore[attr-defined]
# Spelled out, not bound: only so do both databases see that the partial index serves.
_is_waiting = _table.c.state == bindparam(None, "waiting", String, literal_execute=True)


def note(tx: Connection, type_: EventType, data: Mapping[str, Any], *, now: datetime) -> None:
    """Note what happened, for other programs."""
    tx.execute(
        insert(_table).values(id=str(uuid4()), type=type_, at=now, data=dict(data), next_at=now)
    )


def take(
    tx: Connection, *, now: datetime, limit: int, again: Callable[[int], timedelta]
) -> list[Event]:
    """Take what is to be delivered now; unless told how that ended, it comes again by itself."""
    due = select(_table).where(_is_waiting, _table.c.next_at <= now).order_by(_table.c.next_at)
    if tx.dialect.name == "postgresql":
        due = due.with_for_update(skip_locked=True)
    taken = [Event(**row) for row in tx.execute(due.limit(limit)).mappings()]
    for one in taken:
        one.attempts += 1
        tx.execute(
            update(_table)
            .where(_table.c.id == one.id)
            .values(attempts=one.attempts, next_at=now + again(one.attempts))
        )
    return taken


def end(
    tx: Connection, event_id: str, state: EventState, *, now: datetime, error: str | None = None
) -> None:
    """Write down how an event's deliveries ended."""
    values = {"state": state, "ended_at": now, "error": error}
    tx.execute(update(_table).where(_table.c.id == event_id).values(**values))


def note_failure(tx: Connection, event_id: str, error: str) -> None:
    """Write down why a delivery failed that will be tried again."""
    tx.execute(update(_table).where(_table.c.id == event_id).values(error=error))


def is_any_waiting(tx: Connection) -> bool:
    return tx.execute(select(_table.c.id).where(_is_waiting).limit(1)).first() is not None


def leave(tx: Connection, *, now: datetime) -> int:
    """Have what waits stay unsent: nobody asked to be told."""
    left = update(_table).where(_is_waiting).values(state=EventState.UNSENT, ended_at=now)
    return tx.execute(left).rowcount


def counts(tx: Connection) -> dict[str, int]:
    """Count events by where they stand."""
    query = select(_table.c.state, func.count()).group_by(_table.c.state)
    return dict(tx.execute(query).all())


def waiting_since(tx: Connection) -> datetime | None:
    """Say since when the oldest event waits to be delivered."""
    found: datetime | None = tx.execute(select(func.min(_table.c.at)).where(_is_waiting)).scalar()
    return found


def forget(tx: Connection, before: datetime) -> int:
    """Delete what is too old to matter."""
    old = delete(_table).where(_table.c.at < before, ~_is_waiting)
    return tx.execute(old).rowcount
