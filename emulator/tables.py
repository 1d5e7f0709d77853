"""The org's state: one SQLite connection, one table for each sObject, one column for each field."""

from __future__ import annotations

import json
import sqlite3
from collections import Counter
from contextlib import contextmanager
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from emulator.ids import number_of, record_id
from emulator.schema.field import NUMBER_TYPES
from emulator.statement import statement

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from emulator.schema.field import Field
    from emulator.schema.sobject import SObject

Row = dict[str, Any]
_OWN = (
    "CREATE TABLE IF NOT EXISTS emulator_facts (name TEXT PRIMARY KEY, value TEXT)",
    "CREATE TABLE IF NOT EXISTS emulator_counters (name TEXT PRIMARY KEY, last INTEGER)",
    """CREATE TABLE IF NOT EXISTS emulator_deletes
       (id TEXT PRIMARY KEY, sobject TEXT, at TEXT, purged INTEGER NOT NULL DEFAULT 0)""",
    "CREATE TABLE IF NOT EXISTS emulator_hidden (id TEXT PRIMARY KEY, sobject TEXT)",
    "CREATE INDEX IF NOT EXISTS emulator_deletes_at ON emulator_deletes (sobject, at)",
)


class Tables:
    """Rows in and out, with the counters that Ids and caches are made from."""

    def __init__(self, path: str | None) -> None:
        # Whoever calls holds the org's lock, so the thread may differ from call to call.
        self.connection = sqlite3.connect(
            path or ":memory:", isolation_level=None, check_same_thread=False, cached_statements=512
        )
        self.connection.execute("PRAGMA synchronous = OFF")
        self.connection.execute(
            "PRAGMA journal_mode = WAL" if path else "PRAGMA temp_store = MEMORY"
        )
        for table in _OWN:
            self.connection.execute(table)
        self._last: dict[str, int] = dict(
            self.connection.execute("SELECT name, last FROM emulator_counters")
        )
        self.writes: Counter[str] = Counter()
        self.depth = 0

    def close(self) -> None:
        self.connection.close()

    def fact(self, name: str) -> Any:
        row = self.connection.execute("SELECT value FROM emulator_facts WHERE name = ?", (name,))
        found = row.fetchone()
        return json.loads(found[0]) if found else None

    def keep(self, name: str, value: Any) -> None:
        self.connection.execute(
            "INSERT OR REPLACE INTO emulator_facts VALUES (?, ?)", (name, json.dumps(value))
        )

    def create(self, sobject: SObject) -> None:
        columns = ", ".join(field.column for field in sobject.stored)
        self.connection.execute(
            f'CREATE TABLE IF NOT EXISTS "{sobject.name}" (seq INTEGER PRIMARY KEY, {columns})'
        )

    def index(self, sobject: SObject) -> None:
        """Build the indexes; a seeded table gets them after its rows."""
        deleted = ', "IsDeleted"' if sobject.has_bin else ""
        stamp = f'"{sobject.stamp}", "Id"{deleted}'
        self._index(sobject.name, "stamp", stamp)
        self._index(sobject.name, "Id", '"Id"', unique=True)
        for field in sobject.stored:
            if field.name != "Id" and _is_looked_up(field):
                self._index(sobject.name, field.name, f'"{field.name}"')

    def _index(self, table: str, name: str, columns: str, *, unique: bool = False) -> None:
        kind = "UNIQUE INDEX" if unique else "INDEX"
        self.connection.execute(
            f'CREATE {kind} IF NOT EXISTS "{table}_by_{name}" ON "{table}" ({columns})'
        )

    def add_column(self, table: str, field: Field) -> None:
        self.connection.execute(f'ALTER TABLE "{table}" ADD COLUMN {field.column}')
        if _is_looked_up(field):
            self._index(table, field.name, f'"{field.name}"')

    def drop_column(self, table: str, field: Field) -> None:
        self.connection.execute(f'DROP INDEX IF EXISTS "{table}_by_{field.name}"')
        self.connection.execute(f'ALTER TABLE "{table}" DROP COLUMN "{field.name}"')

    def change_column(self, table: str, before: Field, after: Field) -> None:
        """Rename or retype a column; a value that does not fit its new type is lost."""
        value = _converted(f'"{before.name}"', after.type)
        draft = replace(after, name=f"draft_of_{after.name}")
        self.connection.execute(f'ALTER TABLE "{table}" ADD COLUMN {draft.column}')
        self.connection.execute(statement("UPDATE", f'"{table}" SET "{draft.name}" = {value}'))
        self.drop_column(table, before)
        self.connection.execute(
            f'ALTER TABLE "{table}" RENAME COLUMN "{draft.name}" TO "{after.name}"'
        )
        if _is_looked_up(after):
            self._index(table, after.name, f'"{after.name}"')
        self.writes[table] += 1

    def hide(self, rows: Iterable[tuple[str, str]]) -> None:
        self.connection.executemany("INSERT OR REPLACE INTO emulator_hidden VALUES (?, ?)", rows)

    def show(self, ids: Iterable[str] | None) -> None:
        if ids is None:
            self.connection.execute("DELETE FROM emulator_hidden")
        else:
            each = [(id_,) for id_ in ids]
            self.connection.executemany("DELETE FROM emulator_hidden WHERE id = ?", each)

    def hidden(self) -> list[str]:
        return [row[0] for row in self.connection.execute("SELECT id FROM emulator_hidden")]

    def hidden_in(self) -> set[str]:
        found = self.connection.execute("SELECT DISTINCT sobject FROM emulator_hidden")
        return {row[0] for row in found}

    def is_hidden(self, id_: str) -> bool:
        found = self.connection.execute("SELECT 1 FROM emulator_hidden WHERE id = ?", (id_,))
        return found.fetchone() is not None

    def holds(self, sobject: SObject, id_: str, test: str) -> bool:
        """Tell whether a row, under the alias t0, passes a test."""
        sql = statement("SELECT 1 FROM", f'"{sobject.name}" AS t0 WHERE t0."Id" = ? AND', test)
        return self.connection.execute(sql, (id_,)).fetchone() is not None

    def has_column(self, table: str, name: str) -> bool:
        columns = self.connection.execute(f'PRAGMA table_info("{table}")')
        return any(column[1] == name for column in columns)

    def take(self, counter: str) -> int:
        """Count on; a number once given is never given again, whatever is rolled back."""
        number = self._last.get(counter, 0) + 1
        self.skip_to(counter, number)
        return number

    def skip_to(self, counter: str, number: int) -> None:
        self._last[counter] = number
        self.connection.execute(
            "INSERT OR REPLACE INTO emulator_counters VALUES (?, ?)", (counter, number)
        )

    def new_id(self, sobject: SObject) -> str:
        return record_id(sobject.prefix, self.take(sobject.prefix))

    def renumber(self, sobject: SObject, id_: str, number: int) -> str:
        """Give a row another Id, that of a number, and return it."""
        new = record_id(sobject.prefix, number)
        sql = statement("UPDATE", f'"{sobject.name}" SET seq = ?, "Id" = ?', 'WHERE "Id" = ?')
        self.connection.execute(sql, (number, new, id_))
        return new

    def row(self, sobject: SObject, id_: str) -> Row | None:
        rows = self.rows(sobject, '"Id" = ?', (id_,))
        return rows[0] if rows else None

    def rows(self, sobject: SObject, where: str, params: Sequence[Any] = ()) -> list[Row]:
        names = [field.name for field in sobject.stored]
        columns = ", ".join(f'"{name}"' for name in names)
        found = self.connection.execute(
            statement("SELECT", columns, f'FROM "{sobject.name}" WHERE', where), params
        )
        return [dict(zip(names, row, strict=True)) for row in found]

    def insert(self, sobject: SObject, row: Mapping[str, Any]) -> None:
        names = ", ".join(f'"{name}"' for name in row)
        marks = ", ".join("?" * (len(row) + 1))
        self.connection.execute(
            statement(f'INSERT INTO "{sobject.name}"', f"(seq, {names}) VALUES ({marks})"),
            (number_of(row["Id"]), *row.values()),
        )
        self.writes[sobject.name] += 1

    def load(self, sobject: SObject, names: Sequence[str], rows: Iterable[tuple[Any, ...]]) -> None:
        """Insert many rows at once; each tuple begins with its number."""
        columns = ", ".join(f'"{name}"' for name in names)
        marks = ", ".join("?" * (len(names) + 1))
        self.connection.executemany(
            statement(f'INSERT INTO "{sobject.name}"', f"(seq, {columns}) VALUES ({marks})"), rows
        )

    def update(self, sobject: SObject, id_: str, values: Mapping[str, Any]) -> None:
        if not values:
            return
        changes = ", ".join(f'"{name}" = ?' for name in values)
        self.connection.execute(
            statement(f'UPDATE "{sobject.name}" SET', changes, 'WHERE "Id" = ?'),
            (*values.values(), id_),
        )
        self.writes[sobject.name] += 1

    def erase(self, sobject: SObject, id_: str) -> None:
        self.connection.execute(
            statement("DELETE FROM", f'"{sobject.name}"', 'WHERE "Id" = ?'), (id_,)
        )
        self.writes[sobject.name] += 1

    @contextmanager
    def savepoint(self) -> Iterator[None]:
        """Undo on any error what was written inside; nested ones undo their own part."""
        name = f"s{self.depth}"
        self.connection.execute(f"SAVEPOINT {name}")
        self.depth += 1
        try:
            yield
        except BaseException:
            self.connection.execute(f"ROLLBACK TO {name}")
            self.writes.update(self.writes.keys())  # pages read inside are no longer true
            raise
        finally:
            self.depth -= 1
            self.connection.execute(f"RELEASE {name}")


def _is_looked_up(field: Field) -> bool:
    wanted = field.unique or field.external_id or field.id_lookup or field.number_format
    return bool(wanted) or field.cascade or field.restrict or field.name == "KnowledgeArticleId"


def _converted(value: str, kind: str) -> str:
    """Write a value of any type as one of another, NULL where it is none."""
    if kind in NUMBER_TYPES:
        number = "INTEGER" if kind == "int" else "REAL"
        return f"CASE WHEN {value} GLOB '[-0-9]*' THEN CAST({value} AS {number}) END"
    if kind == "boolean":
        return f"CASE WHEN lower({value}) IN ('1', 'true') THEN 1 ELSE 0 END"
    shape = {"date": "____-__-__", "datetime": "____-__-__T__:__:__%"}.get(kind)
    if shape:
        return f"CASE WHEN {value} LIKE '{shape}' THEN {value} END"
    return f"CAST({value} AS TEXT)"
