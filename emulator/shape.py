"""The org's shape: what it describes, and the fields that are hidden, added and removed."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from emulator.schema.describe import describe_flags, describe_sobject
from emulator.turns import VERSION, Turns, base, turn

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import datetime

MASTER_TYPE = "012000000000000AAA"


class Shape(Turns):
    """Describe, and the changes an administrator makes to what it says."""

    @turn
    def describe_global(self, *, version: str = VERSION) -> dict[str, Any]:
        flags = [describe_flags(sobject, base(version)) for sobject in self._registry]
        ordered = sorted(flags, key=lambda flag: str(flag["name"]))
        return {"encoding": "UTF-8", "maxBatchSize": 200, "sobjects": ordered}

    @turn
    def describe(self, sobject: str, *, version: str = VERSION) -> dict[str, Any]:
        view = self._known(sobject)
        types = self._record_types(view.name, base(version))
        return describe_sobject(view, self._registry, base(version), types)

    def _record_types(self, name: str, base: str) -> list[dict[str, Any]]:
        rows = self._tables.rows(self._engine.thing("RecordType"), '"SobjectType" = ?', (name,))
        master = {"Id": MASTER_TYPE, "Name": "Master", "DeveloperName": "Master", "IsActive": 1}
        return [
            {
                "active": bool(row["IsActive"]),
                "available": True,
                "defaultRecordTypeMapping": row is master,
                "developerName": row["DeveloperName"],
                "master": row is master,
                "name": row["Name"],
                "recordTypeId": row["Id"],
                "urls": {"layout": f"{base}/sobjects/{name}/describe/layouts/{row['Id']}"},
            }
            for row in (*rows, master)
        ]

    @turn
    def schema_modified(self, sobject: str | None = None) -> datetime:
        return self._registry.modified(sobject and self._known(sobject).name)

    @turn
    def hide_field(self, sobject: str, field: str) -> None:
        self._registry.hide(sobject, field, self.now())
        self._keep_schema()

    @turn
    def show_field(self, sobject: str, field: str) -> None:
        self._registry.show(sobject, field, self.now())
        self._keep_schema()

    @turn
    def add_field(self, sobject: str, spec: Mapping[str, Any]) -> None:
        field = self._registry.add(sobject, spec, self.now())
        if field.is_stored:
            self._tables.add_column(self._registry.find(sobject).name, field)
        self._keep_schema()

    @turn
    def change_field(self, sobject: str, field: str, changes: Mapping[str, Any]) -> None:
        """Rename or retype a field; values follow as far as they fit, and no stamp moves."""
        before = self._registry.field(sobject, field)
        table = self._registry.whole(sobject).name
        after = self._registry.change(sobject, field, changes, self.now())
        if before.is_stored and after.is_stored:
            self._tables.change_column(table, before, after)
        self._keep_schema()

    @turn
    def hide_object(self, sobject: str) -> None:
        self._registry.hide_object(sobject, self.now())
        self._keep_schema()

    @turn
    def show_object(self, sobject: str) -> None:
        self._registry.show_object(sobject, self.now())
        self._keep_schema()

    @turn
    def hide_records(self, ids: Sequence[str]) -> None:
        """Take records from the user's sight without deleting them."""
        self._tables.hide([(id_, self._owner_of(id_)) for id_ in ids])
        self._registry.hide_rows(self._tables.hidden_in())

    @turn
    def show_records(self, ids: Sequence[str] | None) -> None:
        """Give records back to the user's sight, or all of them."""
        self._tables.show(ids)
        self._registry.hide_rows(self._tables.hidden_in())

    @turn
    def hidden_records(self) -> list[str]:
        return self._tables.hidden()

    def _owner_of(self, id_: str) -> str:
        sobject = self._registry.of_id(id_)
        if sobject is None:
            raise ValueError(f"{id_} is no record's Id")
        return sobject.name

    @turn
    def remove_field(self, sobject: str, field: str) -> None:
        gone = self._registry.remove(sobject, field, self.now())
        if gone.is_stored:
            self._tables.drop_column(self._registry.find(sobject).name, gone)
        self._keep_schema()

    def _restore_schema(self) -> None:
        """Open a file as it stood: the fields that were hidden, added and removed."""
        kept = self._tables.fact("schema") or {}
        now = self._clock()
        for name, fields in kept.get("removed", {}).items():
            for field in fields:
                self._registry.remove(name, field, now)
        for name, specs in kept.get("added", {}).items():
            for spec in specs.values():
                self._registry.add(name, spec, now)
        for name, fields in kept.get("hidden", {}).items():
            for field in fields:
                self._registry.hide(name, field, now)
        for name in kept.get("objects", ()):
            self._registry.hide_object(name, now)
        self._registry.hide_rows(self._tables.hidden_in())

    def _keep_schema(self) -> None:
        registry = self._registry
        hidden = {name: sorted(fields) for name, fields in registry.hidden.items()}
        removed = {name: sorted(fields) for name, fields in registry.removed.items()}
        facts = {"added": registry.added, "removed": removed, "hidden": hidden}
        facts["objects"] = sorted(registry.hidden_objects)
        self._tables.keep("schema", facts)
