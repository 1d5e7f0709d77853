"""Commands over HTTP: looked at, and moved by whoever may."""

from datetime import datetime
from typing import Annotated, Any
from uuid import UUID

import msgspec
from msgspec import UNSET, Meta, UnsetType

from console.api.cursor import place_of, text_of
from console.api.forms import (
    AttemptDocument,
    CommandDocument,
    CommandsDocument,
    EditForm,
    Instant,
    LifeDocument,
    MovedDocument,
    RetryForm,
    Text,
)
from console.api.operation import Asked, Operation, json_body
from console.problems import Problem
from models.api_key import Scope
from models.columns import utc
from models.command import Command
from models.edit import Edit
from models.outbox import CommandState, OutboxEntry
from pipelines import moves
from pipelines.actions import within_range
from pipelines.life import known, look
from pipelines.moves import Moved
from store import paging
from store.listing import Choice
from worker.app import App

InstantText = Annotated[str, Meta(extra_json_schema={"format": "date-time"})]
_ONE = "/v1/commands/{command_id}"


class CommandPath(msgspec.Struct, forbid_unknown_fields=True):
    """Which command."""

    command_id: UUID


class CommandsQuery(
    msgspec.Struct, kw_only=True, forbid_unknown_fields=True, rename={"sobject": "object"}
):
    """Which commands; an age counts from when one was finished, or, while open, submitted."""

    state: list[CommandState] = []
    sobject: Text | UnsetType = UNSET
    code: Text | UnsetType = UNSET
    before: InstantText | UnsetType = UNSET
    after: InstantText | UnsetType = UNSET
    limit: Annotated[int, Meta(ge=1, le=500)] = 50
    cursor: Annotated[str, Meta(pattern=r"^[A-Za-z0-9_-]+$")] | UnsetType = UNSET


def entry_document(entry: OutboxEntry) -> dict[str, Any]:
    """Tell what a command is and how it stands."""
    return {name: getattr(entry, name) for name in CommandDocument.__struct_fields__}


def _list(parts: App, asked: Asked) -> dict[str, Any]:
    query: CommandsQuery = asked.query
    choice = Choice(
        states=tuple(query.state),
        sobject=_set(query.sobject),
        code=_set(query.code),
        before=_instant(query.before),
        after=_instant(query.after),
    )
    after = place_of(query.cursor) if query.cursor is not UNSET else paging.Place()
    with within_range(), parts.store.read() as tx:
        found = paging.page(tx, choice, limit=query.limit, after=after)
    return {
        "commands": [entry_document(one) for one in found.entries],
        "next": text_of(found.end) if found.end else None,
    }


def _set(value: Any) -> Any:
    return None if value is UNSET else value


def _instant(text: str | UnsetType) -> datetime | None:
    """Read an instant by the letter: in addresses msgspec takes seconds since 1970, too."""
    if text is UNSET:
        return None
    try:
        return utc(msgspec.convert(text, Instant))
    except ValueError as error:
        raise Problem(400, f"{text!r} is no instant like 2026-01-31T09:00:00Z: {error}") from None


def _show(parts: App, asked: Asked) -> dict[str, Any]:
    with parts.store.read() as tx:
        life = look(tx, str(asked.path.command_id), now=parts.clock())
    names = AttemptDocument.__struct_fields__
    return entry_document(life.entry) | {
        "history": [{name: getattr(one, name) for name in names} for one in life.tries],
        "stands": life.stands,
        "parents": life.parents,
        "waits": life.wait,
        "folded_into": life.folded_into,
        "carries": life.riders,
    }


def _retry(parts: App, asked: Asked) -> dict[str, Any]:
    command_id, now = str(asked.path.command_id), parts.clock()
    overwrite = asked.body.overwrite
    with parts.store.begin() as tx:
        known(tx, command_id)
        moved = moves.retry(tx, [command_id], operator=asked.operator, now=now, overwrite=overwrite)
        return _moved(moved, "is neither rejected nor dead")


def _discard(parts: App, asked: Asked) -> dict[str, Any]:
    command_id, now = str(asked.path.command_id), parts.clock()
    with parts.store.begin() as tx:
        known(tx, command_id)
        moved = moves.discard(tx, [command_id], operator=asked.operator, now=now)
        return _moved(moved, "is under way, or finished for good")


def _edit(parts: App, asked: Asked) -> dict[str, Any]:
    command_id, now, form = str(asked.path.command_id), parts.clock(), asked.body
    manners = form.given()
    fields = manners.pop("fields", {})
    if not fields and not manners:
        raise Problem(422, "nothing to edit: name fields, or how it is to be done")
    with parts.store.begin() as tx:
        entry = known(tx, command_id)
        # What is wrong with it by itself is said at once; the rest by the check before sending.
        checked = Command.from_json(
            {"op": "update", "sobject": entry.sobject, "fields": fields, **manners}
        )
        manners = {name: getattr(checked, name) for name in manners}
        change = Edit(values=fields, manners=manners)
        moved = moves.edit(tx, [command_id], change, operator=asked.operator, now=now)
        return _moved(moved, "is neither rejected nor dead")


def _moved(moved: Moved, otherwise: str) -> dict[str, Any]:
    if not moved.own:
        raise Problem(409, f"this command {otherwise}: look at its state")
    return {"moved": moved.own, "along": moved.along, "overwriting": moved.overwriting}


def _move(name: str, does: Any, summary: str, **more: Any) -> Operation:
    return Operation(
        method="POST",
        path=f"{_ONE}/{name}",
        scope=Scope.OPERATE,
        name=f"{name}_command",
        summary=summary,
        does=does,
        answer=MovedDocument,
        parameters=CommandPath,
        refusals=frozenset({404, 409, 422}),
        **more,
    )


OPERATIONS = (
    Operation(
        method="GET",
        path="/v1/commands",
        scope=Scope.READ,
        name="list_commands",
        summary="Commands in pages: open ones, then finished ones, each the youngest first",
        does=_list,
        answer=CommandsDocument,
        query=CommandsQuery,
        refusals=frozenset({422}),
    ),
    Operation(
        method="GET",
        path=_ONE,
        scope=Scope.READ,
        name="get_command",
        summary="One command's life so far, with every attempt",
        does=_show,
        answer=LifeDocument,
        parameters=CommandPath,
        refusals=frozenset({404}),
    ),
    _move(
        "retry",
        _retry,
        "Return a rejected or dead command to the queue, with what failed for its sake",
        bodies=json_body(RetryForm, is_required=False),
    ),
    _move("discard", _discard, "Give a command up for good; what waits for it is rejected"),
    _move(
        "edit",
        _edit,
        "Change a rejected or dead command and return it to the queue",
        bodies=json_body(EditForm),
    ),
)
