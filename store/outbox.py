"""The outbox: commands are appended, found again, listed and counted."""

import json
import re
import sqlite3
from collections.abc import Collection, Iterable, Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime, timedelta
from functools import lru_cache
from itertools import chain
from typing import TYPE_CHECKING, Any, NamedTuple, TypeAlias
from uuid import UUID

from sqlalchemy import (
    Column,
    Connection,
    Select,
    cast,
    func,
    insert,
    literal,
    select,
    true,
    union_all,
)
from sqlalchemy.dialects import postgresql
from sqlalchemy.dialects.postgresql import JSONB

from models.columns import instant_text
from models.naming import column_name
from models.outbox import (
    FAILED,
    FINISHED,
    IN_FLIGHT,
    Attempt,
    CommandState,
    Dependency,
    OutboxEntry,
    Taken,
)
from models.sobject import SObject
from store.conditions import among, is_, is_in_flight, is_new, is_one_of, is_open
from store.conditions import commands as _table

if TYPE_CHECKING:
    import psycopg

_attempts = Attempt.__table__  # type: ignore[attr-defined]
_dependencies = Dependency.__table__  # type: ignore[attr-defined]
_DEFAULTS = {"priority": 0, "waits_for": 0, "ready": 0, "allow_duplicates": False}
_INSTANTS = {"expected_modstamp", "not_before", "submitted_at"}
_DOCUMENTS = {"fields", "depends_on", "base"}
_SPECIAL = re.compile(r"[\\\t\n\r]")
_ESCAPES = {"\\": r"\\", "\t": r"\t", "\n": r"\n", "\r": r"\r"}
_ROOM = 1 << 15  # KiB; the usual 2 MiB hold the indexes of some thousand commands
_AT_ONCE = 500  # rows of one statement
_MANY = 10_000
_CLOCKS = timedelta(minutes=5)
"""What may be wrong with the difference of the clocks: one of them may have been set meanwhile."""


class Row(NamedTuple):
    """A command to be added; JSON is text here, which the drivers take as it stands."""

    id: str
    op: str
    sobject: str
    record_id: str | None
    external_id_field: str | None
    external_id: str | None
    fields: str
    idempotency_key: str | None
    expected_modstamp: datetime | None
    depends_on: str | None
    priority: int
    not_before: datetime | None
    on_conflict: str | None
    auto_assign: str | None
    allow_duplicates: bool
    base: str | None
    key_kind: str | None
    parent: str | None
    lane: str | None
    digest: str | None


class Known(NamedTuple):
    """A command that is there, and the digest of what it does; none if nobody has taken it."""

    id: str
    digest: str | None

    def is_other(self, digest: str | None) -> bool:
        """Tell whether what bears this digest is certainly another command."""
        return None not in {self.digest, digest} and self.digest != digest


@contextmanager
def room(tx: Connection) -> Iterator[None]:
    """Keep more of SQLite's pages at hand while many commands are added: their ids are random."""
    if tx.dialect.name != "sqlite":
        yield
        return
    driver: sqlite3.Connection = tx.connection.driver_connection  # type: ignore[assignment]
    (usual,) = driver.execute("PRAGMA cache_size").fetchone()
    driver.execute(f"PRAGMA cache_size=-{_ROOM}")
    try:
        yield
    finally:
        driver.execute(f"PRAGMA cache_size={usual}")


def take_stock(tx: Connection, added: int) -> None:
    """Let PostgreSQL count anew after many commands were added; it would get to it in a minute.

    Until then it takes what waits for few, as few as there were, and reads all of it by whichever
    index comes first.
    """
    if tx.dialect.name == "postgresql" and added >= _MANY:
        tx.exec_driver_sql("ANALYZE scsync_commands")


Columns: TypeAlias = dict[str, list[Any]]
"""Commands to be added, by columns: those that hold nothing but their default are left out."""


