"""Cases as a page brings them: rows in column order, in the types that the database wants."""

from datetime import UTC, datetime, timedelta
from typing import Any

from models.case import Case
from models.columns import Kind, SyncField
from store import records
from store.engine import Store

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)
A = "500000000000001AAA"
B = "500000000000002AAA"

NAMES = ("id", "system_modstamp", "is_deleted", "master_record_id", "subject", "description")
BY_COLUMN = {field.column: field for field in Case.fields()}
FIELDS = tuple(BY_COLUMN[name] for name in NAMES)


def at(seconds: float) -> datetime:
    return NOON + timedelta(seconds=seconds)


def row(store: Store, fields: tuple[SyncField, ...] = FIELDS, **values: Any) -> tuple[Any, ...]:
    """Lay out one case; the rest of its fields is empty."""
    whole = {"id": A, "system_modstamp": NOON, "is_deleted": False, **values}
    return tuple(_as_decoded(store, field, whole.get(field.column)) for field in fields)


def _as_decoded(store: Store, field: SyncField, value: Any) -> Any:
    if store.is_sqlite and value is not None and field.kind is Kind.INSTANT:
        return f"{value:%Y-%m-%dT%H:%M:%S}.{value.microsecond // 1000:03d}+0000"
    if store.is_sqlite and value is not None and field.kind is Kind.DAY:
        return value.isoformat()
    return value


def put(
    store: Store,
    *values: dict[str, Any],
    read_at: datetime = NOON,
    fields: tuple[SyncField, ...] = FIELDS,
) -> int:
    """Write cases, as one page; return how many were written."""
    with store.begin() as tx:
        rows = [row(store, fields, **one) for one in values]
        return records.upsert(tx, Case, fields, rows, read_at=read_at)


def kept(store: Store, record_id: str = A) -> dict[str, Any]:
    """Read one case back."""
    table = Case.table()
    with store.read() as tx:
        return dict(tx.execute(table.select().where(table.c.id == record_id)).mappings().one())
