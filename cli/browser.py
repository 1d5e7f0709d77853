"""The browser's way back: a loopback address that waits for one answer, or a pasted one."""

import sys
import time
import webbrowser
from collections.abc import Callable, Mapping
from datetime import timedelta
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import ClassVar
from urllib.parse import parse_qsl, urlsplit

from config.settings import ConfigError
from pipelines.guide import CALLBACK_PATH
from salesforce.authorize import Authorization
from salesforce.errors import GrantDead

PATIENCE = timedelta(minutes=10)  # Salesforce's code lives a quarter of an hour
_SLOWEST = 5  # s for one visitor to say what he wants
# The empty icon keeps browsers from asking an address that is gone by then.
_PAGE = (
    "<!doctype html><html lang=en><meta charset=utf-8><title>scsync</title>"
    "<link rel=icon href='data:,'><p>"
)
_DONE = f"{_PAGE}Back to the terminal, please."
_NOT_OURS = f"{_PAGE}Nobody waits for this."


def visit(authorization: Authorization, port: int, say: Callable[[str], None]) -> Mapping[str, str]:
    """Open the browser and wait for it to come back; give the answer's parameters."""
    with _listen(port, authorization.state) as server:
        if not webbrowser.open(authorization.url):
            say("no browser could be opened; open this address yourself, on this machine:")
        say(f"approve scsync in the browser: {authorization.url}")
        say(f"waiting at {authorization.redirect_uri} (Ctrl-C ends it)")
        until = time.monotonic() + PATIENCE.total_seconds()
        while server.answer is None:
            server.timeout = until - time.monotonic()
            if server.timeout <= 0:
                raise GrantDead(
                    f"the browser did not come back within {PATIENCE.seconds // 60} minutes",
                    code="NO_ANSWER",
                    remedy="Run scsync link again, or with --no-browser from another machine.",
                )
            server.handle_request()
        return server.answer


def pasted(authorization: Authorization, say: Callable[[str], None]) -> Mapping[str, str]:
    """Have a person carry the answer over from a browser elsewhere."""
    say(f"open this address in any browser, and approve:\n\n{authorization.url}\n")
    say(
        f"the browser then goes to {authorization.redirect_uri}?… which need not load: "
        "copy that address from it, paste it here, and press Enter:"
    )
    line = first_line()
    if not line:
        raise ConfigError("no address was pasted: nothing was linked")
    found = _parameters(line)
    if "state" not in found:
        raise ConfigError(
            "this is not the address that the browser went to, which begins with "
            f"{authorization.redirect_uri}? and holds a code and a state: nothing was linked"
        )
    return found


def first_line() -> str:
    """Read the line that was given on standard input; what is no text in it is marked as such."""
    return sys.stdin.buffer.readline().decode(errors="replace").strip()


def _parameters(address: str) -> dict[str, str]:
    """Give what an address asks with; nothing of what is no address."""
    try:
        return dict(parse_qsl(urlsplit(address).query, keep_blank_values=True))
    except ValueError:
        return {}


class _Listener(HTTPServer):
    """Takes the one answer that bears our state."""

    def __init__(self, port: int, state: str) -> None:
        self.state = state
        self.answer: Mapping[str, str] | None = None
        super().__init__(("127.0.0.1", port), _Visitor)

    def handle_error(self, request: object, client_address: object) -> None:
        """Say nothing: a visitor who hangs up is none of the person's business."""


class _Visitor(BaseHTTPRequestHandler):
    timeout: ClassVar[int] = _SLOWEST
    server: _Listener

    def do_GET(self) -> None:
        found = _parameters(self.path)
        # Anything else on this machine may call, too; only our browser knows the state.
        at = self.path.partition("?")[0]
        ours = at == CALLBACK_PATH and found.get("state") == self.server.state
        if ours:
            self.server.answer = found
        body = (_DONE if ours else _NOT_OURS).encode()
        self.send_response(200 if ours else 404)
        self.send_header("Content-Type", "text/html; charset=utf-8")
        self.send_header("Content-Length", str(len(body)))
        self.send_header("Cache-Control", "no-store")
        self.send_header("Referrer-Policy", "no-referrer")
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - theirs
        """Say nothing: the address holds the code."""


def _listen(port: int, state: str) -> _Listener:
    try:
        return _Listener(port, state)
    except OSError as error:
        raise ConfigError(
            f"cannot wait at 127.0.0.1:{port} ({error.strerror}): free the port, set "
            "SCSYNC_CALLBACK_PORT (and the app's callback URL) to another, or use --no-browser"
        ) from None
