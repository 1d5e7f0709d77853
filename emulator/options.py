"""How an emulated org is to be started."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TypedDict

# Where the sf CLI and a local program commonly wait for the browser to come back.
REDIRECT_URIS = (
    "http://localhost:1717/OauthRedirect",
    "http://localhost:8788/callback",
    "http://127.0.0.1:8788/callback",
    "http://localhost:8484/accounts/callback",
)


class Choices(TypedDict, total=False):
    """What a test may choose by keyword, as `Options` explains it."""

    cases: int
    seed: int
    port: int
    tls: bool
    live: bool
    live_seconds: float
    setup: bool
    api_limit: int
    session_seconds: float
    rotation: bool
    client_id: str | None
    client_secret: str | None
    refresh_token: str | None
    password: str
    certificate: str
    redirect_uris: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Options:
    """Everything that can be chosen at start; secrets left out are made up, new each time."""

    cases: int = 1000
    seed: int = 1
    host: str = "127.0.0.1"
    port: int = 0
    tls: bool = False
    live: bool = False
    live_seconds: float = 1.0
    state: str | None = None
    without: frozenset[str] = frozenset()
    setup: bool = False
    api_limit: int = 100_000
    session_seconds: float = 7200.0
    rotation: bool = False
    client_id: str | None = None
    client_secret: str | None = field(default=None, repr=False)
    refresh_token: str | None = field(default=None, repr=False)
    password: str = field(default="emulator", repr=False)
    certificate: str = field(default="", repr=False)
    redirect_uris: tuple[str, ...] = REDIRECT_URIS
