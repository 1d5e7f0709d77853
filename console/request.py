"""One HTTP exchange as plain values, and the headers that every answer bears."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import msgspec

HTML = "text/html; charset=utf-8"
CSS = "text/css; charset=utf-8"
JSON = "application/json"
PROBLEM = "application/problem+json"
TEXT = "text/plain; charset=utf-8"
_ALWAYS = {
    "cache-control": "no-store",
    "content-security-policy": "default-src 'none'; style-src 'self'; frame-ancestors 'none'; "
    "base-uri 'none'; form-action 'none'",
    "referrer-policy": "no-referrer",
    "x-content-type-options": "nosniff",
}


@dataclass(frozen=True)
class Request:
    """What was asked; header names are lower case."""

    method: str
    path: str
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)
    body: bytes = field(default=b"", repr=False)


@dataclass(frozen=True)
class Answer:
    """What is said to it."""

    status: int
    body: bytes
    kind: str
    more: Mapping[str, str] = field(default_factory=dict)

    def headers(self) -> list[tuple[bytes, bytes]]:
        length = {"content-length": str(len(self.body))}
        named = {"content-type": self.kind, **length, **_ALWAYS, **self.more}
        return [(name.encode(), value.encode("latin-1")) for name, value in named.items()]


def document(value: Any, status: int = 200, *, kind: str = JSON) -> Answer:
    return Answer(status, msgspec.json.encode(value), kind)


def problem(status: int, title: str, detail: str, **more: Any) -> Answer:
    """Say what is wrong, as RFC 9457 has it."""
    said = {"status": status, "title": title, "detail": detail, **more}
    return document(said, status, kind=PROBLEM)


def text(body: str, status: int = 200, *, kind: str = TEXT) -> Answer:
    return Answer(status, body.encode(), kind)
