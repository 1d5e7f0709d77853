"""The ASGI application: reads a request whole, lets faults strike, answers, and keeps the log."""

from __future__ import annotations

import asyncio
import time
from dataclasses import replace
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qsl

from isal import igzip

from emulator import mishaps
from emulator.clock import http_date
from emulator.control import ROOT as CONTROL
from emulator.control import Control
from emulator.errors import ApiError
from emulator.exchange import Answer, Request, error_answer, html_answer, inflate
from emulator.identity import Identity
from emulator.line import break_off, cut_off
from emulator.oauth import OAuth, oauth_answer
from emulator.rest import ROOT as DATA
from emulator.rest import Rest
from emulator.routes import Routes
from emulator.setup import Setup

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from emulator.instance import Instance

    Scope = dict[str, Any]
    Receive = Callable[[], Awaitable[dict[str, Any]]]
    Send = Callable[[dict[str, Any]], Awaitable[None]]

URI_BYTES = 16_384
WORTH_PACKING = 1_024
BAD_MESSAGE = "<h1>Bad Message {status}</h1><pre>reason: {reason}</pre>"


class App:
    """One instance behind HTTP; nothing awaits while a request is carried out."""

    def __init__(self, instance: Instance) -> None:
        self.instance = instance
        self.rest = Rest(instance)
        self.control = Control(instance)
        self.oauth = Routes(
            OAuth(instance.registry, instance.authorizations).routes(),
            Identity(instance.registry, instance.users).routes(),
            Setup(instance).routes(),
        )

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            raise RuntimeError(f"only HTTP is spoken here, not {scope['type']}")
        body = await _body(receive)
        if too_long := _too_long(scope):
            await self._send(too_long, send)
            return
        request = _request(scope)
        try:
            request = _with_body(request, body)
        except ApiError as error:
            await self._send(error_answer(error), send)
            return
        if request.path.strip("/").startswith(f"{CONTROL}/"):
            await self._send(_packed(self.control.answer(request), request), send)
            return
        with self.instance.flights.arrived(request) as flying:
            try:
                await self._exchange(flying, send)
            finally:
                self.instance.org.locks.let_go(flying.flight)

    async def _exchange(self, request: Request, send: Send) -> None:
        received = time.time()
        deeds = self.instance.faults.strike(request)
        before, after = self._delays(request, deeds)
        if not await _outwaited(before) or deeds.get("drop") == "before":
            self._log("dropped", request, 0, deeds, received)
            break_off(send)
            return
        name, answer = self._answer(request, deeds)
        if deeds.get("applied") and "status" in deeds:
            answer = mishaps.outage(request, deeds)
        answer = mishaps.distort(answer, deeds)
        self._log(name, request, answer.status, deeds, received)
        after += self.instance.org.locks.lingering(request.flight)
        if not await _outwaited(after) or deeds.get("drop") == "after":
            break_off(send)
        elif "cut" in deeds:
            await self._cut(_packed(answer, request), send, int(deeds["cut"]))
        else:
            await self._send(_packed(answer, request), send)

    def _delays(self, request: Request, deeds: dict[str, Any]) -> tuple[float, float]:
        """Tell how long to wait before a request is carried out, and how long after.

        Where writers contend, a write is carried out at once, so that it holds its locks while
        it is delayed.
        """
        delay = float(deeds.get("delay", 0))
        contends = self.instance.org.locks.manners.parents and request.method != "GET"
        return (0, delay) if contends and deeds.get("drop") != "before" else (delay, 0)

    def _answer(self, request: Request, deeds: dict[str, Any]) -> tuple[str, Answer]:
        mishaps.befall(self.instance, request, deeds)
        if answer := mishaps.instead(request, deeds):
            return "fault", answer
        request = mishaps.lock(request, deeds)
        path = request.path.strip("/")
        if path == DATA:
            return "versions", self.rest.versions()
        if path.startswith(f"{DATA}/"):
            return self.rest.answer(request)
        return self._authorize(request)

    def _authorize(self, request: Request) -> tuple[str, Answer]:
        try:
            match = self.oauth.find(request.method, request.path)
        except ApiError as error:
            return "refused", oauth_answer("invalid_request", error.message, error.status)
        return match.route.name, match.route.action(request, **match.values)

    def _log(
        self, name: str, request: Request, status: int, deeds: dict[str, Any], received: float
    ) -> None:
        entry = {
            "at": self.instance.org.now().isoformat(),
            "received": received,  # by this machine's clock, which no act on the org's moves
            "method": request.method,
            "path": request.path,
            "status": status,
            "faults": sorted(deeds),
        }
        self.instance.requests.add(name, entry)

    async def _cut(self, answer: Answer, send: Send, length: int) -> None:
        await send(self._start(answer))
        await send({"type": "http.response.body", "body": answer.body[:length], "more_body": True})
        cut_off(send)

    async def _send(self, answer: Answer, send: Send) -> None:
        await send(self._start(answer))
        await send({"type": "http.response.body", "body": answer.body})

    def _start(self, answer: Answer) -> dict[str, Any]:
        headers = {"date": http_date(self.instance.org.now()), **answer.headers}
        if answer.status not in {204, 304}:
            headers["content-length"] = str(len(answer.body))
        encoded = [(name.encode(), value.encode()) for name, value in headers.items()]
        return {"type": "http.response.start", "status": answer.status, "headers": encoded}


async def _outwaited(seconds: float) -> bool:
    """Wait; tell whether the server still stands afterwards."""
    if not seconds:
        return True
    try:
        await asyncio.sleep(seconds)
    except asyncio.CancelledError:
        return False
    return True


async def _body(receive: Receive) -> bytes:
    parts = []
    more = True
    while more:
        message = await receive()
        if message["type"] == "http.disconnect":
            break
        parts.append(message.get("body", b""))
        more = message.get("more_body", False)
    return b"".join(parts)


def _request(scope: Scope) -> Request:
    headers = {name.decode("latin-1"): value.decode("latin-1") for name, value in scope["headers"]}
    return Request(
        method=scope["method"],
        path=scope["raw_path"].decode("latin-1"),
        query=dict(parse_qsl(scope["query_string"].decode("latin-1"), keep_blank_values=True)),
        headers=headers,
        origin=f"{scope['scheme']}://{headers.get('host', '')}",
        address=(scope.get("client") or ("",))[0],
    )


def _with_body(request: Request, body: bytes) -> Request:
    encoding = request.headers.get("content-encoding", "").strip().lower()
    return replace(request, body=inflate(body, encoding)) if body else request


def _too_long(scope: Scope) -> Answer | None:
    """Refuse as the web server before the API does, in its HTML."""
    uri = len(scope["raw_path"]) + len(scope["query_string"])
    headers = sum(len(name) + len(value) + 4 for name, value in scope["headers"])
    if uri > URI_BYTES:
        return html_answer(BAD_MESSAGE.format(status=414, reason="URI Too Long"), 414)
    if uri + headers > URI_BYTES:
        reason = "Request Header Fields Too Large"
        return html_answer(BAD_MESSAGE.format(status=431, reason=reason), 431)
    return None


def _packed(answer: Answer, request: Request) -> Answer:
    """Compress an answer for whoever takes gzip, unless it is small or packed already."""
    if "content-encoding" in answer.headers or not request.takes_gzip:
        return answer
    if len(answer.body) < WORTH_PACKING:
        return answer
    packed = igzip.compress(answer.body, compresslevel=1)
    return Answer(answer.status, packed, {**answer.headers, "content-encoding": "gzip"})
