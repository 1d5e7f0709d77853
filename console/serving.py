"""Binds a port and serves the console on it: beside a daemon, or as a process of its own."""

import asyncio
import contextlib
import signal
import socket
import threading
from collections.abc import Callable, Iterator
from ipaddress import ip_address

import structlog
import uvicorn

from config.settings import ConfigError
from console.app import Console
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


class Serving:
    """One bound port; raises `ConfigError` for an address that is open to all without a token."""

    def __init__(self, parts: App, *, host: str = HOST, port: int) -> None:
        token = parts.settings.console_token
        address = address_of(host)
        if token is None and not ip_address(address).is_loopback:
            raise ConfigError(
                f"{host} can be reached by others: set SCSYNC_CONSOLE_TOKEN, or use {HOST}"
            )
        self._socket = bind(address, port)
        console = Console(parts, token=token.get_secret_value() if token else None)
        config = uvicorn.Config(
            console,
            http="h11",
            ws="none",
            lifespan="off",
            log_config=None,
            access_log=False,
            proxy_headers=False,
            server_header=False,
            timeout_graceful_shutdown=1,
        )
        self._server = QuietServer(config)

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


def address_of(host: str) -> str:
    try:
        return str(ip_address(HOST if host == "localhost" else host))
    except ValueError:
        raise ConfigError(f"{host} is not an address: use {HOST}, or 0.0.0.0 for all") from None


def bind(address: str, port: int) -> socket.socket:
    family = socket.AF_INET6 if ip_address(address).version == _IPV6 else socket.AF_INET
    try:
        return socket.create_server((address, port), family=family)
    except OSError as error:
        raise PortTaken(
            f"cannot listen on {address}:{port} ({error.strerror}): "
            "set SCSYNC_CONSOLE_PORT to another port"
        ) from None
