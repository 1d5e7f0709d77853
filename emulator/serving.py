"""Binds a loopback port and serves one instance on it until told to stop."""

from __future__ import annotations

import asyncio
import contextlib
import random
import socket
import tempfile
from ipaddress import ip_address
from pathlib import Path
from typing import TYPE_CHECKING

import uvicorn

from emulator import desk
from emulator.app import App
from emulator.clock import SkewedClock
from emulator.instance import Instance
from emulator.tls import write_certificate

if TYPE_CHECKING:
    from collections.abc import Callable, Generator
    from datetime import datetime

    from emulator.options import Options

LONGEST_HEAD = 1 << 20  # so that a long URI meets our 414 and not h11's 400
BACKLOG = 256
KEEP_ALIVE_SECONDS = 120


class ServingError(Exception):
    """Why no org can be served there, in one line."""


class _Server(uvicorn.Server):
    """Tells when it listens, stops when told to, and leaves signals to whoever runs it."""

    def __init__(self, config: uvicorn.Config, ready: Callable[[], None]) -> None:
        super().__init__(config)
        self._ready = ready
        self._told = asyncio.Event()

    def stop(self) -> None:
        self.should_exit = True
        self._told.set()

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        self._ready()

    async def main_loop(self) -> None:
        """Sleep until told to stop; uvicorn's own looks ten times a second."""
        await self._told.wait()

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Hang up on clients that keep their connections open, which uvicorn and TLS wait for."""
        for listener in (*self.servers, *(sockets or ())):
            listener.close()
        for connection in list(self.server_state.connections):
            if connection.transport is not None:
                connection.transport.abort()
        await asyncio.sleep(0)

    @contextlib.contextmanager
    def capture_signals(self) -> Generator[None, None, None]:
        yield


class Serving:
    """An instance with its port; `run` serves in the calling thread, where the org lives too."""

    def __init__(self, options: Options, clock: Callable[[], datetime] | None = None) -> None:
        self.options = options
        self._server: _Server | None = None
        self._files: tuple[Path, Path] | None = None
        with contextlib.ExitStack() as resources:
            self._socket = resources.enter_context(_bind(options))
            if options.tls:
                folder = resources.enter_context(tempfile.TemporaryDirectory(prefix="emulator-"))
                self._files = write_certificate(Path(folder))
            self.instance = Instance(options, SkewedClock(clock))
            resources.callback(self.instance.org.close)
            self._resources = resources.pop_all()
        self.app = App(self.instance)

    @property
    def url(self) -> str:
        port = self._socket.getsockname()[1]
        host = f"[{self.options.host}]" if ":" in self.options.host else self.options.host
        return f"{'https' if self.options.tls else 'http'}://{host}:{port}"

    @property
    def ca_file(self) -> Path | None:
        return self._files[0] if self._files else None

    async def run(self, ready: Callable[[], None]) -> None:
        """Serve until `stop`; what the live desk cannot do ends the serving too."""
        self._server = _Server(self._config(), ready)
        live = asyncio.create_task(self._live()) if self.options.live else None
        serving = asyncio.create_task(self._server.serve(sockets=[self._socket]))
        tasks = [task for task in (live, serving) if task]
        done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        self.stop()
        await serving
        if live is not None and live not in done:
            live.cancel()
        for task in done:
            task.result()

    def stop(self) -> None:
        """Stop at once: no waiting for clients that keep their connections open."""
        if self._server is not None:
            self._server.stop()

    def close(self) -> None:
        self._resources.close()

    async def _live(self) -> None:
        dice = random.Random(self.options.seed)
        while True:
            await asyncio.sleep(self.options.live_seconds * dice.uniform(0.5, 1.5))
            desk.tick(self.instance.org, dice)

    def _config(self) -> uvicorn.Config:
        certificate, key = self._files or (None, None)
        return uvicorn.Config(
            self.app,
            http="h11",
            ws="none",
            lifespan="off",
            log_config=None,
            access_log=False,
            proxy_headers=False,
            date_header=False,
            server_header=False,
            h11_max_incomplete_event_size=LONGEST_HEAD,
            timeout_keep_alive=KEEP_ALIVE_SECONDS,
            timeout_graceful_shutdown=1,
            ssl_certfile=certificate,
            ssl_keyfile=key,
        )


def _bind(options: Options) -> socket.socket:
    host = "127.0.0.1" if options.host == "localhost" else options.host
    try:
        address = ip_address(host)
    except ValueError as error:
        raise ServingError(f"{host} is not an address; the emulated org takes loopback") from error
    if not address.is_loopback:
        raise ServingError(f"the emulated org serves loopback only, not {host}")
    family = socket.AF_INET if address.version == 4 else socket.AF_INET6  # noqa: PLR2004 - IPv4
    # The protocol is named because asyncio switches Nagle's delay off only where it is.
    bound = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        bound.bind((host, options.port))
        bound.listen(BACKLOG)
    except OSError as error:
        bound.close()
        message = f"cannot listen on {host}:{options.port}: {error.strerror}"
        raise ServingError(message) from error
    return bound
