"""A small org on loopback: a token endpoint with rotation, and answers that a test scripts."""

from __future__ import annotations

import gzip
import json
import re
import threading
import time
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any, Self
from urllib.parse import parse_qs

if TYPE_CHECKING:
    from collections.abc import Callable

ORG = "00D000000000001EAA"
IDENTITY = f"https://login.salesforce.com/id/{ORG}/005000000000001AAA"
HELD_MOST = 15.0  # s; clients hang up on a token endpoint after sixty
EXPIRED = [{"message": "Session expired or invalid", "errorCode": "INVALID_SESSION_ID"}]


@dataclass
class Seen:
    """One request as it arrived."""

    method: str
    path: str
    headers: dict[str, str]
    body: bytes

    def json(self) -> Any:
        return json.loads(self.body)


@dataclass
class Answer:
    """What to send back; `drop` closes the connection, `cut` stops within the body."""

    status: int = 200
    body: Any = None
    headers: dict[str, str] = field(default_factory=dict)
    drop: bool = False
    cut: int | None = None
    damaged: bool = False

    def raw(self) -> bytes:
        if self.body is None:
            return b""
        return self.body if isinstance(self.body, bytes) else json.dumps(self.body).encode()


class Desk:
    """The token endpoint: rotates, and kills the grant when a spent token comes back."""

    def __init__(self, refresh_token: str) -> None:
        self.refresh_token = refresh_token
        self.access_token: str | None = "00D!first"
        self.refreshes = 0
        self.hold_until: Callable[[], bool] = lambda: True
        self.rotates = True
        self.dead = False
        self.org = ORG
        self.refusals: list[Answer] = []
        self.forms: list[dict[str, str]] = []
        self._lock = threading.Lock()

    def answer(self, url: str, seen: Seen) -> Answer:
        form = {k: v[0] for k, v in parse_qs(seen.body.decode(), keep_blank_values=True).items()}
        self._hold()
        with self._lock:
            self.forms.append(form)
            if self.refusals:
                return self.refusals.pop(0)
            return self._grant(url, form)

    def _hold(self) -> None:
        """Let come whoever is to come meanwhile, however long they take."""
        deadline = time.monotonic() + HELD_MOST
        while not self.hold_until() and time.monotonic() < deadline:
            time.sleep(0.01)

    def _grant(self, url: str, form: dict[str, str]) -> Answer:
        if form["grant_type"] == "refresh_token" and form["refresh_token"] != self.refresh_token:
            self.dead, self.access_token = True, None
        if self.dead:
            return refusal("invalid_grant", "expired access/refresh token")
        self.refreshes += 1
        self.access_token = f"00D!access{self.refreshes}"
        body = {
            "access_token": self.access_token,
            "instance_url": url,
            "id": f"https://login.salesforce.com/id/{self.org}/005000000000001AAA",
            "token_type": "Bearer",
            "issued_at": "1708058728442",
            "scope": "api refresh_token",
        }
        if self.rotates and form["grant_type"] == "refresh_token":
            self.refresh_token = f"refresh{self.refreshes}"
            body["refresh_token"] = self.refresh_token
        return Answer(200, body)


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 128  # with the usual 5, of thirty at once some would knock again later


class ScriptedOrg:
    """Runs on a free port; scripted answers go first come first served, by method and path."""

    def __init__(self) -> None:
        self.desk = Desk("refresh0")
        self.seen: list[Seen] = []
        self.script: list[tuple[str, re.Pattern[str], Answer | Callable[[Seen], Answer]]] = []
        self._server = _Server(("127.0.0.1", 0), self._handler())
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.02,))

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._server.server_address[1]}"

    def on(self, method: str, path: str, *answers: Answer | Callable[[Seen], Answer]) -> None:
        self.script += [(method, re.compile(path), answer) for answer in answers]

    def data_calls(self) -> list[Seen]:
        return [seen for seen in self.seen if "/oauth2/" not in seen.path]

    def answer(self, seen: Seen) -> Answer:
        self.seen.append(seen)
        if seen.path == "/services/oauth2/token":
            return self.desk.answer(self.url, seen)
        if seen.path == "/services/oauth2/revoke":
            return Answer(200, b"")
        if seen.headers.get("authorization") != f"Bearer {self.desk.access_token}":
            return Answer(401, EXPIRED)
        for place, (method, path, answer) in enumerate(self.script):
            if method == seen.method and path.search(seen.path):
                del self.script[place]
                return answer if isinstance(answer, Answer) else answer(seen)
        return Answer(200, {})

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        org = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def log_message(self, *_: object) -> None:
                """Keep the test's output its own."""

            def handle_any(self) -> None:
                length = int(self.headers.get("Content-Length") or 0)
                headers = {name.lower(): value for name, value in self.headers.items()}
                body = self.rfile.read(length)
                _send(self, org.answer(Seen(self.command, self.path, headers, body)))

            do_GET = do_POST = do_PATCH = do_DELETE = handle_any  # noqa: N815 - http.server calls these

        return Handler


def refusal(error: str, description: str, status: int = 400) -> Answer:
    return Answer(status, {"error": error, "error_description": description})


def problem(status: int, code: str, message: str = "no", **more: object) -> Answer:
    return Answer(status, [{"errorCode": code, "message": message, **more}])


def _send(handler: BaseHTTPRequestHandler, answer: Answer) -> None:
    if answer.drop:
        handler.close_connection = True
        return
    body = b"\x1f\x8b damaged" if answer.damaged else gzip.compress(answer.raw(), 1)
    # Without this form http.server would add a Date of its own.
    (handler.send_response_only if "Date" in answer.headers else handler.send_response)(
        answer.status
    )
    for name, value in answer.headers.items():
        handler.send_header(name, value)
    if answer.status not in {204, 304}:
        handler.send_header("Content-Encoding", "gzip")
        handler.send_header("Content-Length", str(len(body)))
    handler.end_headers()
    if answer.status not in {204, 304}:
        handler.wfile.write(body[: answer.cut])
    handler.close_connection = answer.cut is not None
