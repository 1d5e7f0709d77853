"""Slow feeds: how far an sObject's delete log, computed fields and comparison have come."""

from datetime import datetime
from typing import Any

from sqlalchemy import Connection, update

from models.watermark import Watermark
from store import watermarks

_table = Watermark.__table__  # type: ignore[attr-defined]


def deletes_read(tx: Connection, sobject: str, *, through: datetime, now: datetime) -> None:
    """Note up to when, by the org's clock, the delete log is read."""
    _note(tx, sobject, deletes_through=through, deletes_at=now)


def ask_for_comparison(tx: Connection, sobject: str) -> None:
    """Have org and store compared next time anybody looks, however lately that was done."""
    _note(tx, sobject, verified_at=None)


def verified(tx: Connection, sobject: str, *, through: datetime | None, now: datetime) -> None:
    """Note up to when org and store agree; a claim that turned out wrong is taken back."""
    _note(tx, sobject, verified_through=through, verified_at=now)


def move_sweep(
    tx: Connection, sobject: str, *, after: str | None, to: str | None, **times: datetime | None
) -> bool:
    """Move the sweep over computed fields on; False if somebody else has moved it meanwhile."""
    watermarks.ensure(tx, sobject)
    position = _table.c.computed_position
    here = position.is_(None) if after is None else position == after
    moved = tx.execute(
        update(_table)
        .where(_table.c.sobject == sobject, here)
        .values(computed_position=to, **times)
    )
    return moved.rowcount == 1


def _note(tx: Connection, sobject: str, **values: Any) -> None:
    watermarks.ensure(tx, sobject)
    tx.execute(update(_table).where(_table.c.sobject == sobject).values(**values))
