"""What the store holds of an sObject, as a comparison with the org sees it: ids, stamps, states.

Instants are whole milliseconds since 1970 here, so that a million of them fit into 8 MB.
"""

from array import array
from collections.abc import Iterable, Iterator, Sequence
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import Any, NamedTuple

from sqlalchemy import (
    BigInteger,
    ColumnElement,
    Connection,
    Select,
    String,
    case,
    cast,
    extract,
    func,
    select,
    update,
)

from models.sobject import SObject

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MILLISECOND = timedelta(milliseconds=1)
_AT_ONCE = 10_000  # rows fetched from the database in one go
_IDS = 500  # in one statement


class State(StrEnum):
    """How a row stands: alive, in the org's recycle bin, or not shown by the org any more."""

    LIVE = "live"
    BINNED = "binned"
    GONE = "gone"


class Cause(StrEnum):
    """Why a row is a tombstone; `docs/deletes.md` tells who finds which."""

    BIN = "bin"
    MERGED = "merged"
    PURGED = "purged"
    UNSEEN = "unseen"
    FILTERED = "filtered"


class Row(NamedTuple):
    """A row's stamp and state."""

    stamp: int
    state: State


def milliseconds(moment: datetime) -> int:
    return (moment - _EPOCH) // _MILLISECOND


def moment(stamp: int) -> datetime:
    return _EPOCH + stamp * _MILLISECOND


def spread(tx: Connection, model: type[SObject]) -> tuple["array[int]", "array[int]"]:
    """Give the stamps of live rows and of those in the bin, each in order."""
    live, binned = array("q"), array("q")
    table = model.table()
    query = (
        select(_stamp(tx, model), _state(model))
        .where(_state(model) != str(State.GONE))
        .order_by(table.c.system_modstamp)
    )
    for stamp, state in _streamed(tx, query):
        (live if state == State.LIVE else binned).append(stamp)
    return live, binned


def between(
    tx: Connection, model: type[SObject], since: int, until: int
) -> Iterator[tuple[str, Row]]:
    """Give the rows stamped in [since, until)."""
    table = model.table()
    query = select(table.c.id, _stamp(tx, model), _state(model)).where(
        table.c.system_modstamp >= moment(since), table.c.system_modstamp < moment(until)
    )
    for record_id, stamp, state in _streamed(tx, query):
        yield record_id, Row(stamp, State(state))


def of(tx: Connection, model: type[SObject], ids: Iterable[str]) -> dict[str, Row]:
    """Give those of these records that are here."""
    table = model.table()
    query = select(table.c.id, _stamp(tx, model), _state(model))
    return {
        record_id: Row(stamp, State(state))
        for some in chunks(list(ids), _IDS)
        for record_id, stamp, state in tx.execute(query.where(table.c.id.in_(some)))
    }


def sample(tx: Connection, model: type[SObject], size: int, *, until: datetime) -> list[str]:
    """Draw some live rows."""
    table = model.table()
    query = (
        select(table.c.id)
        .where(table.c.deleted_at.is_(None), table.c.system_modstamp < until)
        .order_by(func.random())
        .limit(size)
    )
    return list(tx.execute(query).scalars())


def bury(
    tx: Connection,
    model: type[SObject],
    deaths: Sequence[tuple[str, datetime]],
    *,
    cause: Cause,
    read_at: datetime,
) -> int:
    """Make tombstones of live rows that the org did not show when it was asked at `read_at`.

    Whoever has read a row since then has seen it alive: that row stays.
    """
    table = model.table()
    buried = 0
    for record_id, at in deaths:
        buried += tx.execute(
            update(table)
            .where(table.c.id == record_id, table.c.deleted_at.is_(None))
            .where(table.c.synced_at.is_(None) | (table.c.synced_at <= read_at))
            .values(is_deleted=True, deleted_at=at, deleted_cause=cause, synced_at=read_at)
        ).rowcount
    return buried


def relabel(
    tx: Connection,
    model: type[SObject],
    ids: Sequence[str],
    cause: Cause,
    *,
    instead_of: Cause | None = None,
) -> int:
    """Say of tombstones how they stand by now; when they died stays."""
    table = model.table()
    dead = table.c.deleted_at.is_not(None)
    which = dead if instead_of is None else dead & (table.c.deleted_cause == str(instead_of))
    return sum(
        tx.execute(
            update(table).where(table.c.id.in_(some), which).values(deleted_cause=cause)
        ).rowcount
        for some in chunks(ids, _IDS)
    )


def chunks(ids: Sequence[str], size: int) -> Iterator[Sequence[str]]:
    for start in range(0, len(ids), size):
        yield ids[start : start + size]


def _state(model: type[SObject]) -> ColumnElement[str]:
    columns = model.table().c
    shown = func.coalesce(columns.deleted_cause, str(Cause.BIN)).in_([Cause.BIN, Cause.MERGED])
    return case(
        (columns.deleted_at.is_(None), str(State.LIVE)),
        (shown, str(State.BINNED)),
        else_=str(State.GONE),
    )


def _stamp(tx: Connection, model: type[SObject]) -> ColumnElement[int]:
    stamp = model.table().c.system_modstamp
    if tx.dialect.name == "sqlite":
        fraction = func.substr(stamp, 21, 3, type_=String())
        seconds = func.strftime("%s", stamp, type_=String())
        return cast(seconds, BigInteger) * 1000 + cast(fraction, BigInteger)
    return cast(extract("epoch", stamp) * 1000, BigInteger)


def _streamed(tx: Connection, query: Select[Any, Any]) -> Iterator[tuple[Any, ...]]:
    options = {"stream_results": True, "yield_per": _AT_ONCE}
    for rows in tx.execute(query, execution_options=options).partitions():
        yield from (tuple(row) for row in rows)
