"""A session is renewed before it ends, where the org tells when that is."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

import httpx
import pytest

from emulator.server import Emulator
from salesforce.auth import TokenAuth
from salesforce.errors import GrantDead
from salesforce.foresight import AGAIN, IN_USE, MARGIN, Foresight
from salesforce.grants import RefreshToken
from salesforce.introspect import Introspection
from salesforce.oauth import AppCredentials
from salesforce.vault import blank
from tests.salesforce.vaults import MemoryVault

if TYPE_CHECKING:
    from collections.abc import Iterator

NOON = datetime(2026, 1, 2, 12, tzinfo=UTC)
LIFE = 7_200.0  # s, of a session here


class Traveller:
    """Calls an org by one account's token, at times of its choosing."""

    def __init__(self, org: Emulator, http: httpx.Client) -> None:
        self.now = 0.0
        self._org = org
        self._http = http
        app = AppCredentials(org.client_id, org.client_secret, org.url)
        self.vault = MemoryVault(blank(org.refresh_token))
        self._auth = TokenAuth(
            vault=self.vault,
            grant=RefreshToken(app),
            http=http,
            foresight=Foresight(Introspection(app).left, http, clock=lambda: self.now),
        )
        self.call()  # fetches the token
        self.call()  # is the first to use it

    def call(self) -> int:
        request = self._http.build_request("GET", "/services/data/v67.0/limits")
        return self._http.send(request, auth=self._auth).status_code

    def later(self, seconds: float) -> None:
        """Let time pass, here and in the org."""
        self.now += seconds
        self._org.skew(self.now)

    @property
    def tokens(self) -> int:
        """How many tokens were granted so far."""
        return len(self.vault.stored)

    @property
    def looks(self) -> int:
        return int(self._org.requests()["counts"].get("oauth.introspect", 0))


@pytest.fixture
def org() -> Iterator[Emulator]:
    """An org in which, as with us, time passes only where a test says so."""
    with Emulator(cases=1, clock=lambda: NOON) as emulator:
        yield emulator


@pytest.fixture
def traveller(org: Emulator) -> Iterator[Traveller]:
    with httpx.Client() as http:
        yield Traveller(org, http)


def test_a_session_is_renewed_before_a_call_meets_its_end(
    org: Emulator, traveller: Traveller
) -> None:
    """The org is asked once a minute is over, and once more before the end: two small requests."""
    traveller.later(IN_USE - 1)
    traveller.call()
    assert (traveller.looks, traveller.tokens) == (0, 1)
    traveller.later(1)
    for _ in range(3):
        traveller.call()
    assert (traveller.looks, traveller.tokens) == (1, 1)
    traveller.later(LIFE - IN_USE - MARGIN + 1)
    before = org.requests()["total"]
    assert traveller.call() == 200
    assert (traveller.looks, traveller.tokens) == (2, 2)
    assert org.requests()["total"] - before == 3  # a look, a refresh, and the call: no 401
    traveller.later(MARGIN + 1)
    assert traveller.call() == 200
    assert traveller.tokens == 2


def test_a_session_that_ended_otherwise_is_renewed_as_ever(
    org: Emulator, traveller: Traveller
) -> None:
    """Nobody knows of an administrator's click beforehand."""
    org.expire_sessions()
    assert traveller.call() == 200
    assert traveller.tokens == 2


def test_an_org_that_does_not_tell_is_not_asked_all_the_time(
    org: Emulator, traveller: Traveller
) -> None:
    """Ten minutes go by; then it may be another app's setting."""
    org.fault(match={"path": "/introspect"}, do={"status": 403})
    traveller.later(IN_USE)
    for _ in range(3):
        assert traveller.call() == 200
    looks = traveller.looks
    traveller.later(AGAIN)
    traveller.call()
    assert traveller.looks == looks + 1


def test_a_renewal_that_fails_leaves_the_session_in_use(
    org: Emulator, traveller: Traveller
) -> None:
    """The login host is down for a while: calls go on, and it is tried again soon."""
    traveller.later(LIFE - MARGIN)
    org.fault(match={"path": "/token"}, do={"status": 503}, times=1)
    assert traveller.call() == 200
    assert traveller.tokens == 1
    traveller.later(11)
    assert traveller.call() == 200
    assert traveller.tokens == 2


def test_a_grant_that_died_is_told_before_its_session_ends(
    org: Emulator, traveller: Traveller
) -> None:
    """The account stops then and there."""
    traveller.later(IN_USE)
    org.revoke_grants()
    with pytest.raises(GrantDead, match="scsync link"):
        traveller.call()
    assert traveller.vault.buried
