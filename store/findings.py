"""Findings raised and cleared: said once in the log, kept in the store until mended."""

from collections.abc import Collection
from datetime import datetime

import structlog
from sqlalchemy import Connection, delete, select
from sqlalchemy.dialects import postgresql, sqlite

from models.finding import Finding, FindingKind

_table = Finding.__table__  # type: ignore[attr-defined]

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
    if known == message:
        return False
    log.warning("finding.raised", object=sobject, kind=str(kind), subject=subject, finding=message)
    return True


def clear(
    tx: Connection,
    sobject: str,
    kind: FindingKind,
    *,
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
    return cleared


def every(tx: Connection) -> list[Finding]:
    """Give all open findings, oldest first."""
    rows = tx.execute(select(_table).order_by(_table.c.since, _table.c.sobject)).mappings()
    return [Finding(**row) for row in rows]
