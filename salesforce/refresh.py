"""One refresh under a lease, after which nobody has to guess whether the refresh token was spent.

Under rotation a refresh token is good for one refresh, and to present it twice revokes the grant.
So a sending is noted before it is made. Whoever finds such a note that nobody has answered asks
the org what became of the token, and sends it only if it is still the current one; where the org
does not tell, only if it was seen to leave refresh tokens as they are.
"""

from __future__ import annotations

import secrets
import time
from contextlib import nullcontext
from typing import TYPE_CHECKING

from salesforce.errors import GrantDead, Misconfigured, SalesforceError, Unavailable
from salesforce.refusals import BUSY, RELINK

if TYPE_CHECKING:
    from collections.abc import Callable
    from contextlib import AbstractContextManager

    import httpx

    from salesforce.grants import Grant
    from salesforce.vault import Lease, Token, TokenVault

    Witness = Callable[[httpx.Client, Token], bool | None]

_BUSY_WAITS = (0.2, 0.8)  # s; Salesforce serialises refreshes of one token and refuses the second
BUSY_FOR = 30.0  # s; whoever is refused later than that leaves the next try to another lease
# Who slept through the lease wakes with the answer in hand: there is time to store it.
_LATE = (0.3, 0.7, 1.0)  # s
LOST = "REFRESH_LOST"


def no_witness(_http: httpx.Client, _token: Token) -> bool | None:
    """Know nothing of any token."""
    return None


class Refresher:
    """Renews one account's token and keeps the new one, or leaves word of what is in doubt.

    The witness tells whether a refresh token is current; None: it cannot be known. `watch` is
    entered around each refresh.
    """

    def __init__(
        self,
        *,
        vault: TokenVault,
        grant: Grant,
        http: httpx.Client,
        witness: Witness,
        watch: Callable[[], AbstractContextManager[object]] = nullcontext,
    ) -> None:
        self._vault = vault
        self._grant = grant
        self._http = http
        self._witness = witness
        self._watch = watch
        self._unstored: Token | None = None

    def refresh(self, token: Token, lease: Lease) -> Token:
        """Return a newer token, ours or another's; the same one if the lease was lost."""
        with self._watch():
            return self._refreshed(token, lease)

    def store_what_is_left(self) -> None:
        """Store the token that the vault failed to take, if there is one."""
        if self._unstored:
            self._store(self._unstored)

    def _refreshed(self, token: Token, lease: Lease) -> Token:
        try:
            if lease.in_doubt:
                self._clear_doubt(token)
            if token.refresh_token and not self._vault.sending(lease.owner):
                return token
            renewed = self._granted(token)
        except GrantDead as error:
            return self._buried(token, lease, error)
        except SalesforceError as error:
            if isinstance(error, Misconfigured):
                self._vault.refused(str(error))
            if error.outcome_unknown or lease.in_doubt:
                self._vault.lapse(lease.owner)
            else:
                self._vault.release(lease.owner)
            raise
        except BaseException:
            self._vault.lapse(lease.owner)
            raise
        return self._store(renewed)

    def _store(self, renewed: Token) -> Token:
        # Under rotation this token is the only good one: should the vault fail, it is kept here,
        # its lease with it, and stored before anybody here asks for another.
        self._unstored = renewed
        token = self._vault.store(renewed)
        self._unstored = None
        return token

    def _buried(self, token: Token, lease: Lease, error: GrantDead) -> Token:
        for wait in _LATE if error.code == LOST else (0,):
            time.sleep(wait)
            overtaken = self._vault.current()
            if overtaken.version != token.version:
                self._vault.release(lease.owner)
                return overtaken
        self._vault.bury(str(error), lease.owner)
        raise error

    def _granted(self, token: Token) -> Token:
        began = time.monotonic()
        for wait in _BUSY_WAITS:
            try:
                return self._grant(self._http, token).after(token)
            except Unavailable as error:
                if error.code != BUSY:
                    raise
                busy = error
            time.sleep(wait * (1 + secrets.randbelow(100) / 100))
            if self._witness(self._http, token) is False:
                raise _lost()
            if time.monotonic() - began > BUSY_FOR:
                raise busy
        return self._grant(self._http, token).after(token)

    def _clear_doubt(self, token: Token) -> None:
        is_current = self._witness(self._http, token) if token.refresh_token else True
        # Where none is replaced, the token is as good as before: the refresh is simply repeated.
        if is_current is False or (is_current is None and token.rotates is not False):
            raise _lost()


def _lost() -> GrantDead:
    return GrantDead(
        "a refresh was sent and its answer never came; the org may have replaced the refresh token "
        "by one that nobody has",
        code=LOST,
        remedy=f"{RELINK} With --jwt-key or --client-credentials there is no such token.",
    )
