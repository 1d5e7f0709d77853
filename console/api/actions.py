"""The 34 actions over HTTP, each at an address of its own."""

from datetime import datetime
from typing import Annotated, Any

import msgspec
from msgspec import UNSET, Meta, UnsetType
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute

from console.access.route import route
from console.api.forms import Key, ReceiptDocument, Text, WriteForm
from console.api.operation import Asked, Operation, json_body
from console.api.submission import KEY, receipt
from console.problems import Problem
from models.action import ACTIONS, Action, Verb, by_action_name
from models.api_key import Scope
from models.command import Command
from pipelines.actions import (
    FURTHEST,
    MOST,
    Question,
    Source,
    StoreAnswers,
    answer,
)
from pipelines.submit import submitted
from worker.app import App


class _Reading(msgspec.Struct, kw_only=True, forbid_unknown_fields=True, rename={"source": "from"}):
    source: Source = Source.ORG
    fields: list[Text] = []


class GetQuery(_Reading, kw_only=True):
    """Which record."""

    id: Annotated[str, Meta(pattern=r"^([A-Za-z0-9]{15}|[A-Za-z0-9]{18})$")]


class ListQuery(_Reading, kw_only=True):
    """Which records: filters are of the form `Status=New` or `Priority!=Low`."""

    where: list[Text] = []
    order: Text | UnsetType = UNSET
    limit: Annotated[int, Meta(ge=1, le=MOST)] = 50
    page: Annotated[int, Meta(ge=1, le=FURTHEST)] = 1


class SearchQuery(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    """What to look for."""

    term: Annotated[Text, Meta(min_length=2)]
    fields: list[Text] = []
    where: list[Text] = []
    limit: Annotated[int, Meta(ge=1, le=MOST)] = 50
    language: Annotated[str, Meta(pattern=r"^[a-z]{2,3}(_[A-Z]{2})?$")] = "en_US"

    source = Source.ORG


class ActionDocument(msgspec.Struct):
    """An action, and whether this profile enables it."""

    name: str
    verb: Verb
    sobject: str
    enabled: bool
    method: str
    url: str


class ActionsDocument(msgspec.Struct):
    """All actions."""

    actions: list[ActionDocument]


class RecordsDocument(msgspec.Struct):
    """What was found, and who answered; `as_of` is how far the store has read."""

    records: list[dict[str, Any]]
    source: Source
    as_of: datetime | None


_QUERIES: dict[Verb, type[msgspec.Struct]] = {
    Verb.GET: GetQuery,
    Verb.LIST: ListQuery,
    Verb.SEARCH: SearchQuery,
}
_PREFIX = "/v1/actions"


def _list(parts: App, _asked: Asked) -> dict[str, Any]:
    return {
        "actions": [
            {
                "name": one.name,
                "verb": one.verb,
                "sobject": one.sobject,
                "enabled": parts.allows(one.name),
                "method": _method(one),
                "url": f"{_PREFIX}/{one.name}",
            }
            for one in ACTIONS.values()
        ]
    }


def _read(action: Action) -> Any:
    def does(parts: App, asked: Asked) -> dict[str, Any]:
        parts.offered(action.name, asked.operator)
        query = asked.query
        answers = parts.answers(query.source)
        # What an answer may be older than is asked before it, not after.
        as_of = answers.as_of(action) if isinstance(answers, StoreAnswers) else None
        word = getattr(query, "id", None) or getattr(query, "term", None)
        found = answer(answers, action, [word] if word else [], _question(query))
        return {"records": found, "source": query.source, "as_of": as_of}

    return does


def _question(query: msgspec.Struct) -> Question:
    names = {"where", "order", "limit", "page", "fields", "language"}
    said = {name: getattr(query, name) for name in names & set(query.__struct_fields__)}
    return Question(**{name: value for name, value in said.items() if value is not UNSET})


def _write(action: Action) -> Any:
    def does(parts: App, asked: Asked) -> dict[str, Any]:
        parts.offered(action.name, asked.operator)
        form = asked.body.given()
        key = asked.request.headers.get(KEY)
        if key:
            if form.get("idempotency_key") not in {None, key}:
                raise Problem(422, f"{KEY} and the body name different keys")
            form["idempotency_key"] = key
        command = Command.from_json({"op": action.verb, "sobject": action.sobject, **form})
        beside = submitted(asked.operator, parts.clock)
        (found,) = parts.desk.submit([command], operator=asked.operator, beside=beside)
        return receipt(found)

    return does


def _operation(action: Action) -> Operation:
    path, noun = f"{_PREFIX}/{action.name}", action.name.replace("_", " ")
    if action.verb.writes:
        return Operation(
            method="POST",
            path=path,
            scope=Scope.SUBMIT,
            name=action.name,
            summary=f"Accept a command: {noun}",
            does=_write(action),
            answer=ReceiptDocument,
            status=202,
            headers={KEY: Key},
            bodies=json_body(WriteForm),
            refusals=frozenset({422}),
        )
    return Operation(
        method="GET",
        path=path,
        scope=Scope.READ,
        name=action.name,
        summary=f"Answer at once: {noun}",
        does=_read(action),
        answer=RecordsDocument,
        query=_QUERIES[action.verb],
        refusals=frozenset({404, 422}),
    )


def _method(action: Action) -> str:
    return "POST" if action.verb.writes else "GET"


def refusals() -> list[BaseRoute]:
    """Tell whoever asks for what is no action which one they may have meant."""

    def refuse(request: Request) -> Response:
        try:
            found = by_action_name(request.path_params["name"])
        except LookupError as error:
            raise Problem(404, str(error)) from None
        raise HTTPException(405, headers={"Allow": _method(found)})

    methods = ("GET", "POST")
    return [route(f"{_PREFIX}/{{name}}", refuse, scope=Scope.READ, methods=methods)]


OPERATIONS = (
    Operation(
        method="GET",
        path=_PREFIX,
        scope=Scope.READ,
        name="list_actions",
        summary="The actions by name, and which of them are enabled",
        does=_list,
        answer=ActionsDocument,
    ),
    *(_operation(one) for one in ACTIONS.values()),
)
