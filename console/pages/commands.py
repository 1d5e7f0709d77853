"""Commands: listed and filtered, or grouped by cause; retried and discarded one, some, or all."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from typing import Any
from urllib.parse import urlencode

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute

from console.access.route import route
from console.pages.frame import back, counted, form, listed, show
from console.problems import Problem
from models.api_key import Scope
from models.edit import Edit
from models.outbox import FAILED, OPEN, CommandState
from pipelines import causes, editing, moves, prose
from pipelines.describes import Describes
from pipelines.moves import DISCARDABLE, RETRYABLE, Moved
from store import listing, outbox, tallies
from store.listing import Choice
from worker.app import App

_SHOWN = 50
_MOST = 100
"""Rows of a page: what is more is narrowed by the filter, or looked at by its cause."""
_GROUPS = 40
_CHANGES = {"rename": "is called", "set": "holds", "drop": "is left out"}
_MOVES: dict[str, Callable[..., Moved]] = {"retry": moves.retry, "discard": moves.discard}


@dataclass(frozen=True)
class Filter:
    """What was asked for, as it was typed."""

    state: str = ""
    object: str = ""
    code: str = ""
    older: str = ""
    newer: str = ""

    @classmethod
    def of(cls, given: Any) -> "Filter":
        return cls(**{name: (given.get(name) or "").strip() for name in cls.__dataclass_fields__})

    @property
    def query(self) -> dict[str, str]:
        return {name: value for name, value in vars(self).items() if value}

    def choice(self, now: datetime, default: tuple[CommandState, ...] = ()) -> Choice:
        """Give what is chosen; raises `ValueError`, which says what cannot be read."""
        return Choice(
            states=(_state(self.state),) if self.state else default,
            sobject=self.object or None,
            code=self.code or None,
            before=now - prose.age(self.older) if self.older else None,
            after=now - prose.age(self.newer) if self.newer else None,
        )

    def tried(
        self, now: datetime, default: tuple[CommandState, ...] = ()
    ) -> tuple[Choice | None, str]:
        """Give what is chosen, or say what cannot be read, for the page that asked it."""
        try:
            return self.choice(now, default), ""
        except ValueError as error:
            return None, str(error)


def routes(parts: App) -> list[BaseRoute]:
    """Answer at /commands, but for single ones."""

    def commands(request: Request) -> Response:
        asked, now = Filter.of(request.query_params), parts.clock()
        limit = _limit(request.query_params.get("limit", ""))
        choice, wrong = asked.tried(now)
        with parts.store.read() as tx:
            found = listing.latest(tx, choice, limit=limit + 1) if choice else []
            counts, purged = outbox.counts(tx), tallies.totals(tx)
        return show(
            request,
            parts,
            "commands.html",
            status=400 if wrong else 200,
            asked=asked,
            wrong=wrong,
            entries=found[:limit],
            has_more=len(found) > limit,
            limit=limit,
            more=urlencode({**asked.query, "limit": min(limit * 4, _MOST)}),
            most=_MOST,
            counts=counts,
            purged=sum(purged.values()),
            states=list(CommandState),
            since=listing.since,
            retryable=RETRYABLE,
            discardable=DISCARDABLE,
            objects=[model.sobject for model in parts.models],
        )

    def by_cause(request: Request) -> Response:
        asked = Filter.of(request.query_params)
        choice, wrong = asked.tried(parts.clock(), (*OPEN, *FAILED))
        with parts.store.read() as tx:
            groups, number = causes.groups(tx, choice, limit=_GROUPS) if choice else ([], 0)
            asks = listing.fields(tx, [one.example for one in groups])
        return show(
            request,
            parts,
            "causes.html",
            status=400 if wrong else 200,
            asked=asked,
            wrong=wrong,
            groups=groups,
            names={one: list(held) if isinstance(held, dict) else [] for one, held in asks.items()},
            changes=_CHANGES,
            number=number,
            states=[*OPEN, *FAILED],
            retryable=RETRYABLE,
            discardable=DISCARDABLE,
            objects=[model.sobject for model in parts.models],
        )

    def move(request: Request) -> Response:
        given, chosen = form(request), listed(request, "id")
        query = Filter.of(given).query
        if not chosen:
            return back("/commands", "unchosen", query=query)
        return _told("/commands", _moved(request, parts, given, chosen), given, query)

    def move_group(request: Request) -> Response:
        given = form(request)
        done = _moved(request, parts, given, _group(parts, given))
        return _told("/commands/causes", done, given, {})

    def edit_group(request: Request) -> Response:
        given = form(request)
        ids, change = _group(parts, given), _change(parts, given)
        move = partial(
            moves.edit, change=change, operator=request.state.operator, now=parts.clock()
        )
        number = len(moves.in_turns(parts.store, ids, move).own)
        if not number:
            return back("/commands/causes", "unedited")
        return back(
            "/commands/causes", "edited-all" if number == len(ids) else "edited-some", number
        )

    operate: dict[str, Any] = {"scope": Scope.OPERATE, "methods": ("POST",)}
    return [
        route("/commands", commands, scope=Scope.READ),
        route("/commands/causes", by_cause, scope=Scope.READ),
        route("/commands/move", move, **operate),
        route("/commands/causes/move", move_group, **operate),
        route("/commands/causes/edit", edit_group, **operate),
    ]


def _group(parts: App, given: dict[str, str]) -> list[str]:
    """Name the commands of a cause; raises `Problem` unless somebody said that all are meant."""
    if given.get("sure") != "yes":
        raise Problem(400, "tick the box beside the button: this is about many commands")
    choice, wrong = Filter.of(given).tried(parts.clock())
    if choice is None:
        raise Problem(400, wrong)
    with parts.store.read() as tx:
        return causes.members(tx, choice, given.get("message") or None)


def _change(parts: App, given: dict[str, str]) -> Edit:
    """Read what is to become of one field; raises `Problem`, `InvalidCommand`."""
    name, to = given.get("field", "").strip(), given.get("to", "")
    act = given.get("change", "")
    if not name or act not in _CHANGES:
        raise Problem(400, "name a field, and say what is to become of it")
    if act == "rename" and not to.strip():
        raise Problem(400, f"say what {name} is to be called")
    return editing.asked(
        given.get("object", ""),
        describes=lambda: Describes(client=None, store=parts.store, clock=parts.clock),
        values={name: to or "null"} if act == "set" else {},
        renamed={name: to.strip()} if act == "rename" else {},
        dropped=[name] if act == "drop" else [],
    )


def _moved(request: Request, parts: App, given: dict[str, str], ids: list[str]) -> Moved:
    if given.get("act") not in _MOVES:
        raise Problem(400, "say what is to be done: retry or discard")
    move = partial(_MOVES[given["act"]], operator=request.state.operator, now=parts.clock())
    return moves.in_turns(parts.store, ids, move)


def _told(path: str, done: Moved, given: dict[str, str], query: dict[str, str]) -> Response:
    number = len(done.own) + len(done.along)
    if not number:
        return back(path, "unmoved", query=query)
    if given.get("act") == "discard":
        return back(path, "discarded", number, query=query)
    return back(path, "along" if done.along else "retried", number, query=query)


def _state(name: str) -> CommandState:
    try:
        return CommandState(name)
    except ValueError:
        raise ValueError(f"{name} is no state of a command: {', '.join(CommandState)}") from None


def _limit(text: str) -> int:
    return min(counted(text) or _SHOWN, _MOST)
