"""The org's describes, kept so that a command can be checked without asking."""

from datetime import datetime

from sqlalchemy import Connection, select
from sqlalchemy.dialects import postgresql, sqlite

from models.description import Description

_table = Description.__table__  # type: ignore[attr-defined]


def read(tx: Connection, sobject: str) -> Description | None:
    row = tx.execute(select(_table).where(_table.c.sobject == sobject)).mappings().one_or_none()
    return Description(**row) if row else None


def as_of(tx: Connection, sobject: str) -> datetime | None:
    """Say when the org was last asked; the description itself is a hundred kilobytes or so."""
    found: datetime | None = tx.execute(
        select(_table.c.fetched_at).where(_table.c.sobject == sobject)
    ).scalar()
    return found


def keep(tx: Connection, sobject: str, body: str | None, *, fetched_at: datetime) -> None:
    """Store what the org just said; None: it has no such sObject, or hides it."""
    insert = sqlite.insert if tx.dialect.name == "sqlite" else postgresql.insert
    values = {"body": body, "fetched_at": fetched_at}
    tx.execute(
        insert(_table)
        .values(sobject=sobject, **values)
        .on_conflict_do_update(index_elements=["sobject"], set_=values)
    )


def touch(tx: Connection, sobject: str, *, fetched_at: datetime) -> None:
    """Note that the org was asked again and nothing had changed."""
    tx.execute(_table.update().where(_table.c.sobject == sobject).values(fetched_at=fetched_at))
