"""sObject Collections: up to 200 rows created, updated, upserted, deleted or read in one call."""

from __future__ import annotations

from functools import partial
from itertools import groupby
from typing import TYPE_CHECKING, Any

from emulator.batch import Batch
from emulator.errors import ApiError
from emulator.exchange import as_list, as_object, json_answer
from emulator.routes import Route
from emulator.rows import Result, RowAct, apply_rows

if TYPE_CHECKING:
    from collections.abc import Sequence

    from emulator.exchange import Answer, Request
    from emulator.rest import Rest

ROWS, ROWS_READ, CHUNKS = 200, 2000, 10


def create(rest: Rest, request: Request) -> Answer:
    batch = Batch(rest.instance.org, request.user_id)
    records, all_or_none = _records(request)
    acts = [partial(batch.create, _type(record), record) for record in records]
    return _apply(rest, request, acts, all_or_none=all_or_none)


def update(rest: Rest, request: Request) -> Answer:
    batch = Batch(rest.instance.org, request.user_id)
    records, all_or_none = _records(request)
    acts = [partial(batch.update, _type(record), record) for record in records]
    return _apply(rest, request, acts, all_or_none=all_or_none)


def upsert(rest: Rest, request: Request, sobject: str, field: str) -> Answer:
    batch = Batch(rest.instance.org, request.user_id)
    records, all_or_none = _records(request)
    if any(_type(record).lower() != sobject.lower() for record in records):
        raise ApiError(400, "INVALID_TYPE", f"All records must be of type {sobject}")
    acts = [partial(batch.upsert, _type(record), record, field) for record in records]
    return _apply(rest, request, acts, all_or_none=all_or_none)


def delete(rest: Rest, request: Request) -> Answer:
    ids = [one.strip() for one in request.query.get("ids", "").split(",") if one.strip()]
    if not ids:
        raise ApiError(400, "MISSING_ARGUMENT", "The required argument 'ids' is missing")
    _limit(ids, ROWS)
    batch = Batch(rest.instance.org, request.user_id)
    acts = [partial(_delete, rest, batch, one) for one in ids]
    all_or_none = request.query.get("allOrNone", "").lower() == "true"
    return _apply(rest, request, acts, all_or_none=all_or_none)


def read(rest: Rest, request: Request, sobject: str) -> Answer:
    ids = [one.strip() for one in request.query.get("ids", "").split(",") if one.strip()]
    fields = [one.strip() for one in request.query.get("fields", "").split(",") if one.strip()]
    return _read(rest, request, sobject, ids, fields)


def read_posted(rest: Rest, request: Request, sobject: str) -> Answer:
    body = request.fields()
    ids, fields = as_list(body.get("ids"), "ids"), as_list(body.get("fields"), "fields")
    return _read(rest, request, sobject, ids, fields)


def _read(rest: Rest, request: Request, sobject: str, ids: list[str], fields: list[str]) -> Answer:
    if not ids or not fields:
        raise ApiError(400, "MISSING_ARGUMENT", "The arguments 'ids' and 'fields' are required")
    _limit(ids, ROWS_READ)
    org = rest.instance.org
    return json_answer(org.retrieve_many(sobject, ids, fields, version=request.version))


def _records(request: Request) -> tuple[list[dict[str, Any]], bool]:
    body = request.fields()
    records = [as_object(record) for record in as_list(body.get("records"), "records")]
    _limit(records, ROWS)
    chunks = sum(1 for _ in groupby(records, key=_type))
    if chunks > CHUNKS:
        message = (
            f"Cannot have more than {CHUNKS} chunks in a single operation. "
            "Please rearrange the data to reduce chunking."
        )
        raise ApiError(400, "LIMIT_EXCEEDED", message)
    return records, body.get("allOrNone") is True


def _type(record: dict[str, Any]) -> str:
    attributes = record.get("attributes")
    name = attributes.get("type") if isinstance(attributes, dict) else None
    if not isinstance(name, str) or not name:
        raise ApiError(400, "INVALID_INPUT", "Each record needs attributes with its type")
    return name


def _limit(items: Sequence[object], most: int) -> None:
    if len(items) > most:
        message = f"record limit reached. cannot submit more than {most} records into this call"
        raise ApiError(400, "EXCEEDED_ID_LIMIT", message)


def _delete(rest: Rest, batch: Batch, record_id: str) -> Result:
    return batch.delete(rest.sobject_of(record_id), {"Id": record_id})


def _apply(rest: Rest, request: Request, acts: Sequence[RowAct], *, all_or_none: bool) -> Answer:
    org = rest.instance.org
    return json_answer(apply_rows(org, acts, all_or_none=all_or_none, locked=request.locked))


ROUTES = [
    Route("POST", "composite/sobjects", "collections.create", create),
    Route("PATCH", "composite/sobjects", "collections.update", update),
    Route("DELETE", "composite/sobjects", "collections.delete", delete),
    Route("GET", "composite/sobjects/{sobject}", "collections.read", read),
    Route("POST", "composite/sobjects/{sobject}", "collections.read", read_posted),
    Route("PATCH", "composite/sobjects/{sobject}/{field}", "collections.upsert", upsert),
]
