"""Commands over HTTP: handed in at the desk, and looked up by their id."""

from typing import Any

import msgspec

from console.request import JSON, Answer, Request, document, problem
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


def submit(parts: App, request: Request) -> Answer:
    """Accept one command; the same idempotency key is the same command."""
    # No page of somebody else's can send this type without asking us first.
    if request.headers.get("content-type", "").partition(";")[0].strip().lower() != JSON:
        return problem(415, "Unsupported Media Type", f"send a command as {JSON}")
    try:
        form = msgspec.json.decode(request.body)
        key = request.headers.get("idempotency-key")
        if key and isinstance(form, dict):
            if form.get("idempotency_key") not in {None, key}:
                return problem(400, "Bad Request", "header and body name different keys")
            form["idempotency_key"] = key
        (receipt,) = parts.desk.submit([Command.from_json(form)])
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        return problem(400, "Bad Request", f"not JSON: {error}")
    except InvalidCommand as error:
        return problem(400, "Bad Request", str(error))
    except Refused as error:
        found = [one for refusal in error.refusals for one in refusal.problems]
        details = [{"code": one.code, "field": one.field, "message": one.message} for one in found]
        return problem(422, "Refused", "; ".join(map(str, found)), problems=details)
    said = {"id": receipt.id, "repeated": receipt.repeated, "url": f"/v1/commands/{receipt.id}"}
    return document(said, 202)


def show(parts: App, command_id: str) -> Answer:
    """Tell one command's life so far."""
    with parts.store.read() as tx:
        entry = outbox.get(tx, command_id)
        attempts = outbox.attempts(tx, entry.id) if entry else []
    if entry is None:
        return problem(404, "Not Found", f"there is no command {command_id}")
    return document(_life(entry, attempts))


def _life(entry: OutboxEntry, attempts: list[Attempt]) -> dict[str, Any]:
    shown = {name: getattr(entry, name) for name in _SHOWN}
    return shown | {"history": [{name: getattr(a, name) for name in _TRIED} for a in attempts]}
