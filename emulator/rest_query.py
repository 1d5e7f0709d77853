"""Queries and their next pages."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from emulator import virtual
from emulator.errors import ApiError
from emulator.exchange import JSON, Answer, json_answer
from emulator.routes import Route

if TYPE_CHECKING:
    from emulator.exchange import Request
    from emulator.rest import Rest
    from emulator.soql.render import Rendered

SMALLEST_PAGE, LARGEST_PAGE = 200, 2000
BATCH_SIZE = re.compile(r"batchSize\s*=\s*(\d+)", re.IGNORECASE)
LIMIT = re.compile(r"\blimit\s+\d+", re.IGNORECASE)
SELECT_LIST = re.compile(r"\s*SELECT\s+(.*?)\s+FROM\s+(\w+)", re.IGNORECASE | re.DOTALL)


def query(rest: Rest, request: Request) -> Answer:
    if request.query.get("columns", "").lower() == "true":
        return json_answer(_columns(rest, _soql(request)))
    return _run(rest, request, include_deleted=False)


def query_all(rest: Rest, request: Request) -> Answer:
    return _run(rest, request, include_deleted=True)


def query_more(rest: Rest, request: Request, locator: str) -> Answer:
    return _page(rest.instance.org.query_more(locator, version=request.version), request)


def _run(rest: Rest, request: Request, *, include_deleted: bool) -> Answer:
    if found := virtual.answer(rest.instance, _soql(request), request.user_id):
        return json_answer(found)
    rendered = rest.instance.org.query(
        _soql(request),
        version=request.version,
        include_deleted=include_deleted,
        batch_size=_batch_size(request),
    )
    return _page(rendered, request)


def _soql(request: Request) -> str:
    soql = request.query.get("q", "")
    if not soql.strip():
        raise ApiError(400, "MALFORMED_QUERY", "SOQL statement is required")
    return soql


def _batch_size(request: Request) -> int:
    """Read the page size asked for; the header is a hint, so nonsense means the default."""
    found = BATCH_SIZE.search(request.headers.get("sforce-query-options", ""))
    wanted = int(found[1]) if found else LARGEST_PAGE
    return min(max(wanted, SMALLEST_PAGE), LARGEST_PAGE)


def _page(rendered: Rendered, request: Request) -> Answer:
    if request.takes_gzip:
        return Answer(200, rendered.gzip, {**JSON, "content-encoding": "gzip"})
    return Answer(200, rendered.plain, JSON)


def _columns(rest: Rest, soql: str) -> dict[str, Any]:
    """Describe the columns of a query without its rows, as the sf CLI asks before printing."""
    rest.instance.org.query_rows(LIMIT.sub("", soql) + " LIMIT 1")
    found = SELECT_LIST.match(soql)
    if found is None:
        raise ApiError(400, "MALFORMED_QUERY", "unexpected token")
    described = rest.instance.org.describe(found[2])
    fields = {field["name"].lower(): field for field in described["fields"]}
    names = [name.strip() for name in found[1].split(",")]
    return {
        "columnMetadata": [_column(name, fields.get(name.lower(), {})) for name in names],
        "entityName": described["name"],
        "groupBy": False,
        "idSelected": "id" in {name.lower() for name in names},
        "keyPrefix": described.get("keyPrefix"),
    }


def _column(name: str, field: dict[str, Any]) -> dict[str, Any]:
    kind = field.get("type", "string")
    number = kind in {"int", "long", "double", "currency", "percent"}
    return {
        "aggregate": "(" in name,
        "apexType": {"id": "Id", "reference": "Id"}.get(kind, kind.capitalize()),
        "booleanType": kind == "boolean",
        "columnName": field.get("name", name),
        "custom": bool(field.get("custom")),
        "displayName": field.get("name", name),
        "foreignKeyName": None,
        "insertable": bool(field.get("createable")),
        "joinColumns": [],
        "numberType": number,
        "textType": not number and kind not in {"boolean", "date", "datetime"},
        "updatable": bool(field.get("updateable")),
    }


ROUTES = [
    Route("GET", "query", "query", query),
    Route("GET", "queryAll", "queryAll", query_all),
    Route("GET", "query/{locator}", "query.more", query_more),
    Route("GET", "queryAll/{locator}", "query.more", query_more),
]
