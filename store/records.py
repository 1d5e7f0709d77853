"""Records on their way into their tables: one statement a page, and only what is newer."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Any

from sqlalchemy import Connection, func, literal_column, select, update

from models.columns import Kind, SyncField
from models.sobject import SObject
from store.errors import RowTooWide
from store.merge import Merge

if TYPE_CHECKING:
    import psycopg

Row = tuple[Any, ...]


def upsert(
    tx: Connection,
    model: type[SObject],
    fields: Sequence[SyncField],
    rows: Sequence[Row],
    *,
    read_at: datetime,
) -> int:
    """Write rows that are newer than ours, or as old but different; return how many were written.

    Stamps have whole seconds, so within one second contents decide, and of two readings the
    later one (`read_at`, by the server's clock). Columns not named keep what they hold.
    """
    if not rows:
        return 0
    merge = Merge(model, tuple(fields))
    if tx.dialect.name == "sqlite":
        statement = merge.one_row(_numbered(merge.fields), read_at)
        return tx.exec_driver_sql(statement, list(rows)).rowcount
    from psycopg.errors import ProgramLimitExceeded

    try:
        return _by_stage(tx, merge, rows, merge.from_stage(merge.stage), read_at)
    except ProgramLimitExceeded as error:
        raise RowTooWide(
            f"a row of {merge.table} fills more columns than PostgreSQL's 8 kB for one row take: "
            f"choose fewer by [objects.{model.sobject}] fields, or store in SQLite"
        ) from error


def fill(
    tx: Connection,
    model: type[SObject],
    fields: Sequence[SyncField],
    rows: Sequence[Row],
    *,
    read_at: datetime,
) -> int:
    """Bring these columns up to date in rows whose Id and stamp are ours; return how many differed.

    For what changes without a stamp, or came to be known later than the row. A row that is
    unknown or has another stamp is the pull's business, and so is whether it is deleted.
    """
    if not rows:
        return 0
    merge = Merge(model, tuple(fields))
    if tx.dialect.name == "sqlite":
        statement = merge.fill_one_row(_numbered(merge.fields), read_at)
        return tx.exec_driver_sql(statement, list(rows)).rowcount
    return _by_stage(tx, merge, rows, merge.fill_from_stage(merge.stage), read_at)


def _numbered(fields: Sequence[SyncField]) -> Callable[[SyncField], str]:
    """Name each field's parameter by its number: a tombstone reads what the row has bound."""
    places = {field.column: f"?{place}" for place, field in enumerate(fields, start=1)}

    def value(field: SyncField) -> str:
        place = places[field.column]
        # `2026-01-02T03:04:05.000+0000` becomes `…05.000Z` inside the one statement: no row is
        # touched in Python. The pull has made sure that the zone is +0000.
        return f"substr({place}, 1, 23) || 'Z'" if field.kind is Kind.INSTANT else place

    return value


def _by_stage(
    tx: Connection, merge: Merge, rows: Sequence[Row], statement: str, read_at: datetime
) -> int:
    from psycopg.errors import CharacterNotInRepertoire

    driver: psycopg.Connection[Any] = tx.connection.driver_connection  # type: ignore[assignment]
    with driver.cursor() as cursor:
        cursor.execute(f"{merge.create_stage(merge.stage)}; {merge.clear_stage(merge.stage)}")
        try:
            with driver.transaction():  # a savepoint: a COPY that fails takes all with it
                _copy(cursor, merge, rows)
        except CharacterNotInRepertoire:
            # PostgreSQL's text cannot hold U+0000, which Salesforce lets through.
            _copy(cursor, merge, [tuple(map(_without_nul, row)) for row in rows])
        # A plan kept from when the table was small would scan it for each row once it is not.
        cursor.execute(statement, {"read_at": read_at}, prepare=False)
        return cursor.rowcount


def _copy(cursor: "psycopg.Cursor[Any]", merge: Merge, rows: Iterable[Row]) -> None:
    names = f"COPY {merge.stage} ({merge.columns}) FROM STDIN (FORMAT BINARY)"
    with cursor.copy(names) as copy:
        copy.set_types([_POSTGRES_TYPES[field.kind] for field in merge.fields])
        for row in rows:
            copy.write_row(row)


def _without_nul(value: Any) -> Any:
    return value.replace("\0", "") if isinstance(value, str) else value


_POSTGRES_TYPES = {
    Kind.TEXT: "text",
    Kind.INSTANT: "timestamptz",
    Kind.DAY: "date",
    Kind.NUMBER: "numeric",
    Kind.WHOLE: "int8",
    Kind.FLAG: "bool",
}


def count(tx: Connection, model: type[SObject]) -> tuple[int, int]:
    """Count live rows and tombstones."""
    table = model.table()
    live = func.count().filter(table.c.deleted_at.is_(None))
    row = tx.execute(select(live, func.count(literal_column("1"))).select_from(table)).one()
    return row[0], row[1] - row[0]


def stamps(tx: Connection, model: type[SObject], ids: Sequence[str]) -> dict[str, datetime]:
    """Give the stamps of those of these records that are here."""
    table = model.table()
    query = select(table.c.id, table.c.system_modstamp).where(table.c.id.in_(ids))
    return {row[0]: row[1] for row in tx.execute(query)}


def keys(tx: Connection, model: type[SObject]) -> Iterator[tuple[str, datetime, bool]]:
    """Give every row's id, stamp and whether it is a tombstone."""
    table = model.table()
    query = select(table.c.id, table.c.system_modstamp, table.c.deleted_at.is_not(None))
    yield from (tuple(row) for row in tx.execute(query))


def bury(
    tx: Connection,
    model: type[SObject],
    ids: Sequence[str],
    *,
    at: datetime,
    cause: str = "unseen",
) -> int:
    """Make tombstones of rows that the org no longer shows; `unseen` is a cause nobody saw."""
    table = model.table()
    buried = tx.execute(
        update(table)
        .where(table.c.id.in_(ids), table.c.deleted_at.is_(None))
        .values(is_deleted=True, deleted_at=at, deleted_cause=cause, synced_at=at)
    )
    return buried.rowcount
