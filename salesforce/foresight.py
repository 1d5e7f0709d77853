"""Foresight: a session that is about to end is renewed before a call meets its end.

A token answer does not say how long its session lasts; introspection does. Salesforce prolongs a
session that is used, so the org is asked again shortly before the end that it told last.
"""

from __future__ import annotations

import threading
import time
from typing import TYPE_CHECKING

from salesforce.errors import SalesforceError

if TYPE_CHECKING:
    from collections.abc import Callable

    import httpx

    from salesforce.vault import Token

    TimeLeft = Callable[[httpx.Client, Token], float | None]

IN_USE = 60.0
"""Seconds that a token has to be in use before anybody asks: short runs never do."""
MARGIN = 60.0
"""Seconds before its end at which a session is renewed."""
AGAIN = 600.0
"""Seconds after which an org that did not tell is asked again."""
_HELD_UP = (
    10.0  # s, after which a renewal that failed is tried again; until then the session serves
)


class Foresight:
    """Watches the session that one process uses; `left` tells how many seconds it has, or None."""

    def __init__(
        self, left: TimeLeft, http: httpx.Client, *, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._left = left
        self._http = http
        self._clock = clock
        self._asking = threading.Lock()
        self._version: int | None = None
        self._look_at = 0.0

    def is_ending(self, token: Token) -> bool:
        """Tell whether to renew now; one caller is told so, the others use what there is."""
        if not self._asking.acquire(blocking=False):
            return False
        try:
            return self._looked(token)
        finally:
            self._asking.release()

    def _looked(self, token: Token) -> bool:
        now = self._clock()
        if token.version != self._version:
            self._version, self._look_at = token.version, now + IN_USE
        if now < self._look_at:
            return False
        try:
            left = self._left(self._http, token)
        except SalesforceError:
            left = None  # the org's word is a help, not a need: a 401 has the session renewed, too
        if left is None:
            self._look_at = now + AGAIN
            return False
        is_ending = left <= MARGIN
        self._look_at = now + (_HELD_UP if is_ending else left - MARGIN)
        return is_ending
