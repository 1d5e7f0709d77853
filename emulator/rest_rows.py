"""Single rows: create, read, update, delete, by Id and by external id."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from emulator.clock import http_date
from emulator.conditions import dated, entity_tag, match_tags, require_unmodified, unchanged
from emulator.errors import ApiError, not_found
from emulator.exchange import empty, json_answer
from emulator.routes import Route

if TYPE_CHECKING:
    from emulator.exchange import Answer, Request
    from emulator.rest import Rest

CREATED_IN_ANSWER = 46.0  # before, an upsert that updated answered 204 without a body


def create(rest: Rest, request: Request, sobject: str) -> Answer:
    fields = _payload(request)
    record_id = rest.instance.org.create(sobject, fields, user_id=request.user_id)
    location = f"/services/data/v{request.version}/sobjects/{sobject}/{record_id}"
    return _saved(record_id, 201).adding({"location": location})


def read(rest: Rest, request: Request, sobject: str, record_id: str) -> Answer:
    org = rest.instance.org
    document = org.retrieve(sobject, record_id, _fields(request), version=request.version)
    modified = org.last_modified(sobject, record_id)
    tag = entity_tag(sobject, record_id[:15], modified)
    require_unmodified(request, modified)
    if same := match_tags(request, tag) or unchanged(request, modified):
        return same
    tags = {"etag": tag} if tag else {}
    return json_answer(document).adding({"last-modified": http_date(modified), **tags})


def update(rest: Rest, request: Request, sobject: str, record_id: str) -> Answer:
    org = rest.instance.org
    fields, since = _payload(request), dated(request, "if-unmodified-since")
    if "if-match" in request.headers or "if-none-match" in request.headers:
        modified = org.last_modified(sobject, record_id)
        match_tags(request, entity_tag(sobject, record_id[:15], modified))
    org.update(sobject, record_id, fields, user_id=request.user_id, unmodified_since=since)
    return empty()


def delete(rest: Rest, request: Request, sobject: str, record_id: str) -> Answer:
    rest.instance.org.delete(sobject, record_id, user_id=request.user_id)
    return empty()


def create_by_id(rest: Rest, request: Request, sobject: str, record_id: str) -> Answer:
    """Answer `POST sobjects/X/Id`, which creates; nothing else can be posted to a row."""
    if record_id.lower() != "id":
        raise ApiError(405, "METHOD_NOT_ALLOWED", "HTTP Method 'POST' not allowed.")
    return create(rest, request, sobject)


def read_external(rest: Rest, request: Request, sobject: str, field: str, value: str) -> Answer:
    found = _find(rest, sobject, field, value)
    if len(found) > 1:
        return _choices(request, sobject, found)
    return read(rest, request, sobject, found[0])


def upsert(rest: Rest, request: Request, sobject: str, field: str, value: str) -> Answer:
    if field.lower() == "id":
        update(rest, request, sobject, value)
        return _upserted(request, value, created=False)
    found = rest.instance.org.find_by_external_id(sobject, field, value)
    if len(found) > 1:
        return _choices(request, sobject, found)
    if found and "if-unmodified-since" in request.headers:
        require_unmodified(request, rest.instance.org.last_modified(sobject, found[0]))
    record_id, created = rest.instance.org.upsert(
        sobject,
        field,
        value,
        _payload(request),
        user_id=request.user_id,
        update_only=request.query.get("updateOnly", "").lower() == "true",
    )
    return _upserted(request, record_id, created=created)


def delete_external(rest: Rest, request: Request, sobject: str, field: str, value: str) -> Answer:
    found = _find(rest, sobject, field, value)
    if len(found) > 1:
        return _choices(request, sobject, found)
    return delete(rest, request, sobject, found[0])


def _payload(request: Request) -> dict[str, Any]:
    fields = request.fields()
    fields.pop("attributes", None)
    return fields


def _fields(request: Request) -> list[str] | None:
    names = [name.strip() for name in request.query.get("fields", "").split(",")]
    return [name for name in names if name] or None


def _find(rest: Rest, sobject: str, field: str, value: str) -> list[str]:
    if field.lower() == "id":
        return [value]
    found = rest.instance.org.find_by_external_id(sobject, field, value)
    if not found:
        raise not_found()
    return found


def _saved(record_id: str, status: int) -> Answer:
    return json_answer({"id": record_id, "success": True, "errors": []}, status)


def _upserted(request: Request, record_id: str, *, created: bool) -> Answer:
    if not created and float(request.version) < CREATED_IN_ANSWER:
        return empty()
    body = {"id": record_id, "success": True, "errors": [], "created": created}
    return json_answer(body, 201 if created else 200)


def _choices(request: Request, sobject: str, found: list[str]) -> Answer:
    root = f"/services/data/v{request.version}/sobjects/{quote(sobject)}"
    return json_answer([f"{root}/{record_id}" for record_id in found], 300)


ROUTES = [
    Route("POST", "sobjects/{sobject}", "sobjects.create", create),
    Route("GET", "sobjects/{sobject}/{record_id}", "sobjects.read", read),
    Route("PATCH", "sobjects/{sobject}/{record_id}", "sobjects.update", update),
    Route("DELETE", "sobjects/{sobject}/{record_id}", "sobjects.delete", delete),
    Route("POST", "sobjects/{sobject}/{record_id}", "sobjects.create", create_by_id),
    Route("GET", "sobjects/{sobject}/{field}/{value}", "sobjects.read", read_external),
    Route("PATCH", "sobjects/{sobject}/{field}/{value}", "sobjects.upsert", upsert),
    Route("DELETE", "sobjects/{sobject}/{field}/{value}", "sobjects.delete", delete_external),
]
