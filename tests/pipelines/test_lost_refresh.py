"""A refresh whose answer is lost: under rotation the spent token is never sent again."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from datetime import timedelta
from time import monotonic
from types import SimpleNamespace

import pytest
from cryptography.fernet import Fernet

from emulator.server import Emulator
from models.linked_account import AccountState
from pipelines.vault import AccountVault
from salesforce import refresh
from salesforce.errors import GrantDead, Unavailable
from salesforce.grants import RefreshToken
from salesforce.vault import LEASE, Token
from store import accounts, incidents
from tests.pipelines.push.ground import settings_for
from tests.pipelines.reading import Reader, approve_again
from tests.pipelines.test_link import exchanged
from worker.app import App

KEY = Fernet.generate_key().decode()
TOKEN, INTROSPECT = "/services/oauth2/token", "/services/oauth2/introspect"


@pytest.fixture
def desk() -> Iterator[Emulator]:
    """An org whose refresh tokens rotate, and whose sessions end when a test says so."""
    with Emulator(cases=50, rotation=True) as org:
        yield org


def asked(org: Emulator, path: str) -> int:
    return sum(1 for entry in org.requests()["recent"] if entry["path"] == path)


def lose_a_refresh(reader: Reader, drop: str) -> None:
    reader.client.limits()
    reader.org.expire_sessions()
    reader.org.fault(match={"path": TOKEN}, do={"drop": drop})
    with pytest.raises(Unavailable):
        reader.client.limits()


def stand_still(reader: Reader, owner: str) -> tuple[AccountVault, Token]:
    """Refresh, and outlast the lease with the answer in hand."""
    vault = reader.vault()
    token = vault.current()
    assert vault.lease(token.version, owner)
    assert vault.sending(owner)
    with reader.http() as http:
        renewed = RefreshToken(reader.app)(http, token).after(token)
    reader.clock.ahead = LEASE + timedelta(seconds=1)
    return vault, renewed


def test_a_spent_token_is_not_sent_again(reader: Reader) -> None:
    """The org says that the token was replaced: one sentence for a person, and then no traffic."""
    lose_a_refresh(reader, "after")
    refreshes = asked(reader.org, TOKEN)
    with pytest.raises(GrantDead, match=r"its answer never came.*scsync link"):
        reader.client.limits()
    total = reader.org.requests()["total"]
    with pytest.raises(GrantDead, match="its answer never came"):
        reader.client.limits()
    assert (asked(reader.org, TOKEN), reader.org.requests()["total"]) == (refreshes, total)
    reader.link(approve_again(reader.org))
    assert reader.client.limits()


def test_a_refresh_that_never_arrived_is_made_again(reader: Reader) -> None:
    """The org says that the token is current: nobody has to be bothered."""
    lose_a_refresh(reader, "before")
    assert reader.client.limits()


def test_an_org_that_does_not_say_is_not_tried(reader: Reader) -> None:
    """Where the app may not introspect, a doubtful token counts as spent if tokens rotate."""
    lose_a_refresh(reader, "before")
    reader.org.fault(match={"path": INTROSPECT}, do={"status": 403, "code": "FORBIDDEN"})
    refreshes = asked(reader.org, TOKEN)
    with pytest.raises(GrantDead, match="its answer never came"):
        reader.client.limits()
    assert asked(reader.org, TOKEN) == refreshes


def test_a_doubt_outlives_an_org_that_is_away(reader: Reader) -> None:
    """While nobody can say, nothing is sent and nothing is given up."""
    lose_a_refresh(reader, "before")
    reader.org.fault(match={"path": INTROSPECT}, do={"status": 503, "html": True})
    refreshes = asked(reader.org, TOKEN)
    with pytest.raises(Unavailable):
        reader.client.limits()
    assert asked(reader.org, TOKEN) == refreshes
    assert reader.client.limits()


def test_without_rotation_it_is_simply_repeated(reader: Reader) -> None:
    """The token is as good as it was, whether or not the org lets us ask."""
    reader.org.configure(rotation=False)
    reader.link(approve_again(reader.org))
    reader.org.fault(match={"path": INTROSPECT}, times=9, do={"status": 403, "code": "FORBIDDEN"})
    lose_a_refresh(reader, "after")
    assert reader.client.limits()


@pytest.mark.parametrize("rotation", [True, False])
def test_a_first_refresh_that_is_lost_may_have_spent_the_token(
    reader: Reader, *, rotation: bool
) -> None:
    """Approved in a browser, nothing was seen of rotation: what nobody knows is not tried."""
    reader.org.configure(rotation=rotation)
    with reader.http() as http:
        reader.linker(http).by_approval(exchanged(reader.org))
    reader.org.fault(match={"path": INTROSPECT}, times=9, do={"status": 403, "code": "FORBIDDEN"})
    lose_a_refresh(reader, "after")
    refreshes = asked(reader.org, TOKEN)
    with pytest.raises(GrantDead, match="may have replaced"):
        reader.client.limits()
    assert asked(reader.org, TOKEN) == refreshes


def test_a_refresh_without_a_new_token_tells_that_none_is_spent(reader: Reader) -> None:
    """From then on a lost answer needs nobody, though a browser made the link."""
    reader.org.configure(rotation=False)
    with reader.http() as http:
        reader.linker(http).by_approval(exchanged(reader.org))
    reader.org.expire_sessions()
    assert reader.client.limits()
    reader.org.fault(match={"path": INTROSPECT}, times=9, do={"status": 403, "code": "FORBIDDEN"})
    lose_a_refresh(reader, "after")
    assert reader.client.limits()


def test_who_dies_after_sending_leaves_word_of_it(reader: Reader) -> None:
    """The next one, when the lease has run out, does not send what the dead one sent."""
    reader.client.limits()
    stand_still(reader, "dying")
    reader.org.expire_sessions()
    refreshes = asked(reader.org, TOKEN)
    with pytest.raises(GrantDead, match="its answer never came"):
        reader.client.limits()
    assert asked(reader.org, TOKEN) == refreshes


def test_who_wakes_with_the_answer_in_hand_is_waited_for(
    reader: Reader, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A machine that slept through its lease: nobody is bothered, and nobody sees an error."""
    reader.client.limits()
    reader.org.expire_sessions()
    sleeper, renewed = stand_still(reader, "sleeper")
    before = asked(reader.org, INTROSPECT)
    told = []

    def wake(_: float) -> None:
        """Come back while the other one waits, having heard that the token is spent."""
        told.append(asked(reader.org, INTROSPECT))
        sleeper.store(renewed)

    monkeypatch.setattr(refresh, "time", SimpleNamespace(sleep=wake, monotonic=monotonic))
    assert reader.client.limits()
    assert told == [before + 1]
    with reader.store.read() as tx:
        assert incidents.still_open(tx) == []


