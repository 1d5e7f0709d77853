"""Breaks a connection on purpose, below HTTP, where only the server's own cycle can reach."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable

    from uvicorn.protocols.http.h11_impl import RequestResponseCycle


def break_off(send: Callable[..., Any]) -> None:
    """Close the connection at once; whatever was not sent never will be."""
    _silenced(send).transport.abort()


def cut_off(send: Callable[..., Any]) -> None:
    """Close the connection after what was sent so far."""
    _silenced(send).transport.close()


def _silenced(send: Callable[..., Any]) -> RequestResponseCycle:
    """Return uvicorn's cycle behind `send`, told that its client has gone.

    Otherwise it would take the missing answer for a fault of the application and send a 500.
    """
    cycle: RequestResponseCycle = send.__self__  # type: ignore[attr-defined]
    cycle.disconnected = True
    return cycle
