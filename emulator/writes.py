"""The writes a client asks for: every rule checked first, then one change made of them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from emulator import entry
from emulator.errors import ApiError, bad, insufficient_access, not_found
from emulator.ids import SHORT, canonical
from emulator.stamps import instant
from emulator.unique import check_unique, holders

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    from emulator.engine import Engine
    from emulator.schema.field import Field
    from emulator.schema.sobject import SObject
    from emulator.tables import Row


class Writes:
    """Create, update, delete and find by key, by the rules that describe shows."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._registry = engine.registry

    def create(self, name: str, fields: Mapping[str, Any], *, user_id: str, api: bool) -> str:
        view, sobject = self._registry.find(name), self._registry.whole(name)
        _check_allowed(sobject, view, "create")
        with self._engine.savepoint():
            given = entry.accept(view, fields, creating=True, resolve=self._resolve)
            entry.check_required(view, given, creating=True)
            entry.check_references(view, given, self._registry, self._engine.tables)
            row = entry.with_defaults(
                sobject, given, user_id=user_id, hours_id=self._engine.hours_id
            )
            change = self._engine.born(sobject, row, user_id=user_id, given=given, api=api)
            check_unique(self._engine, change)
            self._engine.commit(change)
        return change.id

    def update(
        self,
        name: str,
        id_: str,
        fields: Mapping[str, Any],
        *,
        user_id: str,
        api: bool,
        unmodified_since: datetime | None = None,
    ) -> None:
        view, sobject = self._registry.find(name), self._registry.whole(name)
        _check_allowed(sobject, view, "update")
        with self._engine.savepoint():
            before = self._shared(sobject, id_)
            _check_unmodified(before, unmodified_since)
            given = entry.accept(view, fields, creating=False, resolve=self._resolve)
            entry.check_required(view, given, creating=False)
            entry.check_references(view, given, self._registry, self._engine.tables)
            self._engine.commit(
                self._engine.changed(sobject, before, given, user_id=user_id, api=api)
            )

    def delete(self, name: str, id_: str, *, user_id: str, api: bool) -> None:
        sobject = self._registry.whole(name)
        _check_allowed(sobject, self._registry.find(name), "delete")
        with self._engine.savepoint():
            before = self._shared(sobject, id_)
            self._check_unattached(sobject, before["Id"])
            self._engine.commit(
                self._engine.removed(sobject, before, self._engine.stamp(), user_id, api=api)
            )

    def _shared(self, sobject: SObject, id_: str) -> Row:
        """Return a live row, refusing one that is not shared with whoever writes."""
        row = self._engine.live(sobject, id_)
        test = self._registry.row_test(sobject.name, "t0")
        if test and not self._engine.tables.holds(sobject, row["Id"], test):
            raise insufficient_access()
        return row

    def _check_unattached(self, sobject: SObject, id_: str) -> None:
        for child, field in self._registry.children(sobject.name):
            if field.restrict and self._engine.tables.rows(child, _attached(child, field), (id_,)):
                raise bad(
                    "DELETE_FAILED",
                    f"Your attempt to delete {id_[:SHORT]} could not be completed because it is "
                    f"associated with the following {child.titles.lower()}.",
                )

    def _resolve(self, field: Field, by: Mapping[str, Any]) -> str:
        """Find a parent by its external id: `"Account": {"Sync_Key__c": "A-1"}`."""
        keys = {name: value for name, value in by.items() if name.lower() != "attributes"}
        if len(keys) != 1:
            raise bad("INVALID_FIELD", f"{field.relationship}: name one external id field")
        (name, value), target = next(iter(keys.items())), self._registry.find(field.to[0])
        ids = self.find_by(target.name, name, value)
        if len(ids) != 1:
            raise bad(
                "INVALID_FIELD",
                f"Foreign key external ID: {value} not found for field {name} in entity "
                f"{target.name}",
            )
        return ids[0]

    def find_by(self, name: str, field_name: str, value: Any) -> list[str]:
        view = self._registry.find(name)
        field = view.lowered.get(field_name.lower())
        if field is None or not (field.external_id or field.id_lookup):
            raise not_found(
                f"Provided external ID field does not exist or is not accessible: {field_name}"
            )
        if field.name == "Id":
            value = canonical(str(value))
        rows = holders(self._engine, self._registry.whole(name), field, value)
        return [row["Id"] for row in _working_versions(rows)]


def _attached(child: SObject, field: Field) -> str:
    return f'"{field.name}" = ?' + (' AND "IsDeleted" = 0 LIMIT 1' if child.has_bin else " LIMIT 1")


def _working_versions(rows: list[Row]) -> list[Row]:
    """Of the versions of one article, keep the draft, else the latest."""
    best: dict[str, Row] = {}
    for row in sorted(rows, key=_is_draft):
        best[row.get("KnowledgeArticleId") or row["Id"]] = row
    return list(best.values())


def _is_draft(row: Row) -> tuple[bool, str]:
    return (row.get("PublishStatus") == "Draft", row["Id"])


def _check_allowed(sobject: SObject, view: SObject, verb: str) -> None:
    """Refuse what the object does not admit, and what the user lacks the permission for."""
    if sobject.can(verb) and not view.can(verb):
        raise insufficient_access()
    if not sobject.can(verb):
        raise ApiError(
            400,
            "CANNOT_INSERT_UPDATE_ACTIVATE_ENTITY" if verb != "delete" else "CANNOT_DELETE_ENTITY",
            f"entity type {sobject.name} does not support {verb}",
        )


def _check_unmodified(row: Row, since: datetime | None) -> None:
    if since and instant(row["LastModifiedDate"]) > since.replace(microsecond=0):
        raise ApiError(
            412, "PRECONDITION_FAILED", "The record was modified after the date of the condition"
        )
