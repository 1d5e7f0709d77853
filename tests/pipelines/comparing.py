"""Org and store side by side, by another way than the product's: plain HTTP, JSON and SELECT."""

import json
from collections.abc import Callable, Iterator
from datetime import date, datetime
from decimal import Decimal
from typing import Any

import httpx

from emulator.server import Emulator
from models import CATALOG, by_name
from models.sobject import SObject
from store.engine import Store

Rows = dict[str, dict[str, Any]]
PATIENCE = 120.0  # s: bounds a hang; httpx's own five seconds would be a judgement on the machine

# What time alone changes, without a stamp: two readings may differ however close they are.
BY_THE_MINUTE = {"CaseMilestone": {"IsViolated"}}
# What changes with other records, without a stamp: equal after a sweep over computed fields.
_TOTALS = {"LineItemCount", "Subtotal", "TotalPrice", "GrandTotal", "Discount"}
BY_OTHERS = {"ServiceContract": _TOTALS, "WorkOrder": _TOTALS}


def differences(org: Emulator, store: Store, *sobjects: str, swept: bool = False) -> list[str]:
    """Compare every field of every record of these sObjects, or of all; a line a difference.

    `swept`: computed fields were read again just before, and are to be equal too, but for clocks.
    """
    models = [by_name(name) for name in sobjects] or CATALOG
    return [line for model in models for line in _differences(org, store, model, swept=swept)]


def compared(org: Emulator, store: Store) -> int:
    """Count the values that `differences` looks at, so that a test can ask for many."""
    return sum(len(row) for model in CATALOG for row in _rows_of_org(org, store, model).values())


def _differences(
    org: Emulator, store: Store, model: type[SObject], *, swept: bool
) -> Iterator[str]:
    theirs, ours = _rows_of_org(org, store, model, swept=swept), _rows_of_store(store, model)
    for record_id in sorted(theirs.keys() - ours.keys()):
        yield f"{model.sobject} {record_id}: only in the org"
    for record_id in sorted(ours.keys() - theirs.keys()):
        if not _is_purged(ours[record_id]):
            yield f"{model.sobject} {record_id}: only in the store"
    for record_id in sorted(theirs.keys() & ours.keys()):
        row = ours[record_id]
        for column, value in theirs[record_id].items():
            if (type(value), value) != (type(row[column]), row[column]):
                yield f"{model.sobject} {record_id} {column}: {value!r} is {row[column]!r}"
        if bool(row["is_deleted"]) != (row["deleted_at"] is not None):
            yield f"{model.sobject} {record_id}: a tombstone by halves"


def _is_purged(row: dict[str, Any]) -> bool:
    """Tell a tombstone of what left the recycle bin: the org shows it no more, we keep it."""
    return row["deleted_at"] is not None and row["deleted_cause"] == "purged"


def _rows_of_org(org: Emulator, store: Store, model: type[SObject], *, swept: bool = False) -> Rows:
    with _session(org) as http:
        described = http.get(f"sobjects/{model.sobject}/describe").json()["fields"]
        types = {field["name"]: field["type"] for field in described}
        left_out = BY_THE_MINUTE.get(model.sobject, set())
        if not swept:
            left_out = left_out | BY_OTHERS.get(model.sobject, set())
        columns = {
            field.api_name: field.column
            for field in model.fields()
            if field.api_name in types and field.api_name not in left_out
        }
        columns |= {name: column for name, column in _added(store, model) if name in types}
        query = f"SELECT {', '.join(columns)} FROM {model.sobject}"  # noqa: S608
        if model.sobject == "Knowledge__kav":
            query += " WHERE PublishStatus IN ('Draft', 'Online', 'Archived')"
        return {
            record["Id"]: {
                column: _as_stored(record[name], types[name], is_sqlite=store.is_sqlite)
                for name, column in columns.items()
            }
            for record in _records(http, query)
        }


def _added(store: Store, model: type[SObject]) -> list[tuple[str, str]]:
    """Give the fields whose columns were added at run time."""
    query = f"SELECT api_name, column_name FROM scsync_fields WHERE sobject = '{model.sobject}' AND added"  # noqa: S608
    with store.read() as tx:
        return [(row[0], row[1]) for row in tx.exec_driver_sql(query)]


def _session(org: Emulator) -> httpx.Client:
    form = {
        "grant_type": "refresh_token",
        "refresh_token": org.refresh_token,
        "client_id": org.client_id,
        "client_secret": org.client_secret,
    }
    answer = httpx.post(f"{org.url}/services/oauth2/token", data=form, timeout=PATIENCE)
    token = answer.json()["access_token"]
    return httpx.Client(
        base_url=f"{org.url}/services/data/v67.0/",
        headers={"Authorization": f"Bearer {token}"},
        timeout=PATIENCE,
    )


def _records(http: httpx.Client, query: str) -> Iterator[dict[str, Any]]:
    answer = http.get("queryAll", params={"q": query})
    while True:
        page = json.loads(answer.raise_for_status().content, parse_float=Decimal)
        yield from page["records"]
        if page["done"]:
            return
        answer = http.get(http.base_url.join(page["nextRecordsUrl"]))


def _as_stored(value: Any, kind: str, *, is_sqlite: bool) -> Any:
    if value is None:
        return None
    kinds = _ON_SQLITE if is_sqlite else _ON_POSTGRESQL
    return kinds.get(kind, str)(value)


def _sqlite_number(value: Any) -> int | float:
    # NUMERIC affinity: what is whole becomes an integer.
    exact = Decimal(value)
    return int(exact) if exact == exact.to_integral_value() else float(exact)


_NUMBERS = ("double", "currency", "percent")
_ON_SQLITE: dict[str, Callable[[Any], Any]] = {
    **dict.fromkeys(_NUMBERS, _sqlite_number),
    "datetime": lambda text: f"{text[:23]}Z",
    "int": int,
    "boolean": int,
}
_ON_POSTGRESQL: dict[str, Callable[[Any], Any]] = {
    **dict.fromkeys(_NUMBERS, Decimal),
    "datetime": datetime.fromisoformat,
    "date": date.fromisoformat,
    "int": int,
    "boolean": bool,
}


def _rows_of_store(store: Store, model: type[SObject]) -> Rows:
    with store.read() as tx:
        rows = tx.exec_driver_sql(f"SELECT * FROM {model.table().name}").mappings()  # noqa: S608
        return {row["id"]: dict(row) for row in rows}
