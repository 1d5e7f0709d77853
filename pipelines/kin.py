"""What a record is called and what it was before, and which others its references name."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any, NamedTuple, cast

from sqlalchemy import Connection, Table, select

from models import by_name
from models.record_history import RecordHistory
from models.sobject import SObject

_NAMES = ("name", "case_number", "work_order_number", "contract_number", "title", "subject")
"""Columns by which people call a record, the best first."""


class Referred(NamedTuple):
    """A record that a field refers to, and what people call it."""

    sobject: str
    name: str


class Value(NamedTuple):
    """What a field held, and which record that names."""

    text: str | None
    refers: Referred | None


class Change(NamedTuple):
    """What one column of a record held before, and after."""

    changed_at: datetime
    field: str
    before: Value
    after: Value


def holder(
    tx: Connection, models: tuple[type[SObject], ...], record_id: str
) -> type[SObject] | None:
    """Find the sObject whose table has a record of this Id."""
    for model in models:
        ids = model.table().c.id
        if tx.execute(select(ids).where(ids == record_id)).first():
            return model
    return None


def name_of(tx: Connection, model: type[SObject], record_id: str) -> str | None:
    """Call a record what people call it; None: the store has none of this Id."""
    table = model.table()
    names = [table.c[name] for name in ("id", *_NAMES) if name in table.c]
    row = tx.execute(select(*names).where(table.c.id == record_id)).first()
    if row is None:
        return None
    found = [str(value) for value in row[1:] if value]
    return ": ".join(found[:2]) or record_id


def referred(
    tx: Connection, model: type[SObject], fields: Mapping[str, Any]
) -> dict[str, Referred]:
    """Find, field by field, the records that a record refers to, of those that the store has."""
    found = {}
    for one in model.fields():
        if refers := _referred(tx, model, one.column, fields.get(one.api_name)):
            found[one.api_name] = refers
    return found


def past(tx: Connection, model: type[SObject], record_id: str, *, limit: int) -> list[Change]:
    """Give what changed of a record between two readings, the youngest first."""
    table = cast("Table", RecordHistory.__table__)  # type: ignore[attr-defined]
    query = select(table).where(table.c.record_id == record_id)
    query = query.order_by(table.c.changed_at.desc(), table.c.id.desc()).limit(limit)
    known: dict[tuple[str, str | None], Referred | None] = {}

    def value(column: str, text: str | None) -> Value:
        if (column, text) not in known:
            known[column, text] = _referred(tx, model, column, text)
        return Value(text, known[column, text])

    return [
        Change(
            one.changed_at,
            one.field,
            value(one.field, one.old_value),
            value(one.field, one.new_value),
        )
        for one in tx.execute(query)
    ]


def _referred(tx: Connection, model: type[SObject], column: str, value: Any) -> Referred | None:
    columns = model.table().c
    if not value or column not in columns:
        return None
    for target in columns[column].info.get("references", ()):
        if name := _name(tx, target, value):
            return Referred(target, name)
    return None


def _name(tx: Connection, sobject: str, record_id: str) -> str | None:
    try:
        return name_of(tx, by_name(sobject), record_id)
    except LookupError:
        return None  # such records are not pulled