def columns_of(rows: Sequence[Row]) -> Columns:
    """Turn rows round; most columns hold their default, and to write that takes time, too."""
    return {
        name: list(values)
        for name, values in zip(Row._fields, zip(*rows, strict=True), strict=True)
        if values.count(_DEFAULTS.get(name)) < len(values)
    }


def append(
    tx: Connection, columns: Columns, *, now: datetime, trace: str | None = None
) -> set[str]:
    """Add commands in this order; one whose id or idempotency key is there is left as it stands.

    Gives the ids of those that were left out.
    """
    if not columns or not columns["id"]:
        return set()
    columns = {**columns, "submitted_at": [now] * len(columns["id"])}
    if trace:
        columns["trace"] = [trace] * len(columns["id"])
    if tx.dialect.name == "sqlite":
        _insert(tx, columns)
        return set()  # nobody else writes meanwhile
    return _copy(tx, columns)


def _insert(tx: Connection, columns: Columns) -> None:
    """Insert many rows by each statement.

    A statement that fires a trigger keeps a copy of every page that it changes, which for each
    row would be most of the work. The trigger itself has nothing to do where `seq` is there.
    """
    driver: sqlite3.Connection = tx.connection.driver_connection  # type: ignore[assignment]
    (last,) = driver.execute("SELECT coalesce(max(seq), 0) FROM scsync_commands").fetchone()
    number = len(columns["id"])
    for name in _INSTANTS & columns.keys():
        texts = {value: value and instant_text(value) for value in set(columns[name])}
        columns[name] = [texts[value] for value in columns[name]]
    columns["seq"] = list(range(last + 1, last + 1 + number))
    rows = list(zip(*columns.values(), strict=True))
    most = driver.getlimit(sqlite3.SQLITE_LIMIT_VARIABLE_NUMBER) // len(columns)
    for start in range(0, number, at_once := min(_AT_ONCE, most)):
        some = rows[start : start + at_once]
        driver.execute(_statement(tuple(columns), len(some)), list(chain.from_iterable(some)))


def _copy(tx: Connection, columns: Columns) -> set[str]:
    """Copy rows straight into the table; where one is met that is there already, one by one."""
    from psycopg.errors import UniqueViolation

    driver: psycopg.Connection[Any] = tx.connection.driver_connection  # type: ignore[assignment]
    statement = f"COPY scsync_commands ({', '.join(columns)}) FROM STDIN"
    try:
        with driver.transaction(), driver.cursor() as cursor, cursor.copy(statement) as copy:
            # While the server is at some rows, we write the next ones.
            for start in range(0, len(columns["id"]), _AT_ONCE):
                some = [_cells(values[start : start + _AT_ONCE]) for values in columns.values()]
                copy.write("\n".join([*map("\t".join, zip(*some, strict=True)), ""]))
    except UniqueViolation:  # another transaction brought it in this very moment
        return _add_what_is_new(tx, columns)
    return set()


def _cells(values: list[Any]) -> list[str]:
    """Write a column in COPY's text format; the driver does it value by value, which takes long."""
    try:
        is_plain = not _SPECIAL.search("".join(values))
    except TypeError:  # not all of them are texts
        is_plain = False
    if is_plain:
        return values
    texts = {value: _cell(value) for value in set(values)}
    return [texts[value] for value in values]


def _cell(value: object) -> str:
    if isinstance(value, str):
        return _SPECIAL.sub(lambda found: _ESCAPES[found[0]], value)
    if isinstance(value, datetime):
        return value.isoformat()
    return r"\N" if value is None else str(value)


def _add_what_is_new(tx: Connection, columns: Columns) -> set[str]:
    for name in _DOCUMENTS & columns.keys():
        columns[name] = [value and json.loads(value) for value in columns[name]]
    rows = [dict(zip(columns, row, strict=True)) for row in zip(*columns.values(), strict=True)]
    new = postgresql.insert(_table).on_conflict_do_nothing().returning(_table.c.id)
    return {*columns["id"]} - {*tx.execute(new, rows).scalars()}


