"""Carries out what the fault script decided: before a request is answered, and on its way out."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import msgspec

from emulator.errors import ApiError
from emulator.exchange import Answer, error_answer, html_answer, inflate
from emulator.oauth import oauth_answer
from emulator.rows import row_lock

if TYPE_CHECKING:
    from emulator.exchange import Request
    from emulator.instance import Instance

OAUTH = "/services/oauth2/"
MANY_ROWS = ("/composite", "/jobs/ingest/", "/ui-api/records")
SORRY = """<html><head><title>Server unavailable</title></head>
<body><h1>We are down for maintenance.</h1><p>{message}</p></body></html>
"""


def befall(instance: Instance, request: Request, deeds: dict[str, Any]) -> None:
    """Change the state of the org: sessions ended, grants revoked, limits spent."""
    registry = instance.registry
    if deeds.get("expire") == "session":
        registry.sessions.pop(request.token or "", None)
    if deeds.get("revoke") == "grant":
        session = registry.session(request.token)
        found = registry.find_grant(request.form().get("refresh_token", ""))
        grant = session.grant if session else found[0] if found else None
        if grant is not None:
            registry.revoke(grant)
    if deeds.get("limit") == "spent":
        instance.limits.spend_all()


def instead(request: Request, deeds: dict[str, Any]) -> Answer | None:
    """Return the answer that takes the place of the real one, if there is to be one."""
    if "status" in deeds and not deeds.get("applied"):
        return outage(request, deeds)
    if deeds.get("lock") and not any(part in request.path for part in MANY_ROWS):
        return error_answer(row_lock())
    return None


def outage(request: Request, deeds: dict[str, Any]) -> Answer:
    status, headers = int(deeds["status"]), deeds.get("headers", {})
    message = deeds.get("message", "The server is unavailable")
    if deeds.get("html"):
        answer = html_answer(SORRY.format(message=message), status)
    elif request.path.startswith(OAUTH):
        answer = oauth_answer(deeds.get("code", "unknown_error"), message, status)
    else:
        answer = error_answer(ApiError(status, deeds.get("code", "UNKNOWN_EXCEPTION"), message))
    return answer.adding(headers)


def distort(answer: Answer, deeds: dict[str, Any]) -> Answer:
    """Have a good answer say something else: keys of its object changed or gone, records lost."""
    alter, keep = deeds.get("alter"), deeds.get("shorten")
    if (alter is None and keep is None) or not answer.body:
        return answer
    headers = dict(answer.headers)
    document = msgspec.json.decode(inflate(answer.body, headers.pop("content-encoding", "")))
    if not isinstance(document, dict):
        return answer
    if keep is not None and isinstance(document.get("records"), list):
        document["records"] = document["records"][:keep]
    changed = {**document, **(alter or {})}
    kept = {name: value for name, value in changed.items() if value is not None}
    return Answer(answer.status, msgspec.json.encode(kept), headers)


def lock(request: Request, deeds: dict[str, Any]) -> Request:
    """Mark the rows of a collection, or subrequests of a composite, that meet a lock."""
    wanted = deeds.get("lock")
    if not wanted:
        return request
    numbers = [1] if wanted is True else wanted if isinstance(wanted, list) else [wanted]
    return replace(request, locked=frozenset(int(number) for number in numbers))
