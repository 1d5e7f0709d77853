"""What sObjects there are, how they are built, and which of their records changed."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING

from emulator.clock import http_date
from emulator.conditions import require_unmodified, unchanged
from emulator.errors import ApiError
from emulator.exchange import json_answer
from emulator.routes import Route

if TYPE_CHECKING:
    from emulator.exchange import Answer, Request
    from emulator.rest import Rest


def describe_global(rest: Rest, request: Request) -> Answer:
    modified = rest.instance.org.schema_modified()
    require_unmodified(request, modified)
    if same := unchanged(request, modified):
        return same
    document = rest.instance.org.describe_global(version=request.version)
    return json_answer(document).adding({"last-modified": http_date(modified)})


def basic(rest: Rest, request: Request, sobject: str) -> Answer:
    described = rest.instance.org.describe(sobject)
    entries = rest.instance.org.describe_global(version=request.version)["sobjects"]
    entry = next(entry for entry in entries if entry["name"] == described["name"])
    return json_answer({"objectDescribe": entry, "recentItems": []})


def describe(rest: Rest, request: Request, sobject: str) -> Answer:
    document = rest.instance.org.describe(sobject, version=request.version)
    modified = rest.instance.org.schema_modified(sobject)
    require_unmodified(request, modified)
    if same := unchanged(request, modified):
        return same
    return json_answer(document).adding({"last-modified": http_date(modified)})


def updated(rest: Rest, request: Request, sobject: str) -> Answer:
    start, end = _window(request)
    return json_answer(rest.instance.org.updated(sobject, start, end))


def deleted(rest: Rest, request: Request, sobject: str) -> Answer:
    start, end = _window(request)
    return json_answer(rest.instance.org.deleted(sobject, start, end))


def _window(request: Request) -> tuple[datetime, datetime]:
    return _moment(request, "start"), _moment(request, "end")


def _moment(request: Request, name: str) -> datetime:
    """Read a bound of the window; an unencoded `+` of the offset arrives as a blank."""
    text = request.query.get(name, "")
    if not text:
        raise ApiError(400, "MISSING_ARGUMENT", f"The required argument '{name}' is missing")
    try:
        moment = datetime.fromisoformat(text.strip().replace(" ", "+"))
    except ValueError as error:
        raise _bad_date(text) from error
    if moment.tzinfo is None:
        raise _bad_date(text)
    return moment


def _bad_date(text: str) -> ApiError:
    return ApiError(400, "INVALID_REPLICATION_DATE", f"'{text}' is not a valid date and time")


ROUTES = [
    Route("GET", "sobjects", "describe.global", describe_global),
    Route("GET", "sobjects/{sobject}", "sobjects.basic", basic),
    Route("GET", "sobjects/{sobject}/describe", "describe", describe),
    Route("GET", "sobjects/{sobject}/updated", "updated", updated),
    Route("GET", "sobjects/{sobject}/deleted", "deleted", deleted),
]
