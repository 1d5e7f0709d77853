"""Leases by name: one holder at a time over all processes, with a fence that only grows."""

from datetime import datetime, timedelta

from sqlalchemy import Connection, or_, select, update
from sqlalchemy.dialects import postgresql, sqlite

from models.lease import Lease

_table = Lease.__table__  # type: ignore[attr-defined]


def hold(tx: Connection, name: str, *, owner: str, now: datetime, span: timedelta) -> bool:
    """Take or renew the lease; False while somebody else holds it."""
    insert = sqlite.insert if tx.dialect.name == "sqlite" else postgresql.insert
    tx.execute(insert(_table).values(name=name).on_conflict_do_nothing())
    if renew(tx, name, owner=owner, now=now, span=span):
        return True
    taken = tx.execute(
        update(_table)
        .where(
            _table.c.name == name,
            or_(_table.c.owner.is_(None), _table.c.until < now),
        )
        .values(owner=owner, until=now + span, fence=_table.c.fence + 1)
    )
    return taken.rowcount == 1


def renew(tx: Connection, name: str, *, owner: str, now: datetime, span: timedelta) -> bool:
    """Extend a lease that is still ours; False when it is not."""
    renewed = tx.execute(
        update(_table)
        .where(_table.c.name == name, _table.c.owner == owner)
        .values(until=now + span)
    )
    return renewed.rowcount == 1


def is_held(tx: Connection, name: str, *, now: datetime) -> bool:
    """Tell whether somebody holds the lease at this moment."""
    held = select(_table.c.name).where(_table.c.name == name, _table.c.until > now)
    return tx.execute(held).first() is not None


def drop(tx: Connection, name: str, *, owner: str) -> None:
    """Give the lease back, so that the next holder need not wait for its end."""
    tx.execute(
        update(_table)
        .where(_table.c.name == name, _table.c.owner == owner)
        .values(owner=None, until=None)
    )
