"""Attaches the account's token to each request; renews it once on 401, for everybody at once.

Single flight has two levels: a lock makes the threads of one process queue up behind one of
them, the vault's lease lets one process win. Losers use what the winner stored.
"""

from __future__ import annotations

import threading
import time
from contextlib import nullcontext
from copy import copy
from datetime import timedelta
from typing import TYPE_CHECKING
from uuid import uuid4

import httpx

from salesforce import wire
from salesforce.errors import GrantDead, SalesforceError, Unavailable
from salesforce.refresh import Refresher, no_witness
from salesforce.refusals import BUSY, BY_ITSELF

if TYPE_CHECKING:
    from collections.abc import Callable, Generator
    from contextlib import AbstractContextManager

    from salesforce.foresight import Foresight
    from salesforce.grants import Grant
    from salesforce.refresh import Witness
    from salesforce.vault import Token, TokenVault

PATIENCE = timedelta(seconds=30)  # for somebody else's refresh, which usually takes one second
_ASK_WHERE_EVERY = 300.0  # s
_POLL = 0.05  # s, between looks at the vault while somebody else refreshes


class TokenAuth(httpx.Auth):
    """An httpx flow over one account's vault; requests need a path only, the host is the token's.

    A token is stored before it is used: when rotation is on, the old one is dead by then.
    """

    def __init__(
        self,
        *,
        vault: TokenVault,
        grant: Grant,
        http: httpx.Client,
        witness: Witness = no_witness,
        foresight: Foresight | None = None,
        patience: timedelta = PATIENCE,
        watch_refresh: Callable[[], AbstractContextManager[object]] = nullcontext,
    ) -> None:
        self._vault = vault
        self._refresher = Refresher(
            vault=vault, grant=grant, http=http, witness=witness, watch=watch_refresh
        )
        self._foresight = foresight
        self._patience = patience.total_seconds()
        self._http = http
        self._witness = witness
        self._looked_for_org = 0.0
        self._queue = threading.Lock()
        self._failures = 0
        self._failure: SalesforceError | None = None

    def sync_auth_flow(
        self, request: httpx.Request
    ) -> Generator[httpx.Request, httpx.Response, None]:
        token = self._vault.current()
        is_fresh = not token.access_token
        if is_fresh:
            token = self.renew(token)
        elif self._foresight and self._foresight.is_ending(token):
            token = self._renewed_early(token)
        target = request.url.raw_path.decode("ascii")
        response = yield _addressed(request, target, token)
        is_refused = _session_expired(response)
        if is_refused and not is_fresh:
            is_fresh, token = True, self.renew(token)
            response = yield _addressed(request, target, token)
            is_refused = _session_expired(response)
        if is_fresh:
            # Another refresh would fare no better: how soon there may be one is for all to know.
            self._vault.judged(token.version, is_refused=is_refused)

    def has_moved(self, url: httpx.URL) -> bool:
        """Tell whether the org lives elsewhere by now than at this address, which does not answer.

        Only a refresh tells. Since every refresh is a risk under rotation, it is made when the
        login host is seen to answer, and once in some minutes.
        """
        token = self._vault.current()
        if not _is_at(token, url):
            return True
        now = time.monotonic()
        if self._looked_for_org and now - self._looked_for_org < _ASK_WHERE_EVERY:
            return False
        self._looked_for_org = now
        try:
            self._witness(self._http, token)
            return not _is_at(self.renew(token), url)
        except GrantDead:
            raise
        except SalesforceError:
            return False  # nobody answers: what the call itself met is to be told

    def renew(self, seen: Token) -> Token:
        """Return a token newer than the one seen, refreshing it unless somebody else does."""
        deadline, failures = time.monotonic() + self._patience, self._failures
        if not self._queue.acquire(timeout=self._patience):
            raise _still_busy()
        try:
            return self._renewed(seen, deadline, failures)
        except SalesforceError as error:
            self._failures, self._failure = self._failures + 1, error
            raise
        finally:
            self._queue.release()

    def _renewed_early(self, token: Token) -> Token:
        try:
            return self.renew(token)
        except GrantDead:
            raise
        except SalesforceError:
            return token  # its session still serves; once it has ended, the refusal is told

    def _renewed(self, seen: Token, deadline: float, failures: int) -> Token:
        owner = str(uuid4())
        self._refresher.store_what_is_left()
        while True:
            token = self._vault.current()
            if token.version != seen.version:
                return token
            if self._failure and self._failures != failures:
                # Who queued up behind a refusal has his answer: no storm upon the login host.
                raise copy(self._failure)
            if lease := self._vault.lease(seen.version, owner):
                token = self._refresher.refresh(seen, lease)
                if token.version != seen.version:
                    return token
            if time.monotonic() >= deadline:
                raise _still_busy()
            time.sleep(_POLL)


def _addressed(request: httpx.Request, target: str, token: Token) -> httpx.Request:
    request.url = httpx.URL(token.instance_url + target)
    request.headers["Host"] = request.url.netloc.decode("ascii")
    request.headers["Authorization"] = f"Bearer {token.access_token}"
    return request


def _is_at(token: Token, url: httpx.URL) -> bool:
    return httpx.URL(token.instance_url).netloc == url.netloc


def _session_expired(response: httpx.Response) -> bool:
    if not wire.may_have_expired(response.status_code):
        return False
    response.read()
    reply = wire.Reply(response.status_code, response.headers, response.content)
    return wire.is_session_expired(reply)


def _still_busy() -> Unavailable:
    return Unavailable(
        "somebody else has been refreshing the token for long", code=BUSY, remedy=BY_ITSELF
    )
