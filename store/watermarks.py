"""Watermarks: how far each sObject is read, moved only forward and only by the one who reads."""

from collections.abc import Collection, Sequence
from datetime import datetime, timedelta

from sqlalchemy import Connection, or_, select, update
from sqlalchemy.dialects import postgresql, sqlite

from models.sobject import SObject
from models.watermark import Position, Watermark, Window
from store.errors import LeaseLost

LEASE = timedelta(seconds=30)
"""How long what a lost reader held stays held; readers renew every few seconds."""

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
    return take_all(tx, [sobject], owner=owner, now=now).get(sobject)


def take_all(
    tx: Connection, sobjects: Sequence[str], *, owner: str, now: datetime
) -> dict[str, Watermark]:
    """Take the sole right to read as many of these as nobody else is reading."""
    insert = sqlite.insert if tx.dialect.name == "sqlite" else postgresql.insert
    # In one order everywhere, so that two takers never wait for each other's rows.
    rows = [{"sobject": sobject} for sobject in sorted(sobjects)]
    tx.execute(insert(_table).on_conflict_do_nothing(), rows)
    free = or_(_table.c.owner.is_(None), _table.c.lease_until < now)
    taken = tx.execute(
        update(_table)
        .where(_table.c.sobject.in_(list(sobjects)), free)
        .values(owner=owner, lease_until=now + LEASE, rung_at=None)
        .returning(*_table.c)
    ).mappings()
    return {row["sobject"]: Watermark(**row) for row in taken}


def renew(tx: Connection, *, owner: str, now: datetime) -> int:
    """Extend all that this owner reads; return how many that is."""
    renewed = tx.execute(
        update(_table).where(_table.c.owner == owner).values(lease_until=now + LEASE)
    )
    return renewed.rowcount


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


def narrow(tx: Connection, sobject: str, *, until: datetime, span: float, owner: str) -> None:
    """End the open window earlier: the org could not answer for all of it."""
    _move(tx, sobject, owner, until=until, span=span)


def close_window(
    tx: Connection,
    sobject: str,
    *,
    since: datetime,
    read_until: datetime,
    owner: str,
    now: datetime,
    **learnt: object,
) -> None:
    """Finish the window: from here on `since` is where reading starts.

    `learnt` is what the window taught: `span`, `settle`, `lateness`, `late_at`.
    """
    _move(
        tx,
        sobject,
        owner,
        since=since,
        read_until=read_until,
        until=None,
        position_stamp=None,
        position_id=None,
        finished_at=now,
        skipped=None,
        **learnt,
    )


def skip(tx: Connection, sobject: str, reason: str, *, owner: str, now: datetime) -> None:
    """Note why the sObject cannot be read; what it holds stays."""
    _move(tx, sobject, owner, skipped=reason, finished_at=now)


def note_missing(tx: Connection, sobject: str, names: list[str], *, owner: str) -> None:
    """Note which fields of ours the org does not show."""
    _move(tx, sobject, owner, missing_fields=names)


def note_filter(tx: Connection, sobject: str, row_filter: str | None, *, owner: str) -> None:
    """Note by which filter the rows are chosen."""
    _move(tx, sobject, owner, row_filter=row_filter)


def restart(tx: Connection, sobject: str, *, owner: str) -> None:
    """Forget how far the sObject was read, to read it from the beginning; rows stay."""
    nowhere = {"since": None, "until": None, "position_stamp": None, "position_id": None}
    _move(tx, sobject, owner, **nowhere, read_until=None)


def begin_at(tx: Connection, sobject: str, since: datetime, *, owner: str, now: datetime) -> None:
    """Have reading start here: everything before is in the store by another way."""
    _move(tx, sobject, owner, since=since, read_until=since, lease_until=now + LEASE)


def release(tx: Connection, *sobjects: str, owner: str, now: datetime) -> None:
    """Give the right back; harmless when it is lost already."""
    tx.execute(
        update(_table)
        .where(_table.c.sobject.in_(sobjects), _table.c.owner == owner)
        .values(owner=None, lease_until=None, ended_at=now)
    )


def ring(
    tx: Connection, sobjects: Collection[str], *, now: datetime, again_after: timedelta
) -> list[str]:
    """Note that pulls were asked for; leave out those whose earlier ask is waiting or running."""
    insert = sqlite.insert if tx.dialect.name == "sqlite" else postgresql.insert
    if not sobjects:
        return []
    rows = [{"sobject": sobject} for sobject in sorted(sobjects)]
    tx.execute(insert(_table).on_conflict_do_nothing(), rows)
    quiet = or_(_table.c.rung_at.is_(None), _table.c.rung_at < now - again_after)
    idle = or_(_table.c.owner.is_(None), _table.c.lease_until < now)
    rung = tx.execute(
        update(_table)
        .where(_table.c.sobject.in_(list(sobjects)), quiet, idle)
        .values(rung_at=now)
        .returning(_table.c.sobject)
    )
    return list(rung.scalars())


def silence(tx: Connection, sobjects: Collection[str]) -> None:
    """Take an ask back that reached nobody."""
    tx.execute(update(_table).where(_table.c.sobject.in_(list(sobjects))).values(rung_at=None))


def ask(tx: Connection, sobject: str) -> None:
    """Make an sObject due at once, whenever it was last looked at."""
    ensure(tx, sobject)
    tx.execute(update(_table).where(_table.c.sobject == sobject).values(ended_at=None))


def hurry(tx: Connection, sobject: str, *, referred_at: datetime) -> bool:
    """Make an sObject due that has not been looked at since something referred to its record."""
    hurried = tx.execute(
        update(_table)
        .where(
            _table.c.sobject == sobject,
            _table.c.ended_at.is_not(None),
            _table.c.read_until <= referred_at,
        )
        .values(ended_at=None)
    )
    return hurried.rowcount == 1


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
