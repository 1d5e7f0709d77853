"""Ingest jobs: which commands travel by which, written down before a byte of them is sent."""

from collections.abc import Sequence
from datetime import datetime
from typing import NamedTuple

from sqlalchemy import ColumnElement, Connection, and_, func, insert, or_, select, update

from models.ingest import Ingest
from models.outbox import Ready, Taken
from store import claims
from store.conditions import commands, is_in_flight, is_ready

_table = Ingest.__table__  # type: ignore[attr-defined]
_CHUNK = 500


class Crowd(NamedTuple):
    """What many waiting commands have in common."""

    op: str
    sobject: str
    external_id_field: str | None


def crowd(tx: Connection, *, above: int, now: datetime) -> Crowd | None:
    """Find a kind of which more than so many are due; the first of those that are."""
    quick = select(commands.c.id).where(is_ready(Ready.DUE)).limit(above + 1).subquery()
    if tx.execute(select(func.count()).select_from(quick)).scalar_one() <= above:
        return None
    due = and_(claims.is_due(now), _may_ingest())
    kinds = (commands.c.op, commands.c.sobject, commands.c.external_id_field)
    some = select(*kinds).where(due).limit(2 * above + 1).subquery()
    number = func.count()
    found = tx.execute(
        select(*some.c).group_by(*some.c).having(number > above).order_by(number.desc()).limit(1)
    ).first()
    return Crowd(*found) if found else None


def claim(tx: Connection, claim: claims.Claim, kind: Crowd) -> list[Taken]:
    """Mark due commands of one kind as being sent, oldest first."""
    same = and_(
        commands.c.op == kind.op,
        commands.c.sobject == kind.sobject,
        commands.c.external_id_field.is_not_distinct_from(kind.external_id_field),
    )
    return claims.claim(tx, claim, among=and_(same, _may_ingest()))


def begin(
    tx: Connection, job_id: str, kind: Crowd, entries: Sequence[Taken], *, owner: str, now: datetime
) -> None:
    """Write a job and its commands down."""
    tx.execute(
        insert(_table).values(
            job_id=job_id,
            sobject=kind.sobject,
            operation=kind.op,
            commands=len(entries),
            created_at=now,
        )
    )
    ids = [one.id for one in entries]
    for start in range(0, len(ids), _CHUNK):
        tx.execute(
            update(commands)
            .where(commands.c.id.in_(ids[start : start + _CHUNK]), commands.c.lease_owner == owner)
            .values(job_id=job_id)
        )


def uploaded(tx: Connection, job_id: str) -> None:
    tx.execute(update(_table).where(_table.c.job_id == job_id).values(uploaded=True))


def finish(tx: Connection, job_id: str, outcome: str, *, now: datetime) -> None:
    tx.execute(
        update(_table).where(_table.c.job_id == job_id).values(finished_at=now, outcome=outcome)
    )


def is_settled(tx: Connection, job_id: str) -> bool:
    """Tell whether no command waits for this job's results any more."""
    query = select(commands.c.id).where(is_in_flight(), commands.c.job_id == job_id).limit(1)
    return tx.execute(query).first() is None


def _may_ingest() -> ColumnElement[bool]:
    """Choose what a row of a file can say: no guard, no rule, no flow of its own."""
    return and_(
        commands.c.op.in_(["update", "upsert", "delete", "create"]),
        or_(commands.c.op != "create", commands.c.external_id_field.is_not(None)),
        commands.c.expected_modstamp.is_(None),
        commands.c.auto_assign.is_(None),
        ~commands.c.allow_duplicates,
        ~commands.c.alone,
        commands.c.failures == 0,
        ~commands.c.sobject.like("%\\_\\_kav", escape="\\"),
    )
