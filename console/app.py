"""The console as an ASGI application: who may ask, and what answers."""

import asyncio
import base64
import binascii
import hmac
from collections.abc import Awaitable, Callable
from typing import Any

import structlog

from console import commands, metrics
from console.health import look
from console.page import STYLE, page
from console.request import CSS, HTML, Answer, Request, document, problem, text
from salesforce.errors import SalesforceError
from store.errors import StoreError
from worker.app import App

Scope = dict[str, Any]
Receive = Callable[[], Awaitable[dict[str, Any]]]
Send = Callable[[dict[str, Any]], Awaitable[None]]

LARGEST_BODY = 1 << 20
_COMMANDS = "/v1/commands"
_OWN_NAMES = frozenset({"localhost", "127.0.0.1", "[::1]"})

log = structlog.get_logger()


class Console:
    """Answers for one account.

    Without a token only this machine may ask, and by its own name: a stranger's page that had its
    name point here would be read by the browser as its own.
    """

    def __init__(self, parts: App, *, token: str | None) -> None:
        self._parts = parts
        self._token = token

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            raise RuntimeError(f"only HTTP is spoken here, not {scope['type']}")
        request = await _read(scope, receive)
        if request is None:
            answer = problem(413, "Too Large", f"at most {LARGEST_BODY:,} bytes")
        else:
            # Answers wait for the store, some for the org: not in the thread that serves all.
            answer = await asyncio.to_thread(self.answer, request)
        headers = answer.headers()
        await send({"type": "http.response.start", "status": answer.status, "headers": headers})
        body = b"" if scope["method"] == "HEAD" else answer.body
        await send({"type": "http.response.body", "body": body})

    def answer(self, request: Request) -> Answer:
        """Answer one request, whatever happens meanwhile."""
        if refusal := self._refused(request):
            return refusal
        try:
            return self._answer(request)
        except (StoreError, SalesforceError) as error:
            return problem(503, "Unavailable", str(error))
        except Exception:
            log.exception("console.failed", path=request.path)
            return problem(500, "Error", "this was not foreseen; the log says more")

    def _refused(self, request: Request) -> Answer | None:
        if request.path == "/healthz":
            return None
        if self._token is None:
            name = request.headers.get("host", "").rpartition(":")[0] or request.headers.get("host")
            if name in _OWN_NAMES:
                return None
            return problem(421, "Misdirected", "ask this console by localhost or 127.0.0.1")
        if _bears(request, self._token):
            return None
        refusal = problem(401, "Unauthorized", "give the token of SCSYNC_CONSOLE_TOKEN")
        more = {"www-authenticate": 'Basic realm="scsync", charset="UTF-8", Bearer'}
        return Answer(refusal.status, refusal.body, refusal.kind, more)

    def _answer(self, request: Request) -> Answer:  # noqa: PLR0911 - one line for each address
        method = "GET" if request.method == "HEAD" else request.method
        match method, request.path:
            case "GET", "/healthz":
                return text("ok\n")
            case "GET", "/readyz":
                return self._ready()
            case "GET", "/metrics":
                accept = request.headers.get("accept", "")
                return Answer(200, *metrics.exposition(self._parts, accept))
            case "GET", "/":
                return text(page(look(self._parts)), kind=HTML)
            case "GET", "/style.css":
                return text(STYLE, kind=CSS)
            case "POST", "/v1/commands":
                return commands.submit(self._parts, request)
            case "GET", path if path.startswith(f"{_COMMANDS}/"):
                return commands.show(self._parts, path.removeprefix(f"{_COMMANDS}/"))
        return problem(404, "Not Found", f"nothing answers {method} {request.path}")

    def _ready(self) -> Answer:
        try:
            reasons = list(look(self._parts).reasons)
        except StoreError as error:
            reasons = [str(error)]
        return document({"ready": not reasons, "reasons": reasons}, 503 if reasons else 200)


def _bears(request: Request, token: str) -> bool:
    """Look for the token: as a bearer's, or as the password that a browser asked a person for."""
    scheme, _, given = request.headers.get("authorization", "").partition(" ")
    if scheme.lower() == "basic":
        try:
            given = base64.b64decode(given, validate=True).decode().partition(":")[2]
        except (binascii.Error, UnicodeDecodeError):
            return False
    elif scheme.lower() != "bearer":
        return False
    return hmac.compare_digest(given.encode(), token.encode())


async def _read(scope: Scope, receive: Receive) -> Request | None:
    """Read a request whole; None for one that is too large."""
    body, more = b"", True
    while more:
        message = await receive()
        body += message.get("body", b"")
        more = message.get("more_body", False)
        if len(body) > LARGEST_BODY:
            return None
    headers = {
        name.decode("latin-1").lower(): value.decode("latin-1") for name, value in scope["headers"]
    }
    return Request(scope["method"], scope["path"], headers, body)