@lru_cache(maxsize=64)
def _statement(names: tuple[str, ...], rows: int) -> str:
    places = f"({', '.join('?' * len(names))})"
    many = ", ".join([places] * rows)
    columns = ", ".join(names)
    # Names are our own, values are bound.
    return f"INSERT INTO scsync_commands ({columns}) VALUES {many} ON CONFLICT DO NOTHING"  # noqa: S608


def by_key(tx: Connection, keys: Collection[str]) -> dict[str, Known]:
    """Find the commands that bear these idempotency keys."""
    column = _table.c.idempotency_key
    query = select(column, _table.c.id, _table.c.digest)
    return {key: Known(*one) for key, *one in tx.execute(_for_each(tx, keys, column, query))}


def known(tx: Connection, ids: Collection[str]) -> dict[str, Known]:
    """Find those of these commands that are there already."""
    query = select(_table.c.id, _table.c.digest)
    found = tx.execute(_for_each(tx, ids, _table.c.id, query))
    return {one.id: Known(*one) for one in found}


def standing(tx: Connection, ids: Collection[str], *, held: bool = False) -> dict[str, str]:
    """Say how these commands stand, and have it stay so until we commit.

    One that settles at this moment must see what waits for it, or be seen to have settled.
    """
    query = select(_table.c.id, _table.c.state)
    if held and tx.dialect.name == "postgresql":
        query = query.with_for_update(read=True)
    return dict(tx.execute(_for_each(tx, sorted(ids), _table.c.id, query)).all())


def busy(tx: Connection, lanes: Collection[str]) -> set[str]:
    """Tell which of these lanes have an open command at this moment."""
    query = select(_table.c.lane).where(is_open())
    if tx.dialect.name == "postgresql":
        return set(tx.execute(_for_each(tx, lanes, _table.c.lane, query.limit(1))).scalars())
    listed = func.json_each(json.dumps(list(lanes))).table_valued("value", name="listed")
    is_there = query.where(_table.c.lane == listed.c.value).correlate(listed).exists()
    return set(tx.execute(select(listed.c.value).where(is_there)).scalars())


def merged(tx: Connection, model: type[SObject], ids: Collection[str]) -> set[str]:
    """Tell which of these records are known to have been merged into another."""
    table = model.table()
    query = select(table.c.id).where(table.c.master_record_id > "")
    return set(tx.execute(_for_each(tx, ids, table.c.id, query)).scalars())


def _for_each(
    tx: Connection, values: Collection[str], column: Column[Any], query: Select[Any]
) -> Select[Any]:
    """Ask for each value of a column by its index, with all of them in one parameter.

    Thousands of parameters take longer to send than their rows to find. LATERAL and OFFSET keep
    PostgreSQL from a plan that reads the whole table, which it would make while that is small.
    """
    if tx.dialect.name == "sqlite":
        return query.where(among(tx, column, values))
    listed = func.jsonb_array_elements_text(cast(list(values), JSONB)).table_valued("value")
    one = query.where(column == cast(listed.c.value, column.type)).offset(0).lateral("one")
    return select(one).select_from(listed.join(one, true()))


def link(tx: Connection, waits: Iterable[tuple[str, str]]) -> None:
    """Write down which command waits for which."""
    rows = [{"command_id": one, "depends_on": parent} for one, parent in waits]
    if rows:
        tx.execute(insert(_dependencies), rows)


def unadmitted(tx: Connection, limit: int) -> list[OutboxEntry]:
    """Take rows that other programs inserted and nobody has looked at."""
    return _entries(tx, select(_table).where(is_new()).order_by(_table.c.seq).limit(limit))


def unfinished(tx: Connection) -> int:
    """Count the commands that are still to be finished, due or not."""
    query = select(func.count()).select_from(_table).where(is_open())
    return int(tx.execute(query).scalar_one())


def get(tx: Connection, command_id: str) -> OutboxEntry | None:
    """Find a command; None for an id that is unknown or none at all."""
    if not is_command_id(command_id):
        return None
    found = _entries(tx, select(_table).where(_table.c.id == command_id))
    return found[0] if found else None


