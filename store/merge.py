"""The statements that bring rows into their table: only what is newer, tombstones included."""

import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property

from models.columns import Kind, SyncField, instant_text
from models.sobject import SObject

EXTRA = "extra"  # what has no column of its own, as the text of a JSON object
_FRAME = frozenset({"id", "system_modstamp", "is_deleted"})

Value = Callable[[SyncField], str]
"""The SQL that stands for a field of the incoming row."""


@dataclass(frozen=True)
class Merge:
    """Rows of these fields against the table of this model.

    Written is what carries a newer stamp, or the same stamp, other contents and a reading no
    earlier than ours; a row that is deleted becomes a tombstone that says when and why.
    """

    model: type[SObject]
    fields: tuple[SyncField, ...]

    @property
    def table(self) -> str:
        return str(self.model.table().name)

    @cached_property
    def columns(self) -> str:
        return ", ".join(f'"{field.column}"' for field in self.fields)

    @cached_property
    def stage(self) -> str:
        """Where PostgreSQL meets the rows first: one for each list of fields, as they are now."""
        shape = " ".join(f"{field.column}:{field.kind}" for field in self.fields)
        digest = hashlib.sha256(shape.encode()).hexdigest()[:12]
        return f"stage_{self.table[:40]}_{digest}"

    def create_stage(self, name: str, *, wholes: str | None = None) -> str:
        """Make a stage with the table's own types; sessions are reused, so it may be there.

        `wholes` is the type that whole numbers have until the merge, where it is not their own.
        """
        columns = ", ".join(f'"{field.column}"{_cast(field, wholes)}' for field in self.fields)
        return (
            f"CREATE TEMPORARY TABLE IF NOT EXISTS {name} ({self.columns})"
            f" ON COMMIT DELETE ROWS AS SELECT {columns} FROM {self.table} WITH NO DATA"
        )

    @staticmethod
    def clear_stage(name: str) -> str:
        """Take out an earlier page of the same transaction; else there is nothing to take out."""
        return f"DELETE FROM {name}"

    def from_stage(self, source: str) -> str:
        """Merge all of a stage; its one parameter is `read_at`."""
        return (
            f"{self._insert_staged}"
            # The join leaves out what has not changed, so that it costs no lock and no WAL;
            # OFFSET 0 has each row looked up by its key, where a hash join reads the whole table.
            f" FROM {source} s LEFT JOIN LATERAL"
            f" (SELECT * FROM {self.table} WHERE id = s.id OFFSET 0) t ON true"
            f" WHERE t.id IS NULL OR {self._newer(_staged, '%(read_at)s', 'IS DISTINCT FROM')}"
            f" {self._on_conflict('IS DISTINCT FROM')}"
        )

    def news_from_stage(self, source: str) -> str:
        """Merge a stage whose rows are new for the most part: the same result, without looking."""
        conflict = self._on_conflict("IS DISTINCT FROM")
        return f"{self._insert_staged} FROM {source} s WHERE true {conflict}"

    @property
    def _insert_staged(self) -> str:
        values = ", ".join(_staged(field) for field in self.fields)
        return (
            f"INSERT INTO {self.table} AS t"
            f" ({self.columns}, synced_at, deleted_at, deleted_cause)"
            f" SELECT {values}, %(read_at)s, {self._tombstone(_staged)}"
        )

    def fill_from_stage(self, source: str) -> str:
        """Update what differs in rows of the same stamp; its one parameter is `read_at`."""
        assignments = ", ".join(f'"{field.column}" = {_staged(field)}' for field in self._contents)
        return (
            f"UPDATE {self.table} AS t SET {assignments}, synced_at = %(read_at)s"
            f" FROM {source} s WHERE t.id = s.id AND t.system_modstamp = s.system_modstamp"
            f" AND %(read_at)s >= t.synced_at AND {self._differ(_staged, 'IS DISTINCT FROM')}"
        )

    def fill_one_row(self, value: Value, read_at: datetime) -> str:
        """Update one row of parameters, on SQLite."""
        assignments = ", ".join(f'"{field.column}" = {value(field)}' for field in self._contents)
        moment = f"'{instant_text(read_at)}'"
        return (
            f"UPDATE {self.table} AS t SET {assignments}, synced_at = {moment}"
            f" WHERE t.id = {value(self._known['id'])}"
            f" AND t.system_modstamp = {value(self._known['system_modstamp'])}"
            f" AND {moment} >= t.synced_at AND {self._differ(value, 'IS NOT')}"
        )

    def one_row(self, value: Value, read_at: datetime) -> str:
        """Merge one row of parameters, on SQLite."""
        values = ", ".join(value(field) for field in self.fields)
        return (
            f"INSERT INTO {self.table} AS t"
            f" ({self.columns}, synced_at, deleted_at, deleted_cause)"
            f" VALUES ({values}, '{instant_text(read_at)}', {self._tombstone(value)})"
            f" {self._on_conflict('IS NOT')}"
        )

    def _on_conflict(self, differs: str) -> str:
        names = [field.column for field in self.fields if field.column != "id"]
        names += ["synced_at", "deleted_at", "deleted_cause"]
        copied = ", ".join(f'"{name}" = excluded."{name}"' for name in names)
        if "is_deleted" not in self._known:
            copied += ", is_deleted = false"
        newer = self._newer(_excluded, "excluded.synced_at", differs)
        return f"ON CONFLICT (id) DO UPDATE SET {copied} WHERE {newer}"

    def _newer(self, theirs: Value, read_at: str, differs: str) -> str:
        stamp = theirs(self._known["system_modstamp"])
        # Some sObjects know no deletion: what is read of them lives.
        flag = self._known.get("is_deleted")
        deleted = theirs(flag) if flag else "false"
        contents = f"{self._differ(theirs, differs)} OR " if self._contents else ""
        return (
            f"({stamp} > t.system_modstamp"
            f" OR ({stamp} = t.system_modstamp AND {read_at} >= t.synced_at"
            f" AND ({contents}(t.deleted_at IS NOT NULL) {differs} {deleted})))"
        )

    def _differ(self, theirs: Value, differs: str) -> str:
        mine = ", ".join(f't."{field.column}"' for field in self._contents)
        return f"(({', '.join(map(theirs, self._contents))}) {differs} ({mine}))"

    @cached_property
    def _contents(self) -> tuple[SyncField, ...]:
        """What a row says beyond its key, its stamp and whether it lives."""
        return tuple(field for field in self.fields if field.column not in _FRAME)

    def _tombstone(self, value: Value) -> str:
        flag = self._known.get("is_deleted")
        if flag is None:
            return "NULL, NULL"
        master = self._known.get("master_record_id")
        merged = f" WHEN {value(master)} IS NOT NULL THEN 'merged'" if master else ""
        return (
            f"CASE WHEN {value(flag)} THEN {value(self._known['system_modstamp'])} END,"
            f" CASE WHEN NOT {value(flag)} THEN NULL{merged} ELSE 'bin' END"
        )

    @cached_property
    def _known(self) -> dict[str, SyncField]:
        return {field.column: field for field in self.fields}


def _cast(field: SyncField, wholes: str | None) -> str:
    if field.column == EXTRA:
        return "::text"  # until the merge: psycopg would take it for a value to be quoted
    return f"::{wholes}" if wholes and field.kind is Kind.WHOLE else ""


def _staged(field: SyncField) -> str:
    return f's."{field.column}"::jsonb' if field.column == EXTRA else f's."{field.column}"'


def _excluded(field: SyncField) -> str:
    return f'excluded."{field.column}"'
