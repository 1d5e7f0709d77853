"""The audit: notes of operators' acts, and their listing."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, cast

from sqlalchemy import Connection, Table, insert, select

from models.audit import AuditEntry

_table = cast("Table", AuditEntry.__table__)  # type: ignore[attr-defined]
_LONGEST = {"operator": 120, "act": 60, "subject": 255}


def note(
    tx: Connection,
    *,
    operator: str,
    act: str,
    subject: str,
    now: datetime,
    detail: Mapping[str, Any] | None = None,
) -> None:
    """Write down who did what to what, in the transaction in which it is done."""
    note_all(tx, [subject], operator=operator, act=act, now=now, detail=detail)


def note_all(
    tx: Connection,
    subjects: Sequence[str],
    *,
    operator: str,
    act: str,
    now: datetime,
    detail: Mapping[str, Any] | None = None,
) -> None:
    """Do the same for an act upon several."""
    same = {
        "at": now,
        "operator": operator[: _LONGEST["operator"]],
        "act": act[: _LONGEST["act"]],
        "detail": dict(detail) if detail else None,
    }
    rows = [{**same, "subject": subject[: _LONGEST["subject"]]} for subject in subjects]
    if rows:
        tx.execute(insert(_table), rows)


def latest(
    tx: Connection,
    *,
    limit: int,
    operator: str | None = None,
    subject: str | None = None,
    before: int | None = None,
) -> list[AuditEntry]:
    """List acts, the youngest first; `before` is the `seq` that the last page ended at."""
    query = select(_table).order_by(_table.c.seq.desc()).limit(limit)
    if operator is not None:
        query = query.where(_table.c.operator == operator)
    if subject is not None:
        query = query.where(_table.c.subject == subject)
    if before is not None:
        query = query.where(_table.c.seq < before)
    return [AuditEntry(**row) for row in tx.execute(query).mappings()]
