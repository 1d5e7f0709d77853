"""Sessions that were ended: a cookie is sealed, so that nothing but a note can call it back."""

import hashlib
from datetime import datetime
from typing import cast

from sqlalchemy import Connection, Table, delete, select
from sqlalchemy.dialects import postgresql, sqlite

from models.ended_session import EndedSession

_table = cast("Table", EndedSession.__table__)  # type: ignore[attr-defined]


def end(tx: Connection, session_id: str, *, until: datetime, now: datetime) -> None:
    """Note that a session is over; `until` its cookie could be shown. Older notes are forgotten."""
    insert = (sqlite if tx.dialect.name == "sqlite" else postgresql).insert(_table)
    tx.execute(delete(_table).where(_table.c.until < now))
    tx.execute(insert.values(digest=_digest(session_id), until=until).on_conflict_do_nothing())


def has_ended(tx: Connection, session_id: str) -> bool:
    """Tell whether somebody has left this session."""
    noted = select(_table.c.digest).where(_table.c.digest == _digest(session_id))
    return tx.execute(noted).first() is not None


def _digest(session_id: str) -> str:
    return hashlib.sha256(session_id.encode()).hexdigest()
