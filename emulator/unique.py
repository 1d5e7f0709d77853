"""Unique fields: who has a value already, among the rows that are there and those about to be."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from emulator.errors import bad
from emulator.ids import SHORT

if TYPE_CHECKING:
    from emulator.changes import Change
    from emulator.engine import Engine
    from emulator.errors import ApiError
    from emulator.schema.field import Field
    from emulator.schema.sobject import SObject
    from emulator.tables import Row


def holders(engine: Engine, sobject: SObject, field: Field, value: Any) -> list[Row]:
    """Return the live rows, and those about to commit, that have a value in a field."""
    alive = ' AND "IsDeleted" = 0' if sobject.has_bin else ""
    rows = engine.tables.rows(sobject, f'"{field.name}" = ?{alive}', (value,))
    waiting = (late.change for late in engine.late if late.change.sobject.name == sobject.name)
    return rows + [
        change.after
        for change in waiting
        if str(change.values.get(field.name, "")).lower() == str(value).lower()
    ]


def check_unique(engine: Engine, change: Change) -> None:
    for field in change.sobject.unique:
        value = change.values.get(field.name)
        if value is None:
            continue
        own = change.after.get("KnowledgeArticleId", "")
        for row in holders(engine, change.sobject, field, value):
            # Versions of one article share what is unique among articles.
            if row["Id"] != change.id and (not own or row["KnowledgeArticleId"] != own):
                raise _duplicate(field, row["Id"])


def _duplicate(field: Field, id_: str) -> ApiError:
    return bad(
        "DUPLICATE_VALUE",
        f"duplicate value found: {field.name} duplicates value on record with id: {id_[:SHORT]}",
        *([field.name] if field.custom else []),
    )
