"""A request's body: read whole, within bounds, and handed on as if nobody had looked."""

from starlette.requests import Request
from starlette.types import Message, Receive

from console.problems import Problem

LARGEST_BODY = 8 << 20
"""Bytes: some ten thousand commands; whoever has more sends them in parts."""
LARGEST_FORM = 1 << 14
"""Bytes of what somebody may send whom we do not know yet."""


async def read_body(request: Request, *, at_most: int = LARGEST_BODY) -> bytes:
    """Read a body; raises `Problem` for one that is too large, at the first byte too many."""
    said = request.headers.get("content-length", "")
    if said.isdigit() and int(said) > at_most:
        raise _too_large(at_most)
    parts, size = [], 0
    async for part in request.stream():
        parts.append(part)
        size += len(part)
        if size > at_most:
            raise _too_large(at_most)
    return b"".join(parts)


def replayed(body: bytes, receive: Receive) -> Receive:
    """Give the body once more, then whatever comes."""
    is_given = False

    async def again() -> Message:
        nonlocal is_given
        if is_given:
            return await receive()
        is_given = True
        return {"type": "http.request", "body": body, "more_body": False}

    return again


def _too_large(at_most: int) -> Problem:
    # What is left of the body is not read: the connection ends with the answer.
    return Problem(
        413, f"at most {at_most:,} bytes: send it in parts", headers={"connection": "close"}
    )
