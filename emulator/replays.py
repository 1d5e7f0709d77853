"""Idempotent writes of the UI API: the first answer to a key is kept, and given again.

As the UI API guide's page "Prevent Record Duplication with Idempotent Record Writes" has it (fact
sheet 2.7). It names statuses, not error codes: those here are made up, as is what it leaves open,
that a refusal is kept like any other answer (`keeps_refusals`).
"""

from __future__ import annotations

import hashlib
import uuid
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

import msgspec

from emulator.errors import ApiError, bad
from emulator.exchange import error_answer
from emulator.flights import KEY_HEADER

if TYPE_CHECKING:
    from collections.abc import Callable

    from emulator.exchange import Answer, Request
    from emulator.flights import Flights

KEPT = timedelta(days=30)
MOST_BYTES = 9_000_000  # of an answer; a larger one is not kept, and nobody is told
_V4 = 4
_RETRY_AFTER = {"retry-after": "1"}
_REFUSED = 400


class UiManners(msgspec.Struct, forbid_unknown_fields=True, kw_only=True):
    """How an org's UI API behaves."""

    unsupported: tuple[str, ...] = ("CaseComment", "CaseHistory", "CaseMilestone", "Knowledge__kav")
    """Objects it does not serve."""
    keeps_refusals: bool = True
    """Whether the answer to a key is kept when it is a refusal."""


@dataclass(frozen=True, slots=True)
class Kept:
    """An answer, and whose request it was for."""

    user_id: str
    digest: str
    at: datetime
    answer: Answer


class Replays:
    """The answers kept, by key."""

    def __init__(self, flights: Flights, clock: Callable[[], datetime]) -> None:
        self.manners = UiManners()
        self._flights = flights
        self._clock = clock
        self._kept: dict[str, Kept] = {}

    def behave(self, changes: dict[str, Any]) -> None:
        self.manners = msgspec.convert(msgspec.to_builtins(self.manners) | changes, UiManners)

    def answer(self, request: Request, act: Callable[[], Answer]) -> Answer:
        """Carry a request out, or answer as when its key came first."""
        key = _key(request)
        if key is None:
            return act()
        if self._flights.has_earlier(key, request.flight):
            return _in_use("The first request with this Idempotency-Key is still being processed")
        if kept := self._find(key):
            return _again(kept, request)
        answer = _answered(act)
        if self._is_kept(answer):
            self._kept[key] = Kept(request.user_id, _digest(request), self._clock(), answer)
        return answer

    def _find(self, key: str) -> Kept | None:
        kept = self._kept.get(key)
        return kept if kept and self._clock() - kept.at <= KEPT else None

    def _is_kept(self, answer: Answer) -> bool:
        welcome = answer.status < _REFUSED or self.manners.keeps_refusals
        return welcome and len(answer.body) <= MOST_BYTES


def refuse_key(request: Request) -> None:
    """Refuse the header where it is not supported: everywhere but on records of the UI API."""
    if KEY_HEADER in request.headers:
        raise bad("IDEMPOTENCY_NOT_SUPPORTED", "Idempotency-Key is not supported for this resource")


def _key(request: Request) -> str | None:
    text = request.headers.get(KEY_HEADER)
    if text is None:
        return None
    key = text.strip().lower()
    try:
        is_key = str(uuid.UUID(key)) == key and uuid.UUID(key).version == _V4
    except ValueError:
        is_key = False
    if not is_key:
        raise bad("INVALID_IDEMPOTENCY_KEY", f"Idempotency-Key must be a UUID version 4: {text}")
    return key


def _again(kept: Kept, request: Request) -> Answer:
    if kept.user_id != request.user_id:
        return _in_use("This Idempotency-Key was used by another user")
    if kept.digest != _digest(request):
        message = "This Idempotency-Key was used for a different request"
        return error_answer(ApiError(422, "IDEMPOTENCY_KEY_MISMATCH", message))
    return kept.answer


def _in_use(message: str) -> Answer:
    return error_answer(ApiError(409, "IDEMPOTENCY_KEY_IN_USE", message)).adding(_RETRY_AFTER)


def _answered(act: Callable[[], Answer]) -> Answer:
    try:
        return act()
    except ApiError as error:
        return error_answer(error)


def _digest(request: Request) -> str:
    query = "&".join(f"{name}={value}" for name, value in sorted(request.query.items()))
    parts = (request.method, request.path, query)
    return hashlib.sha256("\n".join(parts).encode() + b"\n" + request.body).hexdigest()
