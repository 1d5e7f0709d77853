"""One record as the store has it: every field that a column holds, and how it came to be so."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import (
    BigInteger,
    Boolean,
    ColumnElement,
    Connection,
    Date,
    Numeric,
    Text,
    column,
    select,
)

from models.columns import Kind, UtcDateTime
from models.sobject import SObject
from store import fields, watermarks

_TYPES: dict[str, Any] = {
    Kind.TEXT: Text(),
    Kind.INSTANT: UtcDateTime(),
    Kind.DAY: Date(),
    Kind.NUMBER: Numeric(asdecimal=False),
    Kind.WHOLE: BigInteger(),
    Kind.FLAG: Boolean(),
}
_OURS = ("is_deleted", "synced_at", "deleted_at", "deleted_cause", "extra")


@dataclass(frozen=True, kw_only=True)
class StoredRecord:
    """A record by its API names, tombstones too; `as_of` is how far its object is read."""

    sobject: str
    id: str
    fields: dict[str, Any]
    is_deleted: bool
    synced_at: datetime | None
    deleted_at: datetime | None
    deleted_cause: str | None
    extra: dict[str, Any] | None
    as_of: datetime | None


def stored(tx: Connection, model: type[SObject], record_id: str) -> StoredRecord | None:
    """Read a record from the store; None where it has none of that Id."""
    table = model.table()
    named = dict(_columns(tx, model))
    ours = [table.c[name].label(f"our_{name}") for name in _OURS]
    query = select(*(one.label(name) for name, one in named.items()), *ours)
    row = tx.execute(query.where(table.c.id == record_id)).mappings().one_or_none()
    if row is None:
        return None
    return StoredRecord(
        sobject=model.sobject,
        id=record_id,
        fields={name: row[name] for name in named},
        as_of=watermarks.read(tx, model.sobject).since,
        **{name: row[f"our_{name}"] for name in _OURS},
    )


def _columns(tx: Connection, model: type[SObject]) -> Iterator[tuple[str, ColumnElement[Any]]]:
    """Give each field's column: the model's in its order, then those that an org has added."""
    table = model.table()
    for one in model.fields():
        yield one.api_name, table.c[one.column]
    for state in fields.known(tx, model.sobject):
        if state.added:
            yield state.api_name, column(state.column_name, _TYPES[state.kind])
