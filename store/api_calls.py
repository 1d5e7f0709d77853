"""API calls counted, and what the org says of everybody's: the ledger of the budget."""

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import NamedTuple

from sqlalchemy import Connection, delete, func, select
from sqlalchemy.dialects import postgresql, sqlite

from models.api_calls import ApiCalls, ApiUsage

_calls = ApiCalls.__table__  # type: ignore[attr-defined]
_usage = ApiUsage.__table__  # type: ignore[attr-defined]


class Entry(NamedTuple):
    """What one line of the ledger is about."""

    hour: datetime
    purpose: str
    kind: str
    sobject: str


def hour_of(moment: datetime) -> datetime:
    return moment.replace(minute=0, second=0, microsecond=0)


def add(tx: Connection, counts: Mapping[Entry, int]) -> None:
    """Add calls to the ledger, whoever else adds at the same time."""
    insert = sqlite.insert if tx.dialect.name == "sqlite" else postgresql.insert
    statement = insert(_calls)
    statement = statement.on_conflict_do_update(
        index_elements=list(Entry._fields),
        set_={"calls": _calls.c.calls + statement.excluded.calls},
    )
    # In one order, so that two processes never wait for each other's rows.
    rows = [{**entry._asdict(), "calls": calls} for entry, calls in sorted(counts.items())]
    tx.execute(statement, rows)


def by_purpose(tx: Connection, *, since: datetime) -> dict[str, int]:
    """Count our calls since an hour began, by what they were made for, the costliest first."""
    total = func.sum(_calls.c.calls)
    rows = tx.execute(
        select(_calls.c.purpose, total)
        .where(_calls.c.hour >= hour_of(since))
        .group_by(_calls.c.purpose)
        .order_by(total.desc(), _calls.c.purpose)
    )
    return {purpose: int(calls) for purpose, calls in rows}


def sample(tx: Connection, used: int, limit: int, *, now: datetime) -> None:
    """Keep the first figure that the org gives within an hour."""
    insert = sqlite.insert if tx.dialect.name == "sqlite" else postgresql.insert
    tx.execute(
        insert(_usage)
        .values(hour=hour_of(now), at=now, used=used, allocation=limit)
        .on_conflict_do_nothing()
    )


def earlier(tx: Connection, *, now: datetime) -> tuple[datetime, int] | None:
    """Give the oldest figure of the last two hours: when, and how much was used."""
    row = tx.execute(
        select(_usage.c.at, _usage.c.used)
        .where(_usage.c.hour >= hour_of(now) - timedelta(hours=1), _usage.c.at < now)
        .order_by(_usage.c.at)
        .limit(1)
    ).one_or_none()
    return (row[0], row[1]) if row else None


def forget(tx: Connection, before: datetime) -> int:
    """Delete what is too old to matter."""
    tx.execute(delete(_usage).where(_usage.c.hour < before))
    return tx.execute(delete(_calls).where(_calls.c.hour < before)).rowcount
