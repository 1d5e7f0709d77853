"""One command's whole life: asked beside what now stands, waits, attempts; and what to do."""

import json
from typing import Any

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute

from console.access.route import route
from console.pages.frame import back, form, show
from console.problems import Problem
from models import by_name
from models.api_key import Scope
from models.command import Conflict
from models.edit import Edit
from models.outbox import OutboxEntry
from pipelines import life, moves, telling, typed
from pipelines.describes import Describes
from pipelines.moves import DISCARDABLE, RETRYABLE, Moved
from store.revival import CONFLICTS
from worker.app import App

_FIELD, _WAS = "field.", "was."


def routes(parts: App) -> list[BaseRoute]:
    """Answer at /commands/{command_id} and below."""

    def command(request: Request) -> Response:
        with parts.store.read() as tx:
            found = life.look(tx, _id(request), now=parts.clock())
        entry = found.entry
        asked = entry.fields if isinstance(entry.fields, dict) else {"": entry.fields}
        return show(
            request,
            parts,
            "command.html",
            life=found,
            entry=entry,
            facts=list(telling.facts(found)),
            asked=asked,
            value_text=telling.value_text,
            typed=_typed,
            record=_record(entry),
            retryable=entry.state in RETRYABLE,
            discardable=entry.state in DISCARDABLE,
            conflicts=list(Conflict),
            is_conflict=entry.error_code in CONFLICTS,
        )

    def retry(request: Request) -> Response:
        overwrite = "overwrite" in form(request)
        with parts.store.begin() as tx:
            by = _by(request, parts)
            done = moves.retry(tx, [_id(request)], overwrite=overwrite, **by)
        return _told(request, done, "retried")

    def discard(request: Request) -> Response:
        with parts.store.begin() as tx:
            done = moves.discard(tx, [_id(request)], **_by(request, parts))
        return _told(request, done, "discarded")

    def edit(request: Request) -> Response:
        given = form(request)
        with parts.store.read() as tx:
            entry = life.known(tx, _id(request))
        describes = Describes(client=None, store=parts.store, clock=parts.clock)
        fields = typed.filled_in(_changed(given), entry.sobject, describes=describes)
        manners = _manners(given)
        if not fields and not manners:
            raise Problem(400, "nothing was changed: to send it as it is, use Retry")
        with parts.store.begin() as tx:
            change = Edit(values=fields, manners=manners)
            done = moves.edit(tx, [entry.id], change, **_by(request, parts))
        return _told(request, done, "edited")

    operate: dict[str, Any] = {"scope": Scope.OPERATE, "methods": ("POST",)}
    return [
        route("/commands/{command_id}", command, scope=Scope.READ),
        route("/commands/{command_id}/retry", retry, **operate),
        route("/commands/{command_id}/discard", discard, **operate),
        route("/commands/{command_id}/edit", edit, **operate),
    ]


def _by(request: Request, parts: App) -> dict[str, Any]:
    """Say who does it, and when."""
    return {"operator": request.state.operator, "now": parts.clock()}


def _id(request: Request) -> str:
    return str(request.path_params["command_id"]).lower()


def _told(request: Request, done: Moved, said: str) -> Response:
    path, number = f"/commands/{_id(request)}", len(done.own) + len(done.along)
    if not number:
        return back(path, "unmoved")
    if said == "edited":
        return back(path, said)
    return back(path, "along" if done.along else said, number)


def _typed(value: Any) -> str:
    """Write a value as it would be typed, so that what is left alone stays what it is."""
    if value is None:
        return ""
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def _changed(given: dict[str, str]) -> dict[str, str]:
    """Take the fields whose text is no longer what the page showed, and one more that is named."""
    found = {
        name.removeprefix(_FIELD): text
        for name, text in given.items()
        if name.startswith(_FIELD)
        if text != given.get(f"{_WAS}{name.removeprefix(_FIELD)}")
    }
    if more := given.get("more", "").strip():
        found[more] = given.get("more_value", "")
    return found


def _manners(given: dict[str, str]) -> dict[str, Any]:
    chosen = given.get("on_conflict", "")
    return {"on_conflict": Conflict(chosen)} if chosen in set(Conflict) else {}


def _record(entry: OutboxEntry) -> str | None:
    """Give the page of the record that it is about, if the store may hold it."""
    record_id = entry.result_id or entry.record_id
    try:
        return f"/records/{by_name(entry.sobject).sobject}/{record_id}" if record_id else None
    except LookupError:
        return None
