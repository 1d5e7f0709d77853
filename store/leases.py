"""Leases by name: one holder at a time over all processes, with a fence that only grows."""

from datetime import datetime, timedelta

from sqlalchemy import Connection, case, or_, select, update
from sqlalchemy.dialects import postgresql, sqlite

from models.lease import Lease

_table = Lease.__table__  # type: ignore[attr-defined]


def hold(tx: Connection, name: str, *, owner: str, now: datetime, span: timedelta) -> bool:
    """Take or renew the lease; False while somebody else holds it."""
    insert = (sqlite if tx.dialect.name == "sqlite" else postgresql).insert(_table)
    mine, new = _table.c.owner == insert.excluded.owner, insert.excluded
    held = insert.values(name=name, owner=owner, until=now + span, fence=1).on_conflict_do_update(
        index_elements=["name"],
        set_={
            "owner": new.owner,
            "until": new.until,
            "fence": case((mine, _table.c.fence), else_=_table.c.fence + 1),
        },
        where=or_(mine, _table.c.owner.is_(None), _table.c.until < now),
    )
    return tx.execute(held.returning(_table.c.fence)).first() is not None


def renew(tx: Connection, name: str, *, owner: str, now: datetime, span: timedelta) -> bool:
    """Extend a lease that is still ours; False when it is not."""
    renewed = tx.execute(
        update(_table)
        .where(_table.c.name == name, _table.c.owner == owner)
        .values(until=now + span)
    )
    return renewed.rowcount == 1


def cut(tx: Connection, name: str, *, now: datetime, beyond: datetime) -> bool:
    """End a lease that is to last beyond an instant; False where it ends before, or has ended."""
    ended = tx.execute(
        update(_table)
        .where(_table.c.name == name, _table.c.owner.is_not(None), _table.c.until > beyond)
        .values(owner=None, until=now)
    )
    return ended.rowcount == 1


def until(tx: Connection, name: str) -> datetime | None:
    """Say when a lease ends; None: nobody holds it."""
    query = select(_table.c.until).where(_table.c.name == name, _table.c.owner.is_not(None))
    return tx.execute(query).scalar_one_or_none()


def holder(tx: Connection, name: str) -> str | None:
    """Say who took the lease last and has not given it back, be it over or not."""
    found: str | None = tx.execute(
        select(_table.c.owner).where(_table.c.name == name)
    ).scalar_one_or_none()
    return found


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
