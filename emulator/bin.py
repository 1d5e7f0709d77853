"""The recycle bin: undelete within fifteen days, purge, and the merge that fills it."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

from emulator.changes import Change
from emulator.errors import bad, not_found
from emulator.ids import canonical
from emulator.stamps import wire
from emulator.unique import holders

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from emulator.engine import Engine
    from emulator.schema.sobject import SObject
    from emulator.tables import Row

KEPT = timedelta(days=15)


class RecycleBin:
    """What is deleted but not gone."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._tables = engine.tables
        self._looked: datetime | None = None

    def undelete(self, id_: str, *, user_id: str) -> None:
        """Bring a row back, with the children that went in the same delete."""
        sobject, row = self._find(id_)
        if not row.get("IsDeleted"):
            raise bad("UNDELETE_FAILED", "Entity is not in the recycle bin", "Id")
        stamp = self._engine.stamp()
        with self._engine.savepoint():
            self._restore(sobject, row, stamp, user_id, api=True)

    def _restore(self, sobject: SObject, row: Row, stamp: str, user_id: str, *, api: bool) -> None:
        went = self._deleted_at(row["Id"])
        values = self._without_clashes(sobject, row) | {"IsDeleted": 0}
        touched = {"LastModifiedDate": stamp, "LastModifiedById": user_id, "SystemModstamp": stamp}
        values |= {name: value for name, value in touched.items() if name in sobject.fields}
        self._engine.apply(
            Change("undelete", sobject, row["Id"], stamp, user_id, values, {}, row, api)
        )
        self._tables.connection.execute("DELETE FROM emulator_deletes WHERE id = ?", (row["Id"],))
        for child, field in self._engine.registry.children(sobject.name):
            if not field.cascade or not child.has_bin:
                continue
            where = f'"{field.name}" = ? AND "IsDeleted" = 1'
            for orphan in self._tables.rows(child, where, (row["Id"],)):
                if self._deleted_at(orphan["Id"]) == went:
                    self._restore(child, orphan, stamp, user_id, api=False)

    def _without_clashes(self, sobject: SObject, row: Row) -> Row:
        """Empty a unique field whose value another row has taken meanwhile."""
        return {
            field.name: None
            for field in sobject.unique
            if field.nillable
            and row[field.name] is not None
            and holders(self._engine, sobject, field, row[field.name])
        }

    def _deleted_at(self, id_: str) -> str | None:
        sql = "SELECT at FROM emulator_deletes WHERE id = ?"
        found = self._tables.connection.execute(sql, (id_,)).fetchone()
        return found[0] if found else None

    def _find(self, id_: str) -> tuple[SObject, Row]:
        found = canonical(id_)
        sobject = self._engine.registry.of_id(found) if found else None
        row = self._tables.row(sobject, found) if sobject and found else None
        if sobject is None or row is None:
            raise not_found(f"no record has the id {id_}")
        return sobject, row

    def purge(self, id_: str) -> None:
        """Remove a row for good, deleted before or not, and its children with it."""
        sobject, row = self._find(id_)
        with self._engine.savepoint():
            self._erase(sobject, row["Id"])

    def _erase(self, sobject: SObject, id_: str) -> None:
        for child, field in self._engine.registry.children(sobject.name):
            if field.cascade:
                for row in self._tables.rows(child, f'"{field.name}" = ?', (id_,)):
                    self._erase(child, row["Id"])
        self._tables.erase(sobject, id_)
        stamp = self._engine.stamp()
        self._tables.connection.execute(
            "INSERT INTO emulator_deletes VALUES (?, ?, ?, 1)"
            " ON CONFLICT (id) DO UPDATE SET purged = 1",
            (id_, sobject.name, stamp),
        )
        self._engine.journal.note(
            at=stamp,
            op="purge",
            sobject=sobject.name,
            id=id_,
            fields={},
            user_id="",
            api=False,
            transport=self._engine.errand.transport,
        )

    def age(self, now: datetime) -> None:
        """Purge what has been in the bin too long; looked for once a minute at most."""
        if self._tables.depth or (self._looked and now - self._looked < timedelta(minutes=1)):
            return
        self._looked = now
        sql = "SELECT id FROM emulator_deletes WHERE at < ? AND purged = 0"
        for (id_,) in self._tables.connection.execute(sql, (wire(now - KEPT),)).fetchall():
            if self._deleted_at(id_) and self._still_there(id_):
                self.purge(id_)

    def _still_there(self, id_: str) -> bool:
        sobject = self._engine.registry.of_id(id_)
        return bool(sobject and self._tables.row(sobject, id_))

    def merge(self, name: str, master: str, losers: Sequence[str], *, user_id: str) -> None:
        """Fold rows into a master: children move over, losers go to the bin and name it."""
        sobject = self._engine.thing(name)
        with self._engine.savepoint():
            stamp = self._engine.stamp()
            winner = self._engine.live(sobject, master)
            for id_ in losers:
                row = self._engine.live(sobject, id_)
                self._reparent(sobject, row["Id"], winner["Id"])
                change = self._engine.removed(sobject, row, stamp, user_id)
                change.values["MasterRecordId"] = winner["Id"]
                self._engine.apply(change)
            self._engine.apply(
                self._engine.changed(sobject, winner, {}, user_id=user_id, stamp=stamp)
            )

    def _reparent(self, sobject: SObject, loser: str, winner: str) -> None:
        for child, field in self._engine.registry.children(sobject.name):
            if field.cascade:  # their stamps stay: Salesforce does not promise to move them
                for row in self._tables.rows(child, f'"{field.name}" = ?', (loser,)):
                    self._tables.update(child, row["Id"], {field.name: winner})
