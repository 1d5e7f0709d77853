"""Processes: each writes down that it lives; who was killed is known by its silence."""

from datetime import datetime

from sqlalchemy import Connection, delete, select
from sqlalchemy.dialects import postgresql, sqlite

from models.process import Process, Role

_table = Process.__table__  # type: ignore[attr-defined]


def beat(tx: Connection, process: str, role: Role, *, started_at: datetime, now: datetime) -> None:
    """Write down that a process lives."""
    insert = sqlite.insert if tx.dialect.name == "sqlite" else postgresql.insert
    row = {"process": process, "role": role, "started_at": started_at, "beat_at": now}
    tx.execute(
        insert(_table)
        .values(**row)
        .on_conflict_do_update(index_elements=["process"], set_={"beat_at": now})
    )


def leave(tx: Connection, process: str) -> None:
    """Take the row of a process away that ends as it should."""
    tx.execute(delete(_table).where(_table.c.process == process))


def forget(tx: Connection, before: datetime) -> int:
    """Take away the rows of those that have been silent for long."""
    return tx.execute(delete(_table).where(_table.c.beat_at < before)).rowcount


def every(tx: Connection) -> list[Process]:
    rows = tx.execute(select(_table).order_by(_table.c.role, _table.c.started_at)).mappings()
    return [Process(**row) for row in rows]
