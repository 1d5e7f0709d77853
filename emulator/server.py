"""The emulated org in a background thread, for tests and tours."""

from __future__ import annotations

import asyncio
import threading
from concurrent.futures import Future
from typing import TYPE_CHECKING, Any, Self, TypeVar, Unpack

import msgspec

from emulator.exchange import Request
from emulator.options import Options
from emulator.serving import Serving, ServingError

if TYPE_CHECKING:
    from collections.abc import Callable, Collection
    from datetime import datetime

    from emulator.options import Choices
    from emulator.org import Org

__all__ = ["Emulator", "ServingError"]

T = TypeVar("T")
PATIENCE_SECONDS = 120.0  # a million cases take their time


class ControlError(Exception):
    """A control endpoint said no."""


class Emulator:
    """An org that answers on `url` while the context is open.

    Options are those of `Options`, `path` being the file it is kept in. The org may be asked from
    any thread; `run` does so between two requests, in the server's own.
    """

    def __init__(
        self,
        *,
        path: str | None = None,
        without: Collection[str] = (),
        clock: Callable[[], datetime] | None = None,
        **choices: Unpack[Choices],
    ) -> None:
        self.options = Options(state=path, without=frozenset(without), **choices)
        self._clock = clock
        self._started: Future[None] = Future()
        self._thread = threading.Thread(target=self._serve, name="emulated-org", daemon=True)
        self._serving: Serving
        self._loop: asyncio.AbstractEventLoop

    def __enter__(self) -> Self:
        self._thread.start()
        self._started.result(PATIENCE_SECONDS)
        instance = self._serving.instance
        self.url = self._serving.url
        self.client_id = instance.app.client_id
        self.client_secret = instance.app.client_secret
        self.refresh_token = instance.grant.refresh_token
        self.username = instance.username
        self.password = self.options.password
        self.ca_file = str(self._serving.ca_file) if self._serving.ca_file else None
        return self

    @property
    def org(self) -> Org:
        """The org behind the address, which a refresh replaces."""
        return self._serving.instance.org

    def __exit__(self, *_: object) -> None:
        self._loop.call_soon_threadsafe(self._serving.stop)
        self._thread.join()

    def _serve(self) -> None:
        try:
            self._serving = Serving(self.options, self._clock)
        except BaseException as error:  # noqa: BLE001 - it is raised again, in the thread that waits
            self._started.set_exception(error)
            return
        try:
            asyncio.run(self._run())
        finally:
            self._serving.close()

    async def _run(self) -> None:
        self._loop = asyncio.get_running_loop()
        await self._serving.run(lambda: self._started.set_result(None))

    def run(self, act: Callable[[Org], T]) -> T:
        """Do something with the org in its own thread, between two requests."""
        return self._call(lambda: act(self._serving.instance.org))

    def _call(self, act: Callable[[], T]) -> T:
        future: Future[T] = Future()

        def do() -> None:
            try:
                future.set_result(act())
            except BaseException as error:  # noqa: BLE001 - it is raised again, in the thread that asked
                future.set_exception(error)

        self._loop.call_soon_threadsafe(do)
        return future.result(PATIENCE_SECONDS)

    def control(self, method: str, path: str, body: Any = None) -> Any:
        """Ask a control endpoint, as `control.py` lists them, without the network between."""
        path, _, query = path.partition("?")
        pairs = dict(pair.split("=", 1) for pair in query.split("&") if pair)
        payload = b"" if body is None else msgspec.json.encode(body)
        request = Request(method, f"/emulator/{path}", pairs, {}, payload)
        answer = self._call(lambda: self._serving.app.control.answer(request))
        if answer.status >= 400:  # noqa: PLR2004 - where HTTP's errors begin
            raise ControlError(f"{method} {path}: {answer.body.decode()}")
        return answer.document()

    def fault(self, **rule: Any) -> dict[str, Any]:
        """Add a rule: `fault(match={"path": "/query"}, do={"status": 503}, times=2)`."""
        added: dict[str, Any] = self.control("POST", "faults", rule)[0]
        return added

    def faults(self) -> list[dict[str, Any]]:
        rules: list[dict[str, Any]] = self.control("GET", "faults")
        return rules

    def clear_faults(self) -> None:
        self.control("DELETE", "faults")

    def journal(self, since: int = 0) -> list[dict[str, Any]]:
        entries: list[dict[str, Any]] = self.control("GET", f"journal?since={since}")
        return entries

    def requests(self) -> dict[str, Any]:
        log: dict[str, Any] = self.control("GET", "requests")
        return log

    def bulk(self, **manners: Any) -> dict[str, Any]:
        """Change how Bulk query jobs behave: `bulk(stuck=1, page_rows=100)`."""
        now: dict[str, Any] = self.control("POST", "bulk", manners)
        return now

    def ingest(self, **manners: Any) -> dict[str, Any]:
        """Change how ingest jobs behave: `ingest(fail=1, fail_at=0.5)`."""
        now: dict[str, Any] = self.control("POST", "ingest", manners)
        return now

    def contend(self, *, parents: bool = True, hold: float = 0) -> None:
        """Have writers meet each other's locks: `contend(hold=0.05)`."""
        self.control("POST", "locks", {"parents": parents, "hold": hold})

    def refresh(self, **choices: Any) -> dict[str, Any]:
        """Replace the org by a new one behind the same address; its first grant is ours then."""
        told: dict[str, Any] = self.control("POST", "org", {"refresh": True, **choices})
        self.refresh_token, self.username = told["refresh_token"], told["username"]
        return told

    def expire_sessions(self) -> None:
        self.control("POST", "tokens/expire")

    def revoke_grants(self) -> None:
        self.control("POST", "grants/revoke")

    def limits(self, **change: int) -> dict[str, int]:
        """Read or set the daily allocation: `limits(used=99_000)`."""
        found: dict[str, int] = self.control("POST", "limits", change)
        return found

    def skew(self, seconds: float) -> None:
        self.control("POST", "clock", {"skew": seconds})

    def configure(self, **settings: Any) -> None:
        """Change the connected app: `configure(rotation=True, session_seconds=5)`."""
        self.control("POST", "apps", settings)

    def act(self, act: str, **details: Any) -> Any:
        """Let somebody else do something: `act("update", sobject="Case", id=…, fields={…})`."""
        return self.control("POST", "acts", {"act": act, **details})["result"]
