"""A loopback port that stays ours until the program listens there, and afterwards."""

import socket
import sys
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def kept_port(port: int = 0) -> Iterator[int]:
    """Keep a port without listening: nobody else is given it, and who calls it is refused.

    A server that reuses addresses, as ours do, may listen there all the same.
    """
    with socket.socket() as keeper:
        keeper.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        keeper.bind(("127.0.0.1", port))
        found: int = keeper.getsockname()[1]
        if sys.platform != "linux":  # where no second socket would be let in
            keeper.close()
        yield found
