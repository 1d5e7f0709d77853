"""The requests under way: numbered as they arrive, gone when their answer is sent."""

from __future__ import annotations

import itertools
from contextlib import contextmanager
from dataclasses import replace
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

    from emulator.exchange import Request

KEY_HEADER = "idempotency-key"


class Flights:
    """Which requests overlap, and with which idempotency keys they came."""

    def __init__(self) -> None:
        self._numbers = itertools.count(1)
        self._keys: dict[int, str] = {}

    @contextmanager
    def arrived(self, request: Request) -> Iterator[Request]:
        """Give a request its number for as long as it is under way."""
        number = next(self._numbers)
        self._keys[number] = request.headers.get(KEY_HEADER, "").strip().lower()
        try:
            yield replace(request, flight=number)
        finally:
            del self._keys[number]

    def has_earlier(self, key: str, flight: int) -> bool:
        """Tell whether a request with this key arrived before and is still unanswered."""
        return any(number < flight and one == key for number, one in self._keys.items())
