"""Records of the User Interface API: written once for each idempotency key."""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Any

from emulator import ui
from emulator.conditions import dated
from emulator.errand import errand_of
from emulator.errors import ApiError, bad, invalid_type
from emulator.exchange import as_object, empty, json_answer
from emulator.routes import Route
from emulator.rows import row_lock

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from emulator.exchange import Answer, Request
    from emulator.rest import Rest

_TOLD = "An error occurred while trying to update the record. Please try again."


def create(rest: Rest, request: Request) -> Answer:
    return rest.instance.replays.answer(request, partial(_create, rest, request))


def update(rest: Rest, request: Request, record_id: str) -> Answer:
    return rest.instance.replays.answer(request, partial(_update, rest, request, record_id))


def delete(rest: Rest, request: Request, record_id: str) -> Answer:
    return rest.instance.replays.answer(request, partial(_delete, rest, request, record_id))


def read(rest: Rest, request: Request, record_id: str) -> Answer:
    """Answer with the fields that `fields` names, as `Case.Subject` or `Subject`, or with all."""
    sobject = _served(rest, rest.sobject_of(record_id))
    asked = f"{request.query.get('fields', '')},{request.query.get('optionalFields', '')}"
    names = [name.strip().removeprefix(f"{sobject}.") for name in asked.split(",")]
    return json_answer(_shown(rest, request, record_id, [name for name in names if name]))


def object_info(rest: Rest, request: Request, sobject: str) -> Answer:
    name = _served(rest, sobject)
    return json_answer(ui.object_info(rest.instance.org.describe(name, version=request.version)))


def _create(rest: Rest, request: Request) -> Answer:
    body, org = request.fields(), rest.instance.org
    if not isinstance(body.get("apiName"), str):
        raise bad("MISSING_ARGUMENT", "apiName is required", "apiName")
    sobject = _served(rest, body["apiName"])
    with _errand(rest, request, body):
        record_id = org.create(sobject, _fields(body), user_id=request.user_id)
    return json_answer(_shown(rest, request, record_id), 201)


def _update(rest: Rest, request: Request, record_id: str) -> Answer:
    """Update a record; that `If-Unmodified-Since` guards it as in REST is unverified."""
    body, org = request.fields(), rest.instance.org
    sobject = _served(rest, rest.sobject_of(record_id))
    since = dated(request, "if-unmodified-since")
    with _errand(rest, request, body):
        org.update(
            sobject, record_id, _fields(body), user_id=request.user_id, unmodified_since=since
        )
    return json_answer(_shown(rest, request, record_id))


def _delete(rest: Rest, request: Request, record_id: str) -> Answer:
    sobject = _served(rest, rest.sobject_of(record_id))
    with _errand(rest, request, {}):
        rest.instance.org.delete(sobject, record_id, user_id=request.user_id)
    return empty()


@contextmanager
def _errand(rest: Rest, request: Request, body: dict[str, Any]) -> Iterator[None]:
    """Go on the errand of the request, which the body may allow to save a duplicate."""
    errand = errand_of(request, "ui")
    allow_save = errand.allow_save or body.get("allowSaveOnDuplicate") is True
    try:
        if request.locked:
            raise row_lock()
        with rest.instance.org.errand(replace(errand, allow_save=allow_save)):
            yield
    except ApiError as error:
        raise _with_output(error) from error


def _with_output(error: ApiError) -> ApiError:
    """Wrap what the record was refused for, as "Error with Output" and "Record Exceptions" do."""
    fields: list[str | None] = [*error.fields] or [None]
    told = [{"errorCode": error.code, "field": field, "message": error.message} for field in fields]
    output = {
        "errors": [] if error.fields else told,
        "fieldErrors": {str(one["field"]): [one] for one in told if one["field"]},
    }
    extra = {"enhancedErrorType": "RecordError", "output": output, "statusCode": error.status}
    return ApiError(error.status, error.code, _TOLD, extra=extra)


def _fields(body: dict[str, Any]) -> dict[str, Any]:
    return as_object(body.get("fields"))


def _served(rest: Rest, name: str) -> str:
    """Return an object's proper name, or refuse it in the words of the UI API."""
    entries = rest.instance.org.describe_global()["sobjects"]
    known = next((one["name"] for one in entries if one["name"].lower() == name.lower()), None)
    if known is None:
        raise invalid_type(name)
    if known in rest.instance.replays.manners.unsupported:
        raise bad("INVALID_TYPE", f"Object {known} is not supported in UI API")
    return str(known)


def _shown(
    rest: Rest, request: Request, record_id: str, names: Sequence[str] = ()
) -> dict[str, Any]:
    org = rest.instance.org
    described = org.describe(rest.sobject_of(record_id), version=request.version)
    wanted = [*ui.AUDIT, *names] if names else [field["name"] for field in described["fields"]]
    row = org.retrieve(described["name"], record_id, wanted, version=request.version)
    return ui.record(described, row, names)


ROUTES = [
    Route("POST", "ui-api/records", "ui.create", create),
    Route("GET", "ui-api/records/{record_id}", "ui.read", read),
    Route("PATCH", "ui-api/records/{record_id}", "ui.update", update),
    Route("DELETE", "ui-api/records/{record_id}", "ui.delete", delete),
    Route("GET", "ui-api/object-info/{sobject}", "ui.objectInfo", object_info),
]
