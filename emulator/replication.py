"""getUpdated and getDeleted: whole minutes, bounded windows, and how far an answer reaches."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from emulator.bin import KEPT
from emulator.errors import bad
from emulator.stamps import wire
from emulator.statement import statement

if TYPE_CHECKING:
    from emulator.engine import Engine
    from emulator.manners import LogManners
    from emulator.schema.sobject import SObject

MOST_IDS = 600_000
UPDATED_REACH = timedelta(days=30)
_MINUTE = timedelta(minutes=1)


def updated(
    engine: Engine, sobject: SObject, start: datetime, end: datetime, now: datetime
) -> dict[str, Any]:
    """Return the Ids of rows stamped in a window."""
    first, last = _window(start, end, now, UPDATED_REACH)
    alive = ' AND "IsDeleted" = 0' if sobject.has_bin else ""
    stamp = f'"{sobject.stamp}"'
    rows = engine.tables.connection.execute(
        statement(
            'SELECT "Id" FROM',
            f'"{sobject.name}"',
            f"WHERE {stamp} >= ? AND {stamp} < ?{alive} LIMIT {MOST_IDS + 1}",
        ),
        (wire(first), wire(last)),
    )
    ids = [row[0] for row in rows]
    _check_count(len(ids))
    return {"ids": ids, "latestDateCovered": _covered(engine, last)}


def deleted(  # noqa: PLR0917 - as the call itself, and what it depends on
    engine: Engine,
    sobject: SObject,
    start: datetime,
    end: datetime,
    now: datetime,
    manners: LogManners,
) -> dict[str, Any]:
    """Return the rows deleted in a window and not brought back, purged ones too."""
    first, last = _window(start, end, now, KEPT)
    earliest = max(now - KEPT, manners.purged_before or now - KEPT)
    if first < _whole_minute(earliest):
        raise bad("INVALID_REPLICATION_DATE", f"startDate is before {wire(earliest)}: log purged")
    rows = engine.tables.connection.execute(
        "SELECT id, at FROM emulator_deletes WHERE sobject = ? AND at >= ? AND at < ?"
        " ORDER BY at, id LIMIT ?",
        (sobject.name, wire(first), wire(last), manners.most_ids + 1),
    ).fetchall()
    _check_count(len(rows), manners.most_ids)
    return {
        "deletedRecords": [{"deletedDate": at, "id": id_} for id_, at in rows],
        "earliestDateAvailable": wire(earliest),
        "latestDateCovered": _covered(engine, last),
    }


def _window(
    start: datetime, end: datetime, now: datetime, reach: timedelta
) -> tuple[datetime, datetime]:
    first, last = _whole_minute(start), _whole_minute(end)
    if last - first < _MINUTE:
        raise bad(
            "INVALID_REPLICATION_DATE", "startDate must be at least one minute before endDate"
        )
    if first < _whole_minute(now - reach):
        raise bad(
            "INVALID_REPLICATION_DATE", f"startDate cannot be more than {reach.days} days ago"
        )
    if first > now:
        raise bad("INVALID_REPLICATION_DATE", "startDate cannot be in the future")
    return first, last


def _whole_minute(at: datetime) -> datetime:
    return at.astimezone(UTC).replace(second=0, microsecond=0)


def _covered(engine: Engine, last: datetime) -> str:
    """Stop at the start of the oldest transaction that has not committed yet."""
    return min([wire(last), *(late.change.stamp for late in engine.late)])


def _check_count(count: int, most: int = MOST_IDS) -> None:
    if count > most:
        raise bad("EXCEEDED_ID_LIMIT", f"too many ids: a window may hold {most}")
