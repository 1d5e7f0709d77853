"""Incidents opened once and closed once, each time with an event for other programs."""

from datetime import datetime
from typing import Any
from uuid import uuid4

import structlog
from sqlalchemy import Connection, Update, case, delete, func, select, update
from sqlalchemy.dialects import postgresql, sqlite

from models.event import EventType
from models.incident import Incident, IncidentKind
from store import events

_table = Incident.__table__  # type: ignore[attr-defined]
_is_open = _table.c.closed_at.is_(None)

log = structlog.get_logger()


def open_(
    tx: Connection, kind: IncidentKind, message: str, *, now: datetime, subject: str = ""
) -> bool:
    """Open an incident; False, and nothing is told, when it is open already."""
    insert = sqlite.insert if tx.dialect.name == "sqlite" else postgresql.insert
    opened = tx.execute(
        insert(_table)
        .values(id=str(uuid4()), kind=kind, subject=subject, message=message, opened_at=now)
        .on_conflict_do_nothing(index_elements=["kind", "subject"], index_where=_is_open)
        .returning(_table)
    ).mappings()
    return bool([_tell(tx, Incident(**row), EventType.INCIDENT_OPENED, now) for row in opened])


def close(tx: Connection, kind: IncidentKind, *, now: datetime, subject: str | None = None) -> int:
    """Close the open incidents of a kind, about one subject or about any; give how many."""
    over = update(_table).where(_table.c.kind == kind, _is_open)
    if subject is not None:
        over = over.where(_table.c.subject == subject)
    return _closed(tx, over, now)


def close_every(tx: Connection, *, now: datetime) -> int:
    """Close all open incidents: what they were about is no more."""
    return _closed(tx, update(_table).where(_is_open), now)


def set_(tx: Connection, kind: IncidentKind, message: str | None, *, now: datetime) -> None:
    """Open an incident for as long as there is something to say of it."""
    if message is None:
        close(tx, kind, now=now)
    else:
        open_(tx, kind, message, now=now)


def recent(tx: Connection, limit: int) -> list[Incident]:
    """Give the latest incidents, those that are still open first."""
    open_first = case((_is_open, 0), else_=1)
    query = select(_table).order_by(open_first, _table.c.opened_at.desc()).limit(limit)
    return [Incident(**row) for row in tx.execute(query).mappings()]


def still_open(tx: Connection) -> list[Incident]:
    """Give the open incidents, the oldest first."""
    query = select(_table).where(_is_open).order_by(_table.c.opened_at, _table.c.subject)
    return [Incident(**row) for row in tx.execute(query).mappings()]


def open_by_kind(tx: Connection) -> dict[str, int]:
    """Count the open incidents of each kind."""
    query = select(_table.c.kind, func.count()).where(_is_open).group_by(_table.c.kind)
    return dict(tx.execute(query).all())


def forget(tx: Connection, before: datetime) -> int:
    """Delete what has been over for long."""
    return tx.execute(delete(_table).where(_table.c.closed_at < before)).rowcount


def _closed(tx: Connection, over: Update, now: datetime) -> int:
    rows: Any = tx.execute(over.values(closed_at=now).returning(_table)).mappings().all()
    for row in rows:
        _tell(tx, Incident(**row), EventType.INCIDENT_CLOSED, now)
    return len(rows)


def _tell(tx: Connection, one: Incident, type_: EventType, now: datetime) -> Incident:
    about = {
        "id": one.id,
        "kind": one.kind,
        "subject": one.subject,
        "title": one.title,
        "message": one.message,
        "remedy": one.remedy,
        "opened_at": one.opened_at.isoformat(),
        "closed_at": one.closed_at.isoformat() if one.closed_at else None,
    }
    events.note(tx, type_, about, now=now)
    say = log.warning if one.is_open else log.info
    say(str(type_), kind=one.kind, object=one.subject, incident=one.message)
    return one
