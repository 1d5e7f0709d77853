"""A throwaway Redis on a free loopback port, with or without an append-only file."""

import signal
import socket
from collections.abc import Iterator
from contextlib import contextmanager

from tests.services.ground import throwaway_directory
from tests.services.places import Route, redis_program
from tests.services.server import Server, free_port


@contextmanager
def redis_server(route: Route | None = None, *, appendonly: bool = False) -> Iterator[Server]:
    """Run a Redis of one's own; it remembers across a restart only with `appendonly`."""
    program = redis_program(route)
    with throwaway_directory() as directory:
        port = free_port()
        # Written before it is answered, which a kill -9 leaves: the usual everysec answers first
        # where the disk is slow.
        append = ("--appendonly", "yes" if appendonly else "no", "--appendfsync", "no")
        keep = ("--save", "", *append)
        where = ("--bind", "127.0.0.1", "--port", str(port), "--dir", str(directory))
        server = Server(
            url=f"redis://127.0.0.1:{port}/0",
            command=[str(program), *where, *keep],
            directory=directory,
            stop_signal=signal.SIGTERM,
            is_ready=lambda: _answers(port),
        )
        try:
            server.start()
            yield server
        finally:
            server.stop()


def _answers(port: int) -> bool:
    try:
        with socket.create_connection(("127.0.0.1", port), timeout=2) as connection:
            connection.sendall(b"PING\r\n")
            return connection.recv(16).startswith(b"+PONG")
    except OSError:
        return False
