"""Who may ask over HTTP, and for what: let in by the same door as callers of the console."""

from typing import Any

import msgspec
from mcp.server import ServerRequestContext
from starlette.concurrency import run_in_threadpool
from starlette.requests import HTTPConnection
from starlette.responses import Response
from starlette.types import ASGIApp, Receive, Scope, Send

from console.access.door import Caller, Door
from console.problems import MEDIA_TYPE, Problem
from models.api_key import EVERY_SCOPE, LOCAL


def holder(operator: str = LOCAL) -> Caller:
    """Whoever started us, and holds the other end of our pipes, may do all."""
    return Caller(operator, EVERY_SCOPE)


class Guard:
    """Lets in who shows a key, or, where the door is open, who asks from here."""

    def __init__(self, app: ASGIApp, *, door: Door) -> None:
        self._app = app
        self._door = door

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        connection = HTTPConnection(scope)
        try:
            connection.state.caller = await run_in_threadpool(self._door.caller, connection, None)
        except Problem as error:
            body = msgspec.json.encode(error.document)
            answer = Response(body, error.status, error.headers, MEDIA_TYPE)
            await answer(scope, receive, send)
            return
        await self._app(scope, receive, send)


def caller_of(context: ServerRequestContext[Any, Any], here: Caller) -> Caller:
    """Tell who asks: by pipes it is who holds them."""
    if context.request is None:
        return here
    caller: Caller = context.request.state.caller
    return caller
