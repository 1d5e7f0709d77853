"""Watermarks: how far each sObject is read, moved only forward and only by the one who reads."""

from datetime import datetime, timedelta

from sqlalchemy import Connection, or_, select, update
from sqlalchemy.dialects import postgresql, sqlite

from models.sobject import SObject
from models.watermark import Position, Watermark, Window
from store.errors import LeaseLost

LEASE = timedelta(minutes=3)

_table = Watermark.__table__  # type: ignore[attr-defined]


def ensure(tx: Connection, sobject: str) -> None:
    """Make the row of an sObject that has none yet."""
    insert = sqlite.insert if tx.dialect.name == "sqlite" else postgresql.insert
    tx.execute(insert(_table).values(sobject=sobject).on_conflict_do_nothing())


def read(tx: Connection, sobject: str) -> Watermark:
    row = tx.execute(select(_table).where(_table.c.sobject == sobject)).mappings().one_or_none()
    return Watermark(**row) if row else Watermark(sobject=sobject)


def every(tx: Connection) -> dict[str, Watermark]:
    """Give all rows there are, by sObject."""
    return {row["sobject"]: Watermark(**row) for row in tx.execute(select(_table)).mappings()}


def take(tx: Connection, sobject: str, *, owner: str, now: datetime) -> Watermark | None:
    """Take the sole right to read this sObject; None while another has it."""
    ensure(tx, sobject)
    free = or_(_table.c.owner.is_(None), _table.c.lease_until < now)
    taken = tx.execute(
        update(_table)
        .where(_table.c.sobject == sobject, free)
        .values(owner=owner, lease_until=now + LEASE, rung_at=None)
    )
    return read(tx, sobject) if taken.rowcount else None


def open_window(tx: Connection, sobject: str, window: Window, *, owner: str) -> None:
    """Write down the window before its first page is asked for."""
    _move(
        tx,
        sobject,
        owner,
        since=window.since,
        until=window.until,
        position_stamp=None,
        position_id=None,
    )


def advance(tx: Connection, sobject: str, position: Position, *, owner: str, now: datetime) -> None:
    """Note the last row stored; belongs into the transaction that stores it."""
    _move(
        tx,
        sobject,
        owner,
        position_stamp=position.stamp,
        position_id=position.id,
        lease_until=now + LEASE,
    )


def close_window(
    tx: Connection, sobject: str, *, since: datetime, owner: str, now: datetime
) -> None:
    """Finish the window: from here on `since` is where reading starts."""
    _move(
        tx,
        sobject,
        owner,
        since=since,
        until=None,
        position_stamp=None,
        position_id=None,
        finished_at=now,
        skipped=None,
    )


def skip(tx: Connection, sobject: str, reason: str, *, owner: str, now: datetime) -> None:
    """Note why the sObject cannot be read; what it holds stays."""
    _move(tx, sobject, owner, skipped=reason, finished_at=now)


def note_missing(tx: Connection, sobject: str, names: list[str], *, owner: str) -> None:
    """Note which fields of ours the org does not show."""
    _move(tx, sobject, owner, missing_fields=names)


def restart(tx: Connection, sobject: str, *, owner: str) -> None:
    """Forget how far the sObject was read, to read it from the beginning; rows stay."""
    _move(tx, sobject, owner, since=None, until=None, position_stamp=None, position_id=None)


def release(tx: Connection, sobject: str, *, owner: str, now: datetime) -> None:
    """Give the right back; harmless when it is lost already."""
    tx.execute(
        update(_table)
        .where(_table.c.sobject == sobject, _table.c.owner == owner)
        .values(owner=None, lease_until=None, ended_at=now)
    )


def ring(tx: Connection, sobject: str, *, now: datetime, again_after: timedelta) -> bool:
    """Note that a pull was asked for; False while an earlier ask is still waiting or running."""
    ensure(tx, sobject)
    quiet = or_(_table.c.rung_at.is_(None), _table.c.rung_at < now - again_after)
    idle = or_(_table.c.owner.is_(None), _table.c.lease_until < now)
    rung = tx.execute(
        update(_table).where(_table.c.sobject == sobject, quiet, idle).values(rung_at=now)
    )
    return rung.rowcount == 1


def silence(tx: Connection, sobject: str) -> None:
    """Take an ask back that reached nobody."""
    tx.execute(update(_table).where(_table.c.sobject == sobject).values(rung_at=None))


def verified(tx: Connection, model: type[SObject], through: datetime) -> None:
    """Raise the instant up to which org and store were seen to agree."""
    ensure(tx, model.sobject)
    later = or_(_table.c.verified_through.is_(None), _table.c.verified_through < through)
    tx.execute(
        update(_table)
        .where(_table.c.sobject == model.sobject, later)
        .values(verified_through=through)
    )


def _move(tx: Connection, sobject: str, owner: str, **values: object) -> None:
    moved = tx.execute(
        update(_table).where(_table.c.sobject == sobject, _table.c.owner == owner).values(**values)
    )
    if not moved.rowcount:
        raise LeaseLost(f"another process reads {sobject} by now")
