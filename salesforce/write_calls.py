"""Requests that write, as values: single rows, collections, articles; nothing is sent yet.

Source: REST API Developer Guide, "sObject Rows", "sObject Collections", "Assignment Rule Header",
"Duplicate Rule Header"; User Interface API Developer Guide, "Prevent Record Duplication with
Idempotent Record Writes"; Actions Developer Guide, "Knowledge Actions".
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from datetime import datetime
from decimal import Decimal
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

import msgspec

from salesforce import wire
from salesforce.calls import JSON, Call, at_most, id_of, name_of, record_path
from salesforce.errors import Rejected
from salesforce.values import PLAIN, Manner

if TYPE_CHECKING:
    from salesforce.values import ExternalId

Fields = Mapping[str, Any]

MOST_ROWS = 200
_ENCODER = msgspec.json.Encoder(decimal_format="number")


def create(sobject: str, fields: Fields, manner: Manner = PLAIN) -> Call:
    return _write("POST", f"sobjects/{name_of(sobject)}", _json(fields), manner)


def create_once(sobject: str, fields: Fields, key: str, manner: Manner = PLAIN) -> Call:
    """Create by the UI API, which replays its answer to the same key for thirty days.

    It has ways of its own to say what the headers of the REST API say.
    """
    form: dict[str, Any] = {"apiName": name_of(sobject), "fields": dict(_checked(fields))}
    if manner.allow_duplicates:
        form["allowSaveOnDuplicate"] = True
    rule = "?useDefaultRule=true" if manner.auto_assign == "true" else ""
    path = f"ui-api/records{rule}"
    return _write("POST", path, _ENCODER.encode(form), manner, {"Idempotency-Key": key})


def object_info(sobject: str) -> Call:
    return Call("describe", "GET", f"ui-api/object-info/{name_of(sobject)}")


def update(
    sobject: str,
    record_id: str,
    fields: Fields,
    unmodified_since: datetime | None,
    manner: Manner = PLAIN,
) -> Call:
    since = {"If-Unmodified-Since": wire.http_date(unmodified_since)} if unmodified_since else {}
    return _write("PATCH", record_path(sobject, record_id), _json(fields), manner, since)


def upsert(sobject: str, key: ExternalId, fields: Fields, manner: Manner = PLAIN) -> Call:
    if key.value in {"", ".", ".."}:
        raise Rejected(f"{key.value!r} cannot name a record", code="MALFORMED_ID")
    name = name_of(key.field, kind="INVALID_FIELD")
    path = f"sobjects/{name_of(sobject)}/{name}/{quote(key.value, safe='')}"
    return _write("PATCH", path, _json(fields), manner)


def delete(sobject: str, record_id: str) -> Call:
    return Call("write", "DELETE", record_path(sobject, record_id), writes=True)


def create_many(sobject: str, rows: Sequence[Fields], manner: Manner = PLAIN) -> Call:
    return _collection("POST", "composite/sobjects", sobject, rows, manner)


def update_many(sobject: str, rows: Sequence[tuple[str, Fields]], manner: Manner = PLAIN) -> Call:
    records = [{"id": id_of(record_id), **fields} for record_id, fields in rows]
    return _collection("PATCH", "composite/sobjects", sobject, records, manner)


def upsert_many(
    sobject: str, key_field: str, rows: Sequence[tuple[str, Fields]], manner: Manner = PLAIN
) -> Call:
    key = name_of(key_field, kind="INVALID_FIELD")
    records = [{key: value, **fields} for value, fields in rows]
    path = f"composite/sobjects/{name_of(sobject)}/{key}"
    return _collection("PATCH", path, sobject, records, manner)


def delete_many(ids: Sequence[str]) -> Call:
    at_most(MOST_ROWS, ids)
    path = f"composite/sobjects?ids={','.join(map(id_of, ids))}&allOrNone=false"
    return Call("write", "DELETE", path, writes=True)


def publish_article(version_id: str, *, new_version: bool) -> Call:
    action = "PUBLISH_ARTICLE_NEW_VERSION" if new_version else "PUBLISH_ARTICLE"
    given = {"articleVersionIdList": [id_of(version_id)], "pubAction": action}
    return _action("publishKnowledgeArticles", given)


def archive_article(version_id: str) -> Call:
    return _action("archiveKnowledgeArticles", {"articleVersionIdList": [id_of(version_id)]})


def delete_article(version_id: str) -> Call:
    """Delete a draft, or an archived version; what is online has to be archived first."""
    return _action("deleteKnowledgeArticles", {"articleVersionIdList": [id_of(version_id)]})


def draft_of_article(article_id: str) -> Call:
    """Open a draft of an article that is online, which stays up."""
    given = {"action": "EDIT_AS_DRAFT_ARTICLE", "unpublish": False, "articleId": id_of(article_id)}
    return _action("createDraftFromOnlineKnowledgeArticle", given)


def _action(name: str, given: Mapping[str, Any]) -> Call:
    body = _ENCODER.encode({"inputs": [given]})
    return Call("write", "POST", f"actions/standard/{name}", body, JSON, writes=True)


def _collection(
    method: str, path: str, sobject: str, rows: Sequence[Fields], manner: Manner
) -> Call:
    at_most(MOST_ROWS, rows)
    tag = {"attributes": {"type": name_of(sobject)}}
    records = [tag | dict(_checked(row)) for row in rows]
    body = _ENCODER.encode({"allOrNone": False, "records": records})
    return _write(method, path, body, manner)


def _write(
    method: str,
    path: str,
    body: bytes,
    manner: Manner,
    headers: Mapping[str, str] | None = None,
) -> Call:
    return Call(
        "write", method, path, body, {**JSON, **_manners(manner), **(headers or {})}, writes=True
    )


def _manners(manner: Manner) -> dict[str, str]:
    # Absent, the header means yes: rules that reassign owners are for people's input, not for a
    # copy that knows the owner.
    found = {"Sforce-Auto-Assign": "FALSE"}
    if manner.auto_assign:
        rule = manner.auto_assign
        found["Sforce-Auto-Assign"] = rule.upper() if rule == "true" else id_of(rule)
    if manner.allow_duplicates:
        found["Sforce-Duplicate-Rule-Header"] = "allowSave=true"
    return found


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