def test_who_comes_late_with_the_only_good_token_is_heard(reader: Reader) -> None:
    """A refresher that was frozen for long revives the account that was given up meanwhile."""
    reader.client.limits()
    slow, renewed = stand_still(reader, "slow")
    reader.org.expire_sessions()
    with pytest.raises(GrantDead):
        reader.client.limits()
    assert not slow.sending("slow")
    slow.store(renewed)
    assert reader.client.limits()


def test_a_refresh_that_meets_a_suspension_is_kept(reader: Reader) -> None:
    """An operator's suspension stops calls; it does not lose the token that is under way."""
    reader.client.limits()
    vault = reader.vault()
    token = vault.current()
    assert vault.lease(token.version, "under way")
    with reader.store.begin() as tx:
        accounts.move(tx, "default", AccountState.SUSPENDED)
    with reader.http() as http:
        vault.store(RefreshToken(reader.app)(http, token).after(token))
    with reader.store.begin() as tx:
        assert accounts.get(tx, "default").state == "suspended"  # type: ignore[union-attr]
        accounts.move(tx, "default", AccountState.LINKED)
    reader.org.expire_sessions()
    with closing(reader.new_client()) as other:
        assert other.limits()


def test_processes_that_start_together_link_once(desk: Emulator, store_url: str) -> None:
    """The refresh token of the settings is spent by one of them; the others use what it got."""
    desk.fault(match={"path": TOKEN}, do={"delay": 0.3})
    apps = [App(settings_for(desk, store_url, secret_key=KEY)) for _ in range(4)]
    with ThreadPoolExecutor(len(apps)) as pool:
        linked = list(pool.map(lambda app: app.link_from_settings(), apps))
    assert (sum(one is not None for one in linked), asked(desk, TOKEN)) == (1, 1)
    for app in apps:
        assert app.client.limits()
        app.close()
