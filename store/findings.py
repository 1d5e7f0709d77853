"""Findings raised and cleared: said once in the log, kept in the store until mended.

Some of them are incidents as well, which other programs are told of.
"""

from collections.abc import Collection
from datetime import datetime

import structlog
from sqlalchemy import Connection, delete, select
from sqlalchemy.dialects import postgresql, sqlite

from models.finding import Finding, FindingKind
from models.incident import IncidentKind
from store import incidents

_table = Finding.__table__  # type: ignore[attr-defined]

_GRAVE = {
    FindingKind.SILENCE: IncidentKind.SILENCE,
    FindingKind.ZERO_ROWS: IncidentKind.ZERO_ROWS,
    FindingKind.VANISHED: IncidentKind.VANISHED,
    FindingKind.DRIFT: IncidentKind.DRIFT,
}
"""Findings that are incidents as well."""
_TOGETHER = frozenset({FindingKind.SILENCE})
"""Of these one incident tells for all sObjects: an org that is down silences them all."""

log = structlog.get_logger()


def raise_(
    tx: Connection,
    sobject: str,
    kind: FindingKind,
    message: str,
    *,
    now: datetime,
    subject: str = "",
) -> bool:
    """Keep a finding; True (and one line in the log) when it was not there or said otherwise."""
    key = {"sobject": sobject, "kind": str(kind), "subject": subject}
    where = [_table.c[name] == value for name, value in key.items()]
    known = tx.execute(select(_table.c.message).where(*where)).scalar_one_or_none()
    insert = sqlite.insert if tx.dialect.name == "sqlite" else postgresql.insert
    tx.execute(
        insert(_table)
        .values(**key, message=message, since=now, seen_at=now)
        .on_conflict_do_update(index_elements=list(key), set_={"message": message, "seen_at": now})
    )
    if kind in _GRAVE:
        about = "" if kind in _TOGETHER else sobject
        incidents.open_(tx, _GRAVE[kind], f"{sobject}: {message}", now=now, subject=about)
    if known == message:
        return False
    log.warning("finding.raised", object=sobject, kind=str(kind), subject=subject, finding=message)
    return True


def clear(
    tx: Connection,
    sobject: str,
    kind: FindingKind,
    *,
    now: datetime,
    keep: Collection[str] = (),
) -> int:
    """Drop an sObject's findings of a kind but for the subjects that still stand."""
    cleared = tx.execute(
        delete(_table)
        .where(_table.c.sobject == sobject, _table.c.kind == str(kind))
        .where(_table.c.subject.not_in(list(keep)))
    ).rowcount
    if cleared:
        log.info("finding.cleared", object=sobject, kind=str(kind), number=cleared)
    if cleared and kind in _GRAVE:
        _close(tx, sobject, kind, now=now)
    return cleared


def every(tx: Connection) -> list[Finding]:
    """Give all open findings, oldest first."""
    rows = tx.execute(select(_table).order_by(_table.c.since, _table.c.sobject)).mappings()
    return [Finding(**row) for row in rows]


def _close(tx: Connection, sobject: str, kind: FindingKind, *, now: datetime) -> None:
    alike = select(_table.c.sobject).where(_table.c.kind == str(kind)).limit(1)
    if kind not in _TOGETHER:
        incidents.close(tx, _GRAVE[kind], now=now, subject=sobject)
    elif tx.execute(alike).first() is None:
        incidents.close(tx, _GRAVE[kind], now=now)
