"""What ran, and how it ended."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, NamedTuple
from uuid import uuid4

from sqlalchemy import Connection, delete, func, insert, select, update

from models.run import Run, RunOutcome

_table = Run.__table__  # type: ignore[attr-defined]


class Failures(NamedTuple):
    """Runs of one sObject that failed by the same error, word for word."""

    sobject: str
    error_code: str | None
    error_message: str | None
    latest: datetime
    runs: int


def start(tx: Connection, sobject: str, *, now: datetime) -> str:
    """Write the row of a run that begins."""
    run_id = str(uuid4())
    tx.execute(
        insert(_table).values(
            id=run_id,
            sobject=sobject,
            started_at=now,
            outcome=RunOutcome.RUNNING,
            pages=0,
            rows_read=0,
            rows_written=0,
        )
    )
    return run_id


def finish(tx: Connection, run_id: str, **values: Any) -> None:
    """Write how a run ended."""
    tx.execute(update(_table).where(_table.c.id == run_id).values(**values))


def record(tx: Connection, runs: Sequence[Mapping[str, Any]]) -> None:
    """Write whole runs at once: those that were over before they needed a row of their own."""
    if runs:
        tx.execute(insert(_table), [{"id": str(uuid4()), **run} for run in runs])


def latest(tx: Connection, sobjects: Sequence[str]) -> dict[str, Run]:
    """Give the last run of each sObject."""
    found = (run for name in sobjects for run in of(tx, name, limit=1))
    return {run.sobject: run for run in found}


def of(tx: Connection, sobject: str, *, limit: int) -> list[Run]:
    """Give an sObject's runs, the youngest first."""
    query = select(_table).where(_table.c.sobject == sobject)
    query = query.order_by(_table.c.started_at.desc()).limit(limit)
    return [Run(**row) for row in tx.execute(query).mappings()]


def first(tx: Connection, sobjects: Sequence[str]) -> dict[str, datetime]:
    """Say when the oldest run of each sObject began, of those that are kept."""
    if not sobjects:
        return {}
    # A look into the index for each: grouped, they would all be walked through.
    begun = select(func.min(_table.c.started_at))
    looks = (begun.where(_table.c.sobject == one).scalar_subquery() for one in sobjects)
    row = tx.execute(select(*looks)).one()
    return {sobject: at for sobject, at in zip(sobjects, row, strict=True) if at}


def failures(
    tx: Connection, sobjects: Sequence[str], *, since: datetime, limit: int
) -> list[Failures]:
    """Count the runs that failed since an instant by their errors, the youngest first."""
    by = (_table.c.sobject, _table.c.error_code, _table.c.error_message)
    latest = func.max(_table.c.started_at)
    query = select(*by, latest, func.count()).where(
        _table.c.sobject.in_(list(sobjects)),
        _table.c.started_at > since,
        _table.c.outcome == RunOutcome.FAILED,
    )
    found = tx.execute(query.group_by(*by).order_by(latest.desc()).limit(limit))
    return [Failures(*row) for row in found]


def forget(tx: Connection, before: datetime) -> int:
    """Delete runs that are too old to matter."""
    return tx.execute(delete(_table).where(_table.c.started_at < before)).rowcount
