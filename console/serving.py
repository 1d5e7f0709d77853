"""Binds a port and serves the console on it: beside a daemon, or as a process of its own."""

import asyncio
import contextlib
import signal
import socket
import threading
from collections.abc import Callable, Iterator
from ipaddress import ip_address
from typing import Any

import structlog
import uvicorn

from config.settings import ConfigError
from store import keys
from worker import supervisor
from worker.app import App

HOST = "127.0.0.1"
_IPV6 = 6

log = structlog.get_logger()


class PortTaken(Exception):  # noqa: N818 - read at the call site
    """Nobody can listen there; the message names the remedy."""


class QuietServer(uvicorn.Server):
    """Leaves signals to whoever runs it."""

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


def quiet(app: Any) -> uvicorn.Config:
    """Have an application served that speaks HTTP alone, and logs for itself."""
    return uvicorn.Config(
        app,
        http="h11",
        ws="none",
        lifespan="on",
        log_config=None,
        access_log=False,
        proxy_headers=False,
        server_header=False,
        timeout_graceful_shutdown=1,
    )


class Serving:
    """One bound port; raises `ConfigError` for one that others reach and nobody has a key to."""

    def __init__(self, parts: App, *, host: str = HOST, port: int) -> None:
        address, is_loopback = address_for(parts, host)
        # Here, not above: only who serves it pays for a web framework, not every verb.
        from console.app import console  # noqa: PLC0415

        self._socket = bind(address, port)
        self._server = QuietServer(quiet(console(parts, is_loopback=is_loopback)))

    @property
    def port(self) -> int:
        return int(self._socket.getsockname()[1])

    @property
    def url(self) -> str:
        host, port = self._socket.getsockname()[:2]
        return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"

    def run(self, ready: Callable[[], None]) -> None:
        """Serve in this thread until SIGTERM or SIGINT."""

        async def serve() -> None:
            loop = asyncio.get_running_loop()
            for number in (signal.SIGTERM, signal.SIGINT):
                loop.add_signal_handler(number, self.stop)
            supervisor.tell("READY=1")
            ready()
            await self._server.serve(sockets=[self._socket])

        asyncio.run(serve())

    def start(self) -> threading.Thread:
        """Serve in a thread that ends with the process, or by `stop`."""
        serve = self._server.serve
        thread = threading.Thread(
            target=lambda: asyncio.run(serve(sockets=[self._socket])), name="console", daemon=True
        )
        thread.start()
        return thread

    def stop(self) -> None:
        self._server.should_exit = True


def beside(parts: App) -> Serving | None:
    """Serve the console of a daemon; a port that is taken costs the console, not the daemon."""
    if parts.settings.console_port == 0:
        return None
    try:
        serving = Serving(parts, port=parts.settings.console_port)
    except PortTaken as error:
        log.warning("console.not_served", reason=str(error))
        return None
    serving.start()
    log.info("console.served", url=serving.url)
    return serving


def somewhere(parts: App) -> Serving:
    """Serve the console at its usual port, or at a free one if somebody else has that."""
    try:
        serving = Serving(parts, port=parts.settings.console_port)
    except PortTaken:
        serving = Serving(parts, port=0)
    serving.start()
    return serving


def address_for(parts: App, host: str) -> tuple[str, bool]:
    """Give the address of a host, and whether it is this machine's alone.

    Raises `ConfigError` for one that others reach and nobody has a key to.
    """
    address = _address(host)
    is_loopback = ip_address(address).is_loopback
    if not is_loopback and not _has_keys(parts):
        raise ConfigError(
            f"{host} can be reached by others: make an API key first (scsync keys make NAME), "
            f"set SCSYNC_CONSOLE_TOKEN, or SCSYNC_PROXY_USER_HEADER, or use {HOST}"
        )
    return address, is_loopback


def _has_keys(parts: App) -> bool:
    settings = parts.settings
    if settings.console_token or settings.proxy_user_header:
        return True
    with parts.store.read() as tx:
        return any(key.is_good(parts.clock()) for key in keys.every(tx))


def _address(host: str) -> str:
    try:
        return str(ip_address(HOST if host == "localhost" else host))
    except ValueError:
        raise ConfigError(f"{host} is not an address: use {HOST}, or 0.0.0.0 for all") from None


def bind(address: str, port: int) -> socket.socket:
    family = socket.AF_INET6 if ip_address(address).version == _IPV6 else socket.AF_INET
    try:
        listening = socket.create_server((address, port), family=family)
    except OSError as error:
        raise PortTaken(
            f"cannot listen on {address}:{port} ({error.strerror}): "
            "set SCSYNC_CONSOLE_PORT to another port"
        ) from None
    # What is accepted inherits it. Else a body waits 40 ms until its head is acknowledged: asyncio
    # sees to that by itself only where a socket names its protocol, which this one does not.
    listening.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return listening
