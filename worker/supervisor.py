"""Words to systemd, where it started us and wants to hear them (`sd_notify`)."""

import os
import socket


def tell(word: str) -> None:
    """Send a state such as `READY=1`; without NOTIFY_SOCKET nobody listens."""
    address = os.environ.get("NOTIFY_SOCKET")
    if not address:
        return
    if address.startswith("@"):
        address = f"\0{address[1:]}"  # an abstract socket
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as line:
        line.connect(address)
        line.send(word.encode())
