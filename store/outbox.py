"""The outbox: commands are appended, found again, listed and counted."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import Connection, Select, func, select
from sqlalchemy.dialects import postgresql, sqlite

from models.naming import column_name
from models.outbox import Attempt, CommandState, OutboxEntry, Taken
from models.sobject import SObject
from store.conditions import commands as _table
from store.conditions import is_, is_new, is_open

_attempts = Attempt.__table__  # type: ignore[attr-defined]


def append(tx: Connection, rows: Sequence[Mapping[str, Any]]) -> None:
    """Add commands; one whose id or idempotency key is there already is left as it stands."""
    if not rows:
        return
    statement = sqlite.insert if tx.dialect.name == "sqlite" else postgresql.insert
    tx.execute(statement(_table).on_conflict_do_nothing(), list(rows))


def by_key(tx: Connection, keys: Iterable[str]) -> dict[str, str]:
    """Find the commands that bear these idempotency keys."""
    found = tx.execute(
        select(_table.c.idempotency_key, _table.c.id).where(
            _table.c.idempotency_key.in_(list(keys))
        )
    )
    return dict(found.all())


def known(tx: Connection, ids: Iterable[str]) -> set[str]:
    """Tell which of these commands are there already."""
    return set(tx.execute(select(_table.c.id).where(_table.c.id.in_(list(ids)))).scalars())


def unadmitted(tx: Connection, limit: int) -> list[OutboxEntry]:
    """Take rows that other programs inserted and nobody has looked at."""
    return _entries(tx, select(_table).where(is_new()).order_by(_table.c.seq).limit(limit))


def unfinished(tx: Connection) -> int:
    """Count the commands that are still to be finished, due or not."""
    query = select(func.count()).select_from(_table).where(is_open())
    return int(tx.execute(query).scalar_one())


def get(tx: Connection, command_id: str) -> OutboxEntry | None:
    """Find a command; None for an id that is unknown or none at all."""
    if not is_command_id(command_id):
        return None
    found = _entries(tx, select(_table).where(_table.c.id == command_id))
    return found[0] if found else None


def results(tx: Connection, ids: Iterable[str]) -> dict[str, str | None]:
    """Give the records that these commands made."""
    wanted = list(ids)
    found = tx.execute(select(_table.c.id, _table.c.result_id).where(_table.c.id.in_(wanted)))
    return dict(found.all())


def attempts(tx: Connection, command_id: str) -> list[Attempt]:
    rows = tx.execute(
        select(_attempts).where(_attempts.c.command_id == command_id).order_by(_attempts.c.number)
    ).mappings()
    return [Attempt(**row) for row in rows]


def lock_parents(tx: Connection, model: type[SObject], ids: Sequence[str]) -> dict[str, str]:
    """Say which record a write of each of these locks, as far as the store knows."""
    table, name = model.table(), column_name(model.lock_parent or "")
    query = select(table.c.id, table.c[name]).where(table.c.id.in_(ids))
    return {record_id: parent for record_id, parent in tx.execute(query) if parent}


def applied_before(tx: Connection, entry: Taken) -> list[tuple[datetime, datetime]]:
    """Tell when commands on the same record were applied that were queued before this one."""
    submitted = select(_table.c.submitted_at).where(_table.c.id == entry.id).scalar_subquery()
    query = (
        select(_attempts.c.started_at, _attempts.c.finished_at)
        .join(_table, _table.c.id == _attempts.c.command_id)
        .where(
            _table.c.result_id == entry.record_id,
            _table.c.seq < entry.seq,
            _table.c.finished_at >= submitted,
            is_(CommandState.APPLIED),
            _attempts.c.finished_at.is_not(None),
        )
    )
    return [(begun, ended) for begun, ended in tx.execute(query)]


def counts(tx: Connection) -> dict[str, int]:
    """Count commands by state."""
    rows = tx.execute(select(_table.c.state, func.count()).group_by(_table.c.state))
    return dict(rows.all())


def listing(
    tx: Connection,
    *,
    state: str | None = None,
    sobject: str | None = None,
    code: str | None = None,
    limit: int = 50,
) -> list[OutboxEntry]:
    """List the newest commands that match."""
    query = select(_table)
    for column, value in (
        (_table.c.state, state),
        (_table.c.sobject, sobject),
        (_table.c.error_code, code),
    ):
        if value is not None:
            query = query.where(column == value)
    return _entries(tx, query.order_by(_table.c.seq.desc()).limit(limit))


def is_command_id(text: str) -> bool:
    # PostgreSQL raises for a comparison with anything else.
    try:
        UUID(text)
    except ValueError:
        return False
    return True


def _entries(tx: Connection, query: Select[Any]) -> list[OutboxEntry]:
    return [OutboxEntry(**row) for row in tx.execute(query).mappings()]
