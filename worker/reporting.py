"""Errors that nobody had thought of, reported to Sentry: what and where, never of whom.

Imported where SCSYNC_SENTRY_DSN is set, and nowhere else. A report holds types, places in the code
and our version. Messages and variables stay here: they may be a customer's words, or a token.
"""

import linecache
import threading
import time
import traceback
from collections.abc import Iterator
from typing import Any

import sentry_sdk

AGAIN = 60.0  # s: one error in a loop is one report a minute
_FLUSH = 2.0  # s: a daemon has ten seconds to leave
_OURS = frozenset(
    {"agents", "cli", "config", "console", "models", "pipelines", "salesforce", "store", "worker"}
)


class Reporting:
    """Reports from one process; the SDK's hooks into other libraries stay out of use."""

    def __init__(self, dsn: str, *, version: str, account: str) -> None:
        self._account = account
        self._client = sentry_sdk.Client(
            dsn=dsn,
            release=f"scsync@{version}",
            default_integrations=False,
            auto_enabling_integrations=False,
            auto_session_tracking=False,
            include_local_variables=False,
            max_breadcrumbs=0,
            send_client_reports=False,
            spotlight=False,
        )
        self._lock = threading.Lock()
        self._told: dict[tuple[str, str], float] = {}

    def report(self, error: BaseException) -> None:
        """Report an error, unless the same one was reported just now."""
        values = [_described(one) for one in _chain(error)]
        if self._is_new(values[-1]):
            event: Any = {
                "level": "error",
                "platform": "python",
                "exception": {"values": values},
                "tags": {"account": self._account},
            }
            self._client.capture_event(event)

    def close(self) -> None:
        """Send what has not been sent."""
        self._client.close(timeout=_FLUSH)

    def _is_new(self, value: dict[str, Any]) -> bool:
        frames = value["stacktrace"]["frames"]
        place = f"{frames[-1]['module']}:{frames[-1]['lineno']}" if frames else ""
        key, now = (value["type"], place), time.monotonic()
        with self._lock:
            if now - self._told.get(key, -AGAIN) < AGAIN:
                return False
            self._told[key] = now
            return True


def _chain(error: BaseException) -> list[BaseException]:
    """Give an error with those that it came of, the first one first."""
    found: list[BaseException] = []
    one: BaseException | None = error
    while one is not None and one not in found:
        found.append(one)
        one = one.__cause__ or (None if one.__suppress_context__ else one.__context__)
    return found[::-1]


def _described(error: BaseException) -> dict[str, Any]:
    kind = type(error)
    return {
        "type": kind.__qualname__,
        "module": kind.__module__,
        "value": "(messages stay in the log)",
        "stacktrace": {"frames": list(_frames(error))},
    }


def _frames(error: BaseException) -> Iterator[dict[str, Any]]:
    for frame, number in traceback.walk_tb(error.__traceback__):
        module = frame.f_globals.get("__name__", "")
        yield {
            "module": module,
            "filename": f"{module.replace('.', '/')}.py",
            "function": frame.f_code.co_qualname,
            "lineno": number,
            "context_line": linecache.getline(frame.f_code.co_filename, number).rstrip("\n"),
            "in_app": module.partition(".")[0] in _OURS,
        }