def results(tx: Connection, ids: Iterable[str]) -> dict[str, str | None]:
    """Give the records that these commands made."""
    wanted = list(ids)
    found = tx.execute(select(_table.c.id, _table.c.result_id).where(_table.c.id.in_(wanted)))
    return dict(found.all())


def attempts(tx: Connection, command_id: str) -> list[Attempt]:
    rows = tx.execute(
        select(_attempts).where(_attempts.c.command_id == command_id).order_by(_attempts.c.number)
    ).mappings()
    return [Attempt(**row) for row in rows]


def lock_parents(tx: Connection, model: type[SObject], ids: Sequence[str]) -> dict[str, str]:
    """Say which record a write of each of these locks, as far as the store knows."""
    table, name = model.table(), column_name(model.lock_parent or "")
    query = select(table.c.id, table.c[name]).where(among(tx, table.c.id, ids))
    return {record_id: parent for record_id, parent in tx.execute(query) if parent}


def applied_before(
    tx: Connection, entry: Taken, *, ahead: timedelta
) -> list[tuple[datetime, datetime]]:
    """Tell when commands on the same record were applied that were queued before this one.

    Those that were unfinished when it was accepted; where it is guarded by the store's row, also
    those that this row did not show yet. The org's clock, which stamps rows, is `ahead` of ours.
    """
    since: Any = select(_table.c.submitted_at).where(_table.c.id == entry.id).scalar_subquery()
    if entry.base is not None and entry.expected_modstamp:
        since = entry.expected_modstamp - ahead - _CLOCKS
    query = (
        select(_attempts.c.started_at, _attempts.c.finished_at)
        .join(_table, _table.c.id == _attempts.c.command_id)
        .where(
            _table.c.result_id == entry.record_id,
            _table.c.seq < entry.seq,
            _table.c.finished_at >= since,
            is_(CommandState.APPLIED),
            _attempts.c.finished_at.is_not(None),
        )
    )
    return [(begun, ended) for begun, ended in tx.execute(query)]


def counts(tx: Connection) -> dict[str, int]:
    """Count commands by state, from indexes alone: what is open and not in flight is pending."""
    number = func.count().label("number")
    in_flight = select(_table.c.state, number).where(is_in_flight()).group_by(_table.c.state)
    finished = select(_table.c.state, number).where(is_one_of(FINISHED)).group_by(_table.c.state)
    pending = select(literal(CommandState.PENDING.value), number).where(is_open())
    found: dict[str, int] = dict(tx.execute(union_all(pending, in_flight, finished)).all())
    found[CommandState.PENDING] -= sum(found.get(state, 0) for state in IN_FLIGHT)
    return {state.value: found[state] for state in CommandState if found.get(state)}


def oldest(tx: Connection) -> dict[str, datetime]:
    """Say by state since when its oldest command waits; of the failed ones, since when it has.

    From indexes alone, as `counts`, which says how what is pending is told apart.
    """
    flying = select(_table.c.seq).where(is_in_flight())
    pending = select(func.min(_table.c.seq)).where(is_open(), _table.c.seq.not_in(flying))
    column, submitted_at = _table.c.state, _table.c.submitted_at
    first = select(column, submitted_at).where(_table.c.seq == pending.scalar_subquery())
    others = select(column, func.min(submitted_at)).where(is_in_flight()).group_by(column)
    found = {state: moment for query in (first, others) for state, moment in tx.execute(query)}
    for failed in FAILED:
        query = select(func.min(_table.c.finished_at)).where(is_one_of(FINISHED), is_(failed))
        if moment := tx.execute(query).scalar_one_or_none():
            found[failed.value] = moment
    return found


def is_command_id(text: str) -> bool:
    # PostgreSQL raises for a comparison with anything else.
    try:
        UUID(text)
    except ValueError:
        return False
    return True


def _entries(tx: Connection, query: Select[Any]) -> list[OutboxEntry]:
    return [OutboxEntry(**row) for row in tx.execute(query).mappings()]
