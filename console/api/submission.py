"""Commands handed in over HTTP: one, or several that are stored all or none."""

from collections.abc import Iterable
from typing import Annotated, Any

import msgspec
from msgspec import Meta
from starlette.requests import Request

from console.api.forms import CommandForm, Key, ReceiptDocument, ReceiptsDocument
from console.api.operation import JSON, Asked, Body, Operation, decoded
from console.problems import Problem
from models.api_key import Scope
from models.command import Command
from pipelines.receipts import Receipt
from pipelines.submit import submitted
from worker.app import App

NDJSON = "application/x-ndjson"
KEY = "Idempotency-Key"
Several = Annotated[list[CommandForm], Meta(min_length=1)]
Lines = Annotated[str, Meta(min_length=1, description="one command, as JSON, a line")]


def receipt(one: Receipt) -> dict[str, Any]:
    return {"id": one.id, "repeated": one.repeated, "url": f"/v1/commands/{one.id}"}


def _submit(parts: App, asked: Asked) -> dict[str, Any]:
    forms, is_one = asked.body
    key = asked.request.headers.get(KEY)
    commands = [Command.from_json(form) for form in _keyed(forms, key, is_one=is_one)]
    receipts = parts.desk.submit(
        commands, operator=asked.operator, beside=submitted(asked.operator, parts.clock)
    )
    if is_one:
        return receipt(receipts[0])
    repeated = sum(one.repeated for one in receipts)
    return {
        "accepted": len(receipts),
        "repeated": repeated,
        "receipts": [receipt(one) for one in receipts],
    }


def _keyed(forms: list[Any], key: str | None, *, is_one: bool) -> Iterable[Any]:
    """Give each command the request's key, several ones with their places behind it."""
    for place, form in enumerate(forms, start=1):
        if not key or not isinstance(form, dict):
            yield form
            continue
        own = form.get("idempotency_key")
        if is_one and own not in {None, key}:
            raise Problem(422, f"{KEY} and the command itself name different keys")
        yield {**form, "idempotency_key": own or (key if is_one else f"{key}/{place}")}


def _read_json(request: Request) -> tuple[list[Any], bool]:
    found = decoded(msgspec.json.decode, request.state.body)
    if not isinstance(found, list):
        return [found], True
    if not found:
        raise Problem(400, "an empty array holds no command")
    return found, False


def _read_lines(request: Request) -> tuple[list[Any], bool]:
    lines = request.state.body.splitlines()
    found = [_line(number, line) for number, line in enumerate(lines, start=1) if line.strip()]
    if not found:
        raise Problem(400, "there is no line with a command on it")
    return found, False


def _line(number: int, line: bytes) -> Any:
    try:
        return decoded(msgspec.json.decode, line)
    except Problem as error:
        raise Problem(400, f"line {number}: {error}") from None


OPERATIONS = (
    Operation(
        method="POST",
        path="/v1/commands",
        scope=Scope.SUBMIT,
        name="submit_commands",
        summary="Accept a command, or several: all of them, or none",
        does=_submit,
        answer=(ReceiptDocument, ReceiptsDocument),
        status=202,
        headers={KEY: Key},
        bodies={
            JSON: Body((CommandForm, Several), _read_json),
            NDJSON: Body(Lines, _read_lines),
        },
        refusals=frozenset({422}),
    ),
)
