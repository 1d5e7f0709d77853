"""Requests as values: each verb of the REST API becomes a Call, with nothing sent yet.

Source: REST API Developer Guide, "Reference"; paths follow the version.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING
from urllib.parse import quote, urlencode

import msgspec

from salesforce import wire
from salesforce.errors import Rejected
from salesforce.ids import is_id
from salesforce.soql import identifier

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

VERSIONS = "/services/data"
MOST_READ = 2000
MOST_QUERIES = 5  # of a composite call
LONGEST_TARGET = 12_000  # bytes; Salesforce takes 16,384 with all headers, the token's 2,000 too

_ENCODER = msgspec.json.Encoder(decimal_format="number")
JSON = {"Content-Type": "application/json"}


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
    return Call("query", "POST", "composite", body, JSON)


def describe(sobject: str | None, modified_since: datetime | None) -> Call:
    path = f"sobjects/{name_of(sobject)}/describe" if sobject else "sobjects"
    since = {"If-Modified-Since": wire.http_date(modified_since)} if modified_since else {}
    return Call("describe", "GET", path, headers=since)


def replication(sobject: str, which: str, start: datetime, end: datetime) -> Call:
    window = urlencode({"start": _iso(start), "end": _iso(end)})
    return Call("query", "GET", f"sobjects/{name_of(sobject)}/{which}/?{window}")


def retrieve(sobject: str, record_id: str, fields: Iterable[str]) -> Call:
    names = ",".join(name_of(field, kind="INVALID_FIELD") for field in fields)
    return Call("read", "GET", f"{record_path(sobject, record_id)}?fields={names}")


def retrieve_many(sobject: str, ids: Sequence[str], fields: Iterable[str]) -> Call:
    at_most(MOST_READ, ids)
    body = _ENCODER.encode({"ids": list(map(id_of, ids)), "fields": list(fields)})
    path = f"composite/sobjects/{name_of(sobject)}"
    return Call("read", "POST", path, body, JSON)


def _query_path(soql: str, *, include_deleted: bool) -> str:
    return f"{'queryAll' if include_deleted else 'query'}?q={quote(soql, safe='')}"


def record_path(sobject: str, record_id: str) -> str:
    return f"sobjects/{name_of(sobject)}/{id_of(record_id)}"


def name_of(name: str, *, kind: str = "INVALID_TYPE") -> str:
    try:
        return identifier(name)
    except ValueError as error:
        raise Rejected(str(error), code=kind) from error


def id_of(record_id: str) -> str:
    if not is_id(record_id):
        raise Rejected(f"not a record id: {record_id!r}", code="MALFORMED_ID")
    return record_id


def job_of(job_id: str) -> str:
    """Name a Bulk job in an address: the org has made its id up, which is nobody's to judge."""
    return quote(job_id, safe="")


def at_most(most: int, rows: Sequence[object]) -> None:
    if not 0 < len(rows) <= most:
        raise ValueError(f"a collection call takes 1 to {most} rows, not {len(rows)}")


def _iso(instant: datetime) -> str:
    return instant.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def create_query_job(soql: str, *, include_deleted: bool) -> Call:
    form = {"operation": "queryAll" if include_deleted else "query", "query": soql}
    body = _ENCODER.encode(form)
    return Call("bulk", "POST", "jobs/query", body, JSON)


def query_job(job_id: str) -> Call:
    return Call("bulk", "GET", f"jobs/query/{job_of(job_id)}")


def query_results(job_id: str, *, locator: str | None, max_records: int | None) -> Call:
    asked = {"locator": locator, "maxRecords": max_records}
    query = urlencode({name: value for name, value in asked.items() if value is not None})
    path = f"jobs/query/{job_of(job_id)}/results"
    return Call("bulk", "GET", f"{path}?{query}" if query else path, headers={"Accept": "text/csv"})


def result_pages(job_id: str, next_url: str | None) -> Call:
    return Call("bulk", "GET", next_url or f"jobs/query/{job_of(job_id)}/resultPages")


def abort_query_job(job_id: str) -> Call:
    body = _ENCODER.encode({"state": "Aborted"})
    headers = JSON
    return Call("bulk", "PATCH", f"jobs/query/{job_of(job_id)}", body, headers)


def delete_query_job(job_id: str) -> Call:
    return Call("bulk", "DELETE", f"jobs/query/{job_of(job_id)}")
