"""The transports: a host's pipes, or streamable HTTP."""

import asyncio
import os
import signal
from collections.abc import Awaitable, Callable

import structlog
from mcp.server.stdio import stdio_server
from mcp.server.transport_security import TransportSecuritySettings

from agents.guard import Guard, holder
from agents.server import Agents
from console.access.door import Door
from console.serving import HOST, QuietServer, address_for, bind, quiet
from worker import supervisor
from worker.app import App

PATH = "/mcp"
LARGEST_BODY = 1 << 20
_SIGNALS = (signal.SIGTERM, signal.SIGINT)
_OWN_NAMES = ("127.0.0.1", "localhost", "[::1]")

log = structlog.get_logger()


def serve_pipes(parts: App, operator: str, ready: Callable[[], None]) -> None:
    """Serve one host over standard input and output until it closes them.

    What it hands in is the operator's, as the audit calls whoever started us.
    """
    agents = Agents(parts, holder(operator))
    server = agents.server()

    async def serve() -> None:
        # A read of standard input can't be called off: once told to end, we leave from under it.
        _on_signals(lambda: _leave(agents, parts))
        async with stdio_server() as (read, write):
            ready()
            await server.run(read, write, server.create_initialization_options())
        await asyncio.to_thread(agents.stop)

    asyncio.run(serve())


async def _leave(agents: Agents, parts: App) -> None:
    log.info("agents.told_to_end")
    await asyncio.to_thread(agents.stop)
    await asyncio.to_thread(parts.hush)
    os._exit(0)


def _on_signals(act: Callable[[], Awaitable[None]]) -> None:
    loop = asyncio.get_running_loop()
    tasks = set()
    for number in _SIGNALS:
        loop.add_signal_handler(number, lambda: tasks.add(asyncio.ensure_future(act())))


class Serving:
    """One bound port; raises `ConfigError` for one that others reach and nobody has a key to."""

    def __init__(self, parts: App, *, host: str = HOST, port: int) -> None:
        address, is_loopback = address_for(parts, host)
        self._agents = Agents(parts)
        door = Door(parts, is_loopback=is_loopback)
        app = self._agents.server().streamable_http_app(
            streamable_http_path=PATH,
            max_request_body_size=LARGEST_BODY,
            transport_security=_own_names() if door.is_open else _any_name(),
        )
        self._socket = bind(address, port)
        self._server = QuietServer(quiet(Guard(app, door=door)))

    @property
    def url(self) -> str:
        host, port = self._socket.getsockname()[:2]
        return f"http://[{host}]:{port}{PATH}" if ":" in host else f"http://{host}:{port}{PATH}"

    def run(self, ready: Callable[[], None]) -> None:
        """Serve in this thread until SIGTERM or SIGINT."""

        async def serve() -> None:
            loop = asyncio.get_running_loop()
            for number in _SIGNALS:
                loop.add_signal_handler(number, self.stop)
            supervisor.tell("READY=1")
            ready()
            await self._server.serve(sockets=[self._socket])
            await asyncio.to_thread(self._agents.stop)

        asyncio.run(serve())

    def stop(self) -> None:
        self._server.should_exit = True


def _own_names() -> TransportSecuritySettings:
    """Answer to this machine's own names only: a stranger's page may have its name point here."""
    return TransportSecuritySettings(
        allowed_hosts=[f"{name}:*" for name in _OWN_NAMES],
        allowed_origins=[f"http://{name}:*" for name in _OWN_NAMES],
    )


def _any_name() -> TransportSecuritySettings:
    """Answer to any name: a key keeps strangers out."""
    return TransportSecuritySettings(enable_dns_rebinding_protection=False)
