"""A request's body: read whole, within bounds, and handed on as if nobody had looked."""

from starlette.requests import Request
from starlette.types import Message, Receive

from console.access.limits import LARGEST_BODY
from console.problems import Problem


async def read_body(request: Request) -> bytes:
    """Read a body; raises `Problem` for one that is too large, at the first byte too many."""
    said = request.headers.get("content-length", "")
    if said.isdigit() and int(said) > LARGEST_BODY:
        raise _too_large()
    parts, size = [], 0
    async for part in request.stream():
        parts.append(part)
        size += len(part)
        if size > LARGEST_BODY:
            raise _too_large()
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


def _too_large() -> Problem:
    # What is left of the body is not read: the connection ends with the answer.
    return Problem(
        413, f"at most {LARGEST_BODY:,} bytes: send it in parts", headers={"connection": "close"}
    )
