"""Backfills and their slices: planned, led by one, shared by many, done when every slice is."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any, NamedTuple

from sqlalchemy import Connection, and_, delete, func, insert, or_, select, update
from sqlalchemy.dialects import postgresql, sqlite

from models.backfill import Backfill, BackfillMode, BackfillState, Slice
from store.errors import LeaseLost

LEASE = timedelta(seconds=30)
"""How long what a lost worker held stays held; it costs a slice."""

_table = Backfill.__table__  # type: ignore[attr-defined]
_slices = Slice.__table__  # type: ignore[attr-defined]


class Progress(NamedTuple):
    """Slices in all and done, and rows read by those that are done."""

    slices: int
    done: int
    rows: int


class Span(NamedTuple):
    """What one slice covers: a result page, or Ids in (after_id, until_id]."""

    locator: str | None = None
    after_id: str | None = None
    until_id: str | None = None


def plan(tx: Connection, sobject: str, reason: str, *, now: datetime) -> None:
    """Have an sObject read from the beginning; one that is under way begins anew."""
    adding = sqlite.insert if tx.dialect.name == "sqlite" else postgresql.insert
    values = {"reason": reason, "planned_at": now, "finished_at": None, **_NOTHING_DONE, **_UNLED}
    tx.execute(
        adding(_table)
        .values(sobject=sobject, jobs=0, **values)
        .on_conflict_do_update(index_elements=["sobject"], set_={**values, "jobs": 0})
    )
    tx.execute(delete(_slices).where(_slices.c.sobject == sobject))


_NOTHING_DONE: dict[str, Any] = {
    "state": BackfillState.PLANNED,
    "mode": None,
    "mode_reason": None,
    "started_at": None,
    "total": None,
    "job_id": None,
    "job_records": None,
    "job_moved_at": None,
}
_UNLED: dict[str, Any] = {"owner": None, "lease_until": None}


def get(tx: Connection, sobject: str) -> Backfill | None:
    """Give an sObject's latest backfill, whatever its state."""
    row = tx.execute(select(_table).where(_table.c.sobject == sobject)).mappings().one_or_none()
    return Backfill(**row) if row else None


def every(tx: Connection) -> dict[str, Backfill]:
    return {row["sobject"]: Backfill(**row) for row in tx.execute(select(_table)).mappings()}


def unfinished(tx: Connection) -> list[str]:
    """Name the sObjects whose backfill is not done, the oldest plan first."""
    query = select(_table.c.sobject).where(_table.c.state != BackfillState.DONE)
    return list(tx.execute(query.order_by(_table.c.planned_at)).scalars())


def lead(tx: Connection, sobject: str, *, owner: str, now: datetime) -> Backfill | None:
    """Take the sole right to prepare or to finish a backfill; None while another has it."""
    free = or_(_table.c.owner.is_(None), _table.c.owner == owner, _table.c.lease_until < now)
    taken = tx.execute(
        update(_table)
        .where(_table.c.sobject == sobject, free)
        .values(owner=owner, lease_until=now + LEASE)
    )
    return get(tx, sobject) if taken.rowcount else None


def note(tx: Connection, sobject: str, *, owner: str, **values: object) -> None:
    """Write down what the leader has learnt; raises `LeaseLost` when somebody else leads."""
    moved = tx.execute(
        update(_table).where(_table.c.sobject == sobject, _table.c.owner == owner).values(**values)
    )
    if not moved.rowcount:
        raise LeaseLost(f"another process leads the backfill of {sobject} by now")


def follow(tx: Connection, sobject: str, *, owner: str) -> None:
    """Give the lead back."""
    tx.execute(
        update(_table).where(_table.c.sobject == sobject, _table.c.owner == owner).values(**_UNLED)
    )


def share(
    tx: Connection, sobject: str, mode: BackfillMode, spans: Sequence[Span], *, owner: str
) -> None:
    """Lay the slices out for whoever comes."""
    note(tx, sobject, owner=owner, state=BackfillState.RUNNING, mode=mode)
    tx.execute(delete(_slices).where(_slices.c.sobject == sobject))
    rows = [
        {"sobject": sobject, "number": number, **span._asdict()}
        for number, span in enumerate(spans)
    ]
    if rows:
        tx.execute(insert(_slices), rows)


