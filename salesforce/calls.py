"""Requests as values: each verb of the REST API becomes a Call, with nothing sent yet.

Source: REST API Developer Guide, "Reference"; paths follow the version.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from decimal import Decimal
from typing import TYPE_CHECKING, Any
from urllib.parse import quote, urlencode

import msgspec

from salesforce import wire
from salesforce.errors import Rejected
from salesforce.ids import is_id
from salesforce.soql import identifier

if TYPE_CHECKING:
    from collections.abc import Iterable

    from salesforce.values import ExternalId

Fields = Mapping[str, Any]

VERSIONS = "/services/data"
MOST_ROWS = 200  # of a collection call that writes
MOST_READ = 2000
MOST_QUERIES = 5  # of a composite call
LONGEST_TARGET = 12_000  # bytes; Salesforce takes 16,384 with all headers, the token's 2,000 too

_ENCODER = msgspec.json.Encoder(decimal_format="number")
# Rules that reassign owners are for people's input, not for a copy that knows the owner.
_WRITE_HEADERS = {"Content-Type": "application/json", "Sforce-Auto-Assign": "FALSE"}


@dataclass(frozen=True, slots=True)
class Call:
    """One request; `path` is relative to the version unless it starts with a slash."""

    kind: str
    method: str
    path: str
    body: bytes | None = None
    headers: Mapping[str, str] = field(default_factory=dict)
    writes: bool = False

    @property
    def is_counted(self) -> bool:
        """Tell whether it costs of the daily allocation: `/services/data` alone does not."""
        return self.path != VERSIONS


def query(soql: str, *, include_deleted: bool, batch_size: int | None = None) -> Call:
    headers = {"Sforce-Query-Options": f"batchSize={batch_size:d}"} if batch_size else {}
    return Call("query", "GET", _query_path(soql, include_deleted=include_deleted), headers=headers)


def query_more(next_url: str) -> Call:
    return Call("query", "GET", next_url)


def search(sosl: str) -> Call:
    return Call("query", "GET", f"search?q={quote(sosl, safe='')}")


def composite_queries(soqls: Sequence[str], *, version_path: str, include_deleted: bool) -> Call:
    """Send some queries as one call, in the body, where no limit on addresses bites."""
    if not 0 < len(soqls) <= MOST_QUERIES:
        raise ValueError(f"a composite call takes 1 to {MOST_QUERIES} queries, not {len(soqls)}")
    requests = [
        {
            "method": "GET",
            "url": f"{version_path}/{_query_path(soql, include_deleted=include_deleted)}",
            "referenceId": f"query{place}",
        }
        for place, soql in enumerate(soqls)
    ]
    body = _ENCODER.encode({"allOrNone": False, "compositeRequest": requests})
    return Call("query", "POST", "composite", body, {"Content-Type": "application/json"})


def describe(sobject: str | None, modified_since: datetime | None) -> Call:
    path = f"sobjects/{_name(sobject)}/describe" if sobject else "sobjects"
    since = {"If-Modified-Since": wire.http_date(modified_since)} if modified_since else {}
    return Call("describe", "GET", path, headers=since)


def replication(sobject: str, which: str, start: datetime, end: datetime) -> Call:
    window = urlencode({"start": _iso(start), "end": _iso(end)})
    return Call("query", "GET", f"sobjects/{_name(sobject)}/{which}/?{window}")


def retrieve(sobject: str, record_id: str, fields: Iterable[str]) -> Call:
    names = ",".join(_name(field, kind="INVALID_FIELD") for field in fields)
    return Call("read", "GET", f"{_record(sobject, record_id)}?fields={names}")


def retrieve_many(sobject: str, ids: Sequence[str], fields: Iterable[str]) -> Call:
    _at_most(MOST_READ, ids)
    body = _ENCODER.encode({"ids": list(map(_id, ids)), "fields": list(fields)})
    path = f"composite/sobjects/{_name(sobject)}"
    return Call("read", "POST", path, body, {"Content-Type": "application/json"})


def create(sobject: str, fields: Fields) -> Call:
    return _write("POST", f"sobjects/{_name(sobject)}", _json(fields))


def update(sobject: str, record_id: str, fields: Fields, unmodified_since: datetime | None) -> Call:
    since = {"If-Unmodified-Since": wire.http_date(unmodified_since)} if unmodified_since else {}
    return _write("PATCH", _record(sobject, record_id), _json(fields), since)


def upsert(sobject: str, key: ExternalId, fields: Fields) -> Call:
    if key.value in {"", ".", ".."}:
        raise Rejected(f"{key.value!r} cannot name a record", code="MALFORMED_ID")
    name = _name(key.field, kind="INVALID_FIELD")
    path = f"sobjects/{_name(sobject)}/{name}/{quote(key.value, safe='')}"
    return _write("PATCH", path, _json(fields))


def delete(sobject: str, record_id: str) -> Call:
    return Call("write", "DELETE", _record(sobject, record_id), writes=True)


def publish_article(version_id: str) -> Call:
    """Source: Knowledge Developer Guide, "Publish the Primary Version of an Article"."""
    path = f"knowledgeManagement/articleVersions/masterVersions/{_id(version_id)}"
    return _write("PATCH", path, _json({"publishStatus": "Online"}))


def create_many(sobject: str, rows: Sequence[Fields]) -> Call:
    return _collection("POST", "composite/sobjects", sobject, rows)


def update_many(sobject: str, rows: Sequence[tuple[str, Fields]]) -> Call:
    records = [{"id": _id(record_id), **fields} for record_id, fields in rows]
    return _collection("PATCH", "composite/sobjects", sobject, records)


def upsert_many(sobject: str, key_field: str, rows: Sequence[tuple[str, Fields]]) -> Call:
    key = _name(key_field, kind="INVALID_FIELD")
    records = [{key: value, **fields} for value, fields in rows]
    return _collection("PATCH", f"composite/sobjects/{_name(sobject)}/{key}", sobject, records)


def delete_many(ids: Sequence[str]) -> Call:
    _at_most(MOST_ROWS, ids)
    path = f"composite/sobjects?ids={','.join(map(_id, ids))}&allOrNone=false"
    return Call("write", "DELETE", path, writes=True)


def _collection(method: str, path: str, sobject: str, rows: Sequence[Fields]) -> Call:
    _at_most(MOST_ROWS, rows)
    tag = {"attributes": {"type": _name(sobject)}}
    records = [tag | dict(_checked(row)) for row in rows]
    return _write(method, path, _ENCODER.encode({"allOrNone": False, "records": records}))


def _write(method: str, path: str, body: bytes, headers: Mapping[str, str] | None = None) -> Call:
    return Call("write", method, path, body, {**_WRITE_HEADERS, **(headers or {})}, writes=True)


def _query_path(soql: str, *, include_deleted: bool) -> str:
    return f"{'queryAll' if include_deleted else 'query'}?q={quote(soql, safe='')}"


def _record(sobject: str, record_id: str) -> str:
    return f"sobjects/{_name(sobject)}/{_id(record_id)}"


def _name(name: str, *, kind: str = "INVALID_TYPE") -> str:
    try:
        return identifier(name)
    except ValueError as error:
        raise Rejected(str(error), code=kind) from error


def _id(record_id: str) -> str:
    if not is_id(record_id):
        raise Rejected(f"not a record id: {record_id!r}", code="MALFORMED_ID")
    return record_id


def _json(fields: Fields) -> bytes:
    return _ENCODER.encode(_checked(fields))


def _checked(fields: Fields) -> Fields:
    """Refuse what JSON would quietly turn into something else, as NaN into null."""
    for name, value in fields.items():
        if isinstance(value, datetime) and value.utcoffset() is None:
            raise Rejected("an instant needs a zone", code="JSON_PARSER_ERROR", fields=(name,))
        if isinstance(value, float | Decimal) and not math.isfinite(value):
            raise Rejected(f"{value} is not a number", code="JSON_PARSER_ERROR", fields=(name,))
    return fields


def _at_most(most: int, rows: Sequence[object]) -> None:
    if not 0 < len(rows) <= most:
        raise ValueError(f"a collection call takes 1 to {most} rows, not {len(rows)}")


def _iso(instant: datetime) -> str:
    return instant.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def create_query_job(soql: str, *, include_deleted: bool) -> Call:
    form = {"operation": "queryAll" if include_deleted else "query", "query": soql}
    body = _ENCODER.encode(form)
    return Call("bulk", "POST", "jobs/query", body, {"Content-Type": "application/json"})


def query_job(job_id: str) -> Call:
    return Call("bulk", "GET", f"jobs/query/{_id(job_id)}")


def query_results(job_id: str, *, locator: str | None, max_records: int | None) -> Call:
    asked = {"locator": locator, "maxRecords": max_records}
    query = urlencode({name: value for name, value in asked.items() if value is not None})
    path = f"jobs/query/{_id(job_id)}/results"
    return Call("bulk", "GET", f"{path}?{query}" if query else path, headers={"Accept": "text/csv"})


def result_pages(job_id: str, next_url: str | None) -> Call:
    return Call("bulk", "GET", next_url or f"jobs/query/{_id(job_id)}/resultPages")


def abort_query_job(job_id: str) -> Call:
    body = _ENCODER.encode({"state": "Aborted"})
    headers = {"Content-Type": "application/json"}
    return Call("bulk", "PATCH", f"jobs/query/{_id(job_id)}", body, headers)


def delete_query_job(job_id: str) -> Call:
    return Call("bulk", "DELETE", f"jobs/query/{_id(job_id)}")
