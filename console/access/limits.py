"""How often one caller may ask: a bucket that fills by the second."""

import math
import threading
import time
from collections import OrderedDict
from collections.abc import Callable

from console.problems import Problem

_CALLERS = 10_000  # buckets kept: of a flood of addresses only the latest are remembered


class Buckets:
    """One bucket for each caller: `rate` a second on average, `burst` at once."""

    def __init__(
        self, rate: float, burst: float, *, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._rate = rate
        self._burst = burst
        self._clock = clock
        self._levels: OrderedDict[str, tuple[float, float]] = OrderedDict()
        self._turn = threading.Lock()

    def take(self, caller: str) -> None:
        """Take one; raises `Problem` when there is none, saying when there will be."""
        with self._turn:
            if (level := self._level(caller)) < 1:
                wait = math.ceil((1 - level) / self._rate)
                raise Problem(
                    429,
                    f"too many requests: try again in {wait} s",
                    headers={"retry-after": str(wait)},
                )
            self._keep(caller, level - 1)

    def is_empty(self, caller: str) -> bool:
        """Look without taking."""
        return self._level(caller) < 1

    def _level(self, caller: str) -> float:
        level, since = self._levels.get(caller, (self._burst, self._clock()))
        return min(self._burst, level + (self._clock() - since) * self._rate)

    def _keep(self, caller: str, level: float) -> None:
        self._levels[caller] = (level, self._clock())
        self._levels.move_to_end(caller)
        if len(self._levels) > _CALLERS:
            self._levels.popitem(last=False)


def guesses() -> Buckets:
    """Make the buckets of wrong keys: ten of one address at once, then one in ten seconds."""
    return Buckets(0.1, 10)