def restart(
    tx: Connection, sobject: str, *, owner: str, mode: BackfillMode | None, reason: str | None
) -> None:
    """Void what was shared: another job, or another mode, reads it all again; rows stay."""
    jobs = _table.c.jobs + 1
    values = {**_NOTHING_DONE, "mode": mode, "mode_reason": reason, "jobs": jobs}
    note(tx, sobject, owner=owner, **values)
    follow(tx, sobject, owner=owner)
    tx.execute(delete(_slices).where(_slices.c.sobject == sobject))


def add(tx: Connection, sobject: str, number: int, locator: str) -> None:
    """Lay out the page that a chained page named; harmless when it is there."""
    adding = sqlite.insert if tx.dialect.name == "sqlite" else postgresql.insert
    tx.execute(
        adding(_slices)
        .values(sobject=sobject, number=number, locator=locator)
        .on_conflict_do_nothing()
    )


def take(tx: Connection, sobject: str, *, owner: str, now: datetime) -> Slice | None:
    """Take a slice that nobody works; None when there is none."""
    free = and_(
        _slices.c.sobject == sobject,
        _slices.c.done_at.is_(None),
        or_(_slices.c.owner.is_(None), _slices.c.lease_until < now),
    )
    query = select(_slices.c.number).where(free).order_by(_slices.c.number).limit(1)
    if tx.dialect.name == "postgresql":
        query = query.with_for_update(skip_locked=True)
    number = tx.execute(query).scalar_one_or_none()
    if number is None:
        return None
    row = tx.execute(
        update(_slices)
        .where(_slices.c.sobject == sobject, _slices.c.number == number)
        .values(owner=owner, lease_until=now + LEASE)
        .returning(*_slices.c)
    ).mappings()
    return Slice(**row.one())


def renew(tx: Connection, sobject: str, *, owner: str, now: datetime) -> None:
    """Extend what this owner leads and works."""
    for table in (_table, _slices):
        tx.execute(
            update(table)
            .where(table.c.sobject == sobject, table.c.owner == owner)
            .values(lease_until=now + LEASE)
        )


def advance(tx: Connection, part: Slice, *, owner: str, **values: object) -> None:
    """Note how far a slice is; in the transaction that stores the rows, it is their fence."""
    moved = tx.execute(
        update(_slices)
        .where(
            _slices.c.sobject == part.sobject,
            _slices.c.number == part.number,
            _slices.c.owner == owner,
            _slices.c.done_at.is_(None),
        )
        .values(**values)
    )
    if not moved.rowcount:
        raise LeaseLost(f"another worker reads slice {part.number} of {part.sobject} by now")


def progress(tx: Connection, sobject: str) -> Progress:
    done = func.count(_slices.c.done_at)
    rows = func.coalesce(func.sum(_slices.c.rows_read), 0)
    row = tx.execute(select(func.count(), done, rows).where(_slices.c.sobject == sobject)).one()
    return Progress(int(row[0]), int(row[1]), int(row[2]))


def last_steps(tx: Connection) -> dict[str, datetime]:
    """Say of each backfill that is shared when its last slice was done."""
    query = select(_slices.c.sobject, func.max(_slices.c.done_at)).group_by(_slices.c.sobject)
    return {sobject: at for sobject, at in tx.execute(query) if at}


def drop(tx: Connection, part: Slice, *, owner: str) -> None:
    """Give a slice back."""
    tx.execute(
        update(_slices)
        .where(
            _slices.c.sobject == part.sobject,
            _slices.c.number == part.number,
            _slices.c.owner == owner,
        )
        .values(owner=None, lease_until=None)
    )


def finish(tx: Connection, sobject: str, *, owner: str, now: datetime) -> None:
    """Close the backfill; its row stays as the record of it, its slices go."""
    note(tx, sobject, owner=owner, state=BackfillState.DONE, finished_at=now)
    follow(tx, sobject, owner=owner)
    tx.execute(delete(_slices).where(_slices.c.sobject == sobject))
