"""Records on their way into their tables: one statement a page, and only what is newer."""

import hashlib
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property
from typing import Any

import psycopg
from sqlalchemy import Connection, func, literal_column, select, update

from models.columns import Kind, SyncField, instant_text
from models.sobject import SObject

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
    statement = _Upsert(model, tuple(fields))
    if tx.dialect.name == "sqlite":
        return statement.on_sqlite(tx, rows, read_at)
    return statement.on_postgresql(tx, rows, read_at)


@dataclass(frozen=True)
class _Upsert:
    model: type[SObject]
    fields: tuple[SyncField, ...]

    def on_sqlite(self, tx: Connection, rows: Sequence[Row], read_at: datetime) -> int:
        values = ", ".join(_sqlite_value(field) for field in self.fields)
        moment = f"'{instant_text(read_at)}'"
        sql = (
            f"INSERT INTO {self.table} AS t ({self.columns}, synced_at, deleted_at, deleted_cause)"
            f" VALUES ({values}, {moment}, {self._tombstone(self._sqlite_number)})"
            f" ON CONFLICT (id) DO UPDATE SET {self.assignments}"
            f" WHERE {self._newer('excluded', 'excluded.synced_at', 'IS NOT')}"
        )
        # Numbered parameters: a tombstone reads columns that the row has bound already.
        return tx.exec_driver_sql(sql, list(rows)).rowcount

    def on_postgresql(self, tx: Connection, rows: Sequence[Row], read_at: datetime) -> int:
        driver: psycopg.Connection[Any] = tx.connection.driver_connection  # type: ignore[assignment]
        with driver.cursor() as cursor:
            cursor.execute(self._create_stage)
            try:
                with driver.transaction():  # a savepoint: a COPY that fails takes all with it
                    self._copy(cursor, rows)
            except psycopg.errors.CharacterNotInRepertoire:
                # PostgreSQL's text cannot hold U+0000, which Salesforce lets through.
                self._copy(cursor, [tuple(map(_without_nul, row)) for row in rows])
            # A plan kept from when the table was small would scan it for each row once it is not.
            cursor.execute(self._merge, {"read_at": read_at}, prepare=False)
            return cursor.rowcount

    def _copy(self, cursor: psycopg.Cursor[Any], rows: Iterable[Row]) -> None:
        names = f"COPY {self.stage} ({self.columns}) FROM STDIN (FORMAT BINARY)"
        with cursor.copy(names) as copy:
            copy.set_types([_POSTGRES_TYPES[field.kind] for field in self.fields])
            for row in rows:
                copy.write_row(row)

    @property
    def table(self) -> str:
        return str(self.model.table().name)

    @cached_property
    def columns(self) -> str:
        return ", ".join(f'"{field.column}"' for field in self.fields)

    @cached_property
    def stage(self) -> str:
        digest = hashlib.sha256(self.columns.encode()).hexdigest()[:12]
        return f"stage_{self.table}_{digest}"

    @property
    def _create_stage(self) -> str:
        return (
            f"CREATE TEMPORARY TABLE IF NOT EXISTS {self.stage} ON COMMIT DELETE ROWS"
            f" AS SELECT {self.columns} FROM {self.table} WITH NO DATA"
        )

    @property
    def _merge(self) -> str:
        columns = ", ".join(f's."{field.column}"' for field in self.fields)
        return (
            f"INSERT INTO {self.table} AS t"
            f" ({self.columns}, synced_at, deleted_at, deleted_cause)"
            f" SELECT {columns}, %(read_at)s, {self._tombstone(_staged)}"
            # The join leaves out what has not changed, so that it costs no lock and no WAL;
            # OFFSET 0 has each row looked up by its key, where a hash join reads the whole table.
            f" FROM {self.stage} s LEFT JOIN LATERAL"
            f" (SELECT * FROM {self.table} WHERE id = s.id OFFSET 0) t ON true"
            f" WHERE t.id IS NULL OR {self._newer('s', '%(read_at)s', 'IS DISTINCT FROM')}"
            f" ON CONFLICT (id) DO UPDATE SET {self.assignments}"
            f" WHERE {self._newer('excluded', 'excluded.synced_at', 'IS DISTINCT FROM')}"
        )

    @cached_property
    def assignments(self) -> str:
        names = [field.column for field in self.fields if field.column != "id"]
        names += ["synced_at", "deleted_at", "deleted_cause"]
        copied = ", ".join(f'"{name}" = excluded."{name}"' for name in names)
        return copied if self._may_be_deleted else f"{copied}, is_deleted = false"

    @property
    def _may_be_deleted(self) -> bool:
        """Some sObjects know no deletion: what is read of them lives."""
        return "is_deleted" in {field.column for field in self.fields}

    def _newer(self, source: str, read_at: str, differs: str) -> str:
        others = [f.column for f in self.fields if f.column not in {"id", "system_modstamp"}]
        mine = ", ".join(f't."{name}"' for name in others)
        theirs = ", ".join(f'{source}."{name}"' for name in others)
        deleted = f"{source}.is_deleted" if self._may_be_deleted else "false"
        return (
            f"({source}.system_modstamp > t.system_modstamp"
            f" OR ({source}.system_modstamp = t.system_modstamp AND {read_at} >= t.synced_at"
            f" AND (({theirs}) {differs} ({mine})"
            f" OR (t.deleted_at IS NOT NULL) {differs} {deleted})))"
        )

    def _tombstone(self, value: Any) -> str:
        if not self._may_be_deleted:
            return "NULL, NULL"
        names = {field.column for field in self.fields}
        merged = (
            f" WHEN {value(self, 'master_record_id')} IS NOT NULL THEN 'merged'"
            if "master_record_id" in names
            else ""
        )
        deleted = value(self, "is_deleted")
        return (
            f"CASE WHEN {deleted} THEN {value(self, 'system_modstamp')} END,"
            f" CASE WHEN NOT {deleted} THEN NULL{merged} ELSE 'bin' END"
        )

    @staticmethod
    def _sqlite_number(statement: "_Upsert", column: str) -> str:
        names = [field.column for field in statement.fields]
        number = f"?{names.index(column) + 1}"
        return f"substr({number}, 1, 23) || 'Z'" if column == "system_modstamp" else number


def _without_nul(value: Any) -> Any:
    return value.replace("\0", "") if isinstance(value, str) else value


def _staged(_statement: _Upsert, column: str) -> str:
    return f's."{column}"'


def _sqlite_value(field: SyncField) -> str:
    # `2026-01-02T03:04:05.000+0000` becomes `…05.000Z` inside the one statement: no row is
    # touched in Python. The pull has made sure that the zone is +0000.
    return "substr(?, 1, 23) || 'Z'" if field.kind is Kind.INSTANT else "?"


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


def keys(tx: Connection, model: type[SObject]) -> Iterator[tuple[str, datetime, bool]]:
    """Give every row's id, stamp and whether it is a tombstone."""
    table = model.table()
    query = select(table.c.id, table.c.system_modstamp, table.c.deleted_at.is_not(None))
    yield from (tuple(row) for row in tx.execute(query))


def bury(tx: Connection, model: type[SObject], ids: Sequence[str], *, at: datetime) -> int:
    """Make tombstones of rows that the org no longer knows, for a cause nobody saw."""
    table = model.table()
    buried = tx.execute(
        update(table)
        .where(table.c.id.in_(ids), table.c.deleted_at.is_(None))
        .values(is_deleted=True, deleted_at=at, deleted_cause="unseen", synced_at=at)
    )
    return buried.rowcount
