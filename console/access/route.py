"""A route that says what scope it needs; the console takes no other."""

from collections.abc import Callable, Sequence
from typing import Any

from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.routing import Route
from starlette.types import ASGIApp, Receive, Send
from starlette.types import Scope as Connection

from console.problems import Problem
from models.api_key import Scope


class Needs:
    """Lets those through whose scopes hold the one that is needed."""

    def __init__(self, app: ASGIApp, *, scope: Scope) -> None:
        self._app = app
        self._scope = scope

    async def __call__(self, connection: Connection, receive: Receive, send: Send) -> None:
        demand(Request(connection, receive), self._scope)
        await self._app(connection, receive, send)


class Scoped(Route):
    """A route with its scope; None is for what anyone may ask."""

    def __init__(
        self, path: str, endpoint: Callable[..., Any], *, scope: Scope | None, **more: Any
    ) -> None:
        guards = [Middleware(Needs, scope=scope)] if scope else []
        super().__init__(path, endpoint, middleware=guards, **more)


def route(
    path: str,
    endpoint: Callable[..., Any],
    *,
    scope: Scope | None,
    methods: Sequence[str] = ("GET",),
    name: str | None = None,
) -> Scoped:
    """Bind an address; a plain function answers in a thread, where it may wait for the store."""
    return Scoped(path, endpoint, scope=scope, methods=list(methods), name=name)


def demand(request: Request, scope: Scope) -> None:
    """Raise `Problem` for a caller who lacks a scope."""
    if scope not in request.state.scopes:
        raise Problem(
            403,
            f"{request.state.operator} lacks the scope {scope}: make a key that has it with "
            f"scsync keys make NAME --scopes {scope}",
        )
