"""Words to systemd, where it started us and wants to hear them (`sd_notify`)."""

import os
import socket
from functools import cache

import structlog

_TAKEN_WITHIN = 1.0  # s: a supervisor that does not read must not hold up a heart

log = structlog.get_logger()


def tell(word: str) -> None:
    """Send a state such as `READY=1`; without NOTIFY_SOCKET nobody listens.

    A supervisor that cannot be told stops nothing: it is logged once.
    """
    address = os.environ.get("NOTIFY_SOCKET")
    if not address:
        return
    # A leading @ stands for an abstract socket.
    target = f"\0{address[1:]}" if address.startswith("@") else address
    try:
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as line:
            line.settimeout(_TAKEN_WITHIN)
            line.connect(target)
            line.send(word.encode())
    except OSError as error:
        _say_once(address, error.strerror or str(error))


@cache
def _say_once(address: str, why: str) -> None:
    remedy = "see who set NOTIFY_SOCKET, and whether it listens there"
    log.warning("supervisor.unheard", address=address, why=why, remedy=remedy)
