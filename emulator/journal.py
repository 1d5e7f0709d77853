"""Every applied write, in order: what a test reads to prove "once, and in order"."""

from __future__ import annotations

from collections import deque
from typing import Any

_MOST = 400_000  # entries kept; the oldest go first


class Journal:
    """A bounded list of applied writes, numbered from 1."""

    def __init__(self) -> None:
        self._entries: deque[dict[str, Any]] = deque(maxlen=_MOST)
        self.last = 0

    def note(self, **entry: Any) -> None:
        self.last += 1
        self._entries.append({"seq": self.last, **entry})

    def since(self, seq: int) -> list[dict[str, Any]]:
        return [entry for entry in self._entries if entry["seq"] > seq]

    def rewind(self, seq: int) -> None:
        """Forget what a rollback undid."""
        while self._entries and self._entries[-1]["seq"] > seq:
            self._entries.pop()
        self.last = seq
