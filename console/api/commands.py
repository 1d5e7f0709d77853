"""Commands over HTTP: handed in at the desk, and looked up by their id."""

from typing import Any

import msgspec
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute

from console.access.csrf import kind
from console.access.route import route
from console.problems import Problem
from models.api_key import Scope
from models.command import Command, InvalidCommand
from models.outbox import Attempt, OutboxEntry
from pipelines.receipts import Refused
from store import outbox
from worker.app import App

_SHOWN = (
    "id",
    "op",
    "sobject",
    "record_id",
    "external_id_field",
    "external_id",
    "fields",
    "idempotency_key",
    "state",
    "attempts",
    "error_code",
    "error_message",
    "result_id",
    "submitted_at",
    "finished_at",
)
_TRIED = ("number", "started_at", "finished_at", "outcome", "error_code", "error_message")


def routes(parts: App) -> list[BaseRoute]:
    """Answer at /v1/commands."""

    def submit(request: Request) -> Response:
        return _said(_accepted(parts, request), 202)

    def show(request: Request) -> Response:
        command_id = request.path_params["command_id"]
        with parts.store.read() as tx:
            entry = outbox.get(tx, command_id)
            attempts = outbox.attempts(tx, entry.id) if entry else []
        if entry is None:
            raise Problem(404, f"there is no command {command_id}")
        return _said(_life(entry, attempts))

    return [
        route("/v1/commands", submit, scope=Scope.SUBMIT, methods=("POST",)),
        route("/v1/commands/{command_id}", show, scope=Scope.READ),
    ]


def _said(document: Any, status: int = 200) -> Response:
    return Response(msgspec.json.encode(document), status, media_type="application/json")


def _accepted(parts: App, request: Request) -> dict[str, Any]:
    """Accept one command; the same idempotency key is the same command."""
    if kind(request) != "application/json":
        raise Problem(415, "send a command as application/json")
    try:
        form = msgspec.json.decode(request.state.body)
        key = request.headers.get("idempotency-key")
        if key and isinstance(form, dict):
            if form.get("idempotency_key") not in {None, key}:
                raise Problem(400, "header and body name different keys")
            form["idempotency_key"] = key
        (receipt,) = parts.desk.submit([Command.from_json(form)])
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise Problem(400, f"not JSON: {error}") from None
    except InvalidCommand as error:
        raise Problem(400, str(error)) from None
    except Refused as error:
        found = [one for refusal in error.refusals for one in refusal.problems]
        details = [{"code": one.code, "field": one.field, "message": one.message} for one in found]
        raise Problem(422, "; ".join(map(str, found)), problems=details) from None
    return {"id": receipt.id, "repeated": receipt.repeated, "url": f"/v1/commands/{receipt.id}"}


def _life(entry: OutboxEntry, attempts: list[Attempt]) -> dict[str, Any]:
    shown = {name: getattr(entry, name) for name in _SHOWN}
    return shown | {"history": [{name: getattr(a, name) for name in _TRIED} for a in attempts]}
