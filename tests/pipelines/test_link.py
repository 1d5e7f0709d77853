"""A link is tried before it is kept, bound to its org, and made once from one token."""

from collections.abc import Iterator
from contextlib import ExitStack, closing
from dataclasses import replace
from typing import Any

import msgspec
import pytest
from cryptography.fernet import Fernet

from config.settings import Settings
from emulator.server import Emulator
from models.linked_account import GrantKind
from pipelines import link, repoint
from pipelines.terms import Terms
from salesforce.errors import GrantDead, Misconfigured, SalesforceError, Unavailable
from salesforce.oauth import TokenAnswer
from store import accounts
from store.engine import Store
from tests.emulator.test_http_oauth import approved, exchange
from tests.pipelines.push.ground import settings_for
from tests.pipelines.reading import Reader, approve_again
from tests.pipelines.relay import relay
from worker.app import App


@pytest.fixture
def desk() -> Iterator[Emulator]:
    """An org of its own for each test, whose refresh tokens rotate."""
    with Emulator(cases=200, rotation=True) as org:
        yield org


@pytest.fixture
def start(desk: Emulator, sqlite_store_url: str) -> Iterator:
    """Start the program again and again, on one store and with one key."""
    key = Fernet.generate_key().decode()
    with ExitStack() as stack:

        def app(refresh_token: str | None) -> App:
            settings = Settings(
                _env_file=None,
                database_url=sqlite_store_url,
                login_url=desk.url,
                client_id=desk.client_id,
                client_secret=desk.client_secret,
                refresh_token=refresh_token,
                secret_key=key,
            )
            return stack.enter_context(closing(App(settings)))

        yield app


def grants(org: Emulator) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = org.control("GET", "grants")
    return found


def exchanged(org: Emulator) -> TokenAnswer:
    """Approve the app as a person does, and change the code for tokens as a program does."""
    answer = exchange(org, approved(org)["code"])
    return msgspec.json.decode(answer.content, type=TokenAnswer)


def _kept(store: Store) -> tuple[str | None, str]:
    with store.read() as tx:
        account = accounts.get(tx, "default")
    assert account is not None
    return account.org_id, account.state


def test_the_token_of_the_settings_links_once(desk: Emulator, start) -> None:
    """After rotation the first token is spent: a restart must not present it again."""
    token = desk.refresh_token
    assert start(token).client.limits()
    desk.expire_sessions()
    app = start(token)
    assert app.link_from_settings() is None
    assert app.client.limits()


def test_a_changed_token_links_anew(desk: Emulator, start) -> None:
    """Another value in the settings is a new link, after a dead grant as well."""
    assert start(desk.refresh_token).client.limits()
    desk.revoke_grants()
    with pytest.raises(GrantDead):
        start(desk.refresh_token).client.limits()
    app = start(approve_again(desk))
    assert app.client.limits()
    assert _kept(app.store)[1] == "linked"


def test_a_link_by_hand_is_not_undone_by_the_settings(desk: Emulator, start) -> None:
    """The old token still stands in the settings: it is not tried, which would revoke the new."""
    old = desk.refresh_token
    assert start(old).client.limits()
    desk.revoke_grants()
    start(old).link(approve_again(desk))
    app = start(old)
    assert app.link_from_settings() is None
    assert app.client.limits()
    assert start(None).client.limits()


def test_another_orgs_token_is_refused(reader: Reader) -> None:
    """A store belongs to one org: the token of another changes nothing."""
    before = _kept(reader.store)

    def other_org(_path: str, document: Any) -> Any:
        return {**document, "id": "https://login.example/id/00DRM0000000002AAA/005RM0000000001AAA"}

    with relay(reader.org.url, other_org) as url:
        app = replace(reader.app, login_url=url)
        with pytest.raises(Misconfigured, match="belongs to org 00DRM0000000002AAA") as raised:
            reader.link(approve_again(reader.org), app=app)
    assert (raised.value.code, _kept(reader.store)) == ("OTHER_ORG", before)


def test_a_token_that_is_refused_leaves_the_link_as_it_was(reader: Reader) -> None:
    """A typing mistake costs nothing, and the token is in no message."""
    with pytest.raises(GrantDead) as raised:
        reader.link("5Aep861-typed-amiss")
    assert "typed-amiss" not in str(raised.value)
    assert reader.client.limits()


def test_a_suspended_account_sends_nothing_until_resumed(reader: Reader) -> None:
    """An operator's word stops all calls, and lets them go again."""
    assert link.stop(reader.store, "default")
    with closing(reader.new_client()) as client, pytest.raises(GrantDead, match="suspended"):
        client.limits()
    assert link.resume(reader.store, "default")
    with closing(reader.new_client()) as client:
        assert client.limits()
    assert not link.stop(reader.store, "nobody")
    assert not link.resume(reader.store, "nobody")


def test_a_changed_token_does_not_lift_a_suspension(desk: Emulator, store_url: str) -> None:
    """What an operator has stopped, an operator lets go again: resumed, it works by the new one."""
    key = Fernet.generate_key().decode()

    def app(token: str) -> App:
        return App(settings_for(desk, store_url, secret_key=key, refresh_token=token))

    with closing(app(desk.refresh_token)) as before:
        assert before.client.limits()
        link.stop(before.store, "default")
    with closing(app(approve_again(desk))) as after:
        with pytest.raises(GrantDead, match="suspended"):
            after.client.limits()
        assert _kept(after.store)[1] == "suspended"
        assert after.link_from_settings() is None
        assert link.resume(after.store, "default")
        assert after.client.limits()


def test_a_dead_account_is_not_resumed_but_linked(reader: Reader) -> None:
    """Resuming cannot revive a grant, and says what can."""
    reader.org.revoke_grants()
    reader.org.expire_sessions()
    with pytest.raises(GrantDead):
        reader.client.limits()
    with pytest.raises(GrantDead, match="scsync link"):
        link.resume(reader.store, "default")


def _unlink(reader: Reader, cipher: Fernet | None = None) -> bool:
    with reader.http() as http:
        return link.unlink("default", store=reader.store, cipher=cipher or reader.cipher, http=http)


@pytest.mark.parametrize("reachable", [True, False])
def test_unlinking_forgets_the_grant_and_revokes_it(reader: Reader, *, reachable: bool) -> None:
    """The tokens are gone here; if Salesforce cannot be told, the answer says so."""
    if not reachable:
        fault = {"status": 503, "html": True}
        reader.org.fault(match={"path": "oauth2/revoke"}, do=fault, times=9)
    known = reader.vault().current()
    assert _unlink(reader) is reachable
    with pytest.raises(GrantDead, match="not linked"):
        reader.vault().current()
    if reachable:
        with pytest.raises(SalesforceError):
            reader.link(known.refresh_token)


def test_a_suspended_account_is_unlinked_at_salesforce_as_well(reader: Reader) -> None:
    """Its grant lives, so it is there to be revoked."""
    assert link.stop(reader.store, "default")
    assert _unlink(reader)
    assert grants(reader.org) == []


def test_what_was_not_revoked_is_not_said_to_be(reader: Reader) -> None:
    """With another key nobody can tell Salesforce which grant it is."""
    assert _unlink(reader, Fernet(Fernet.generate_key())) is False
    assert len(grants(reader.org)) == 1
    with pytest.raises(GrantDead, match="not linked"):
        _unlink(reader)


def test_a_dead_account_is_unlinked_without_a_fuss(reader: Reader) -> None:
    """Salesforce knows its grant no more."""
    reader.org.revoke_grants()
    reader.org.expire_sessions()
    with pytest.raises(GrantDead):
        reader.client.limits()
    with pytest.raises(GrantDead, match="scsync link"):
        link.stop(reader.store, "default")
    assert _unlink(reader)


def test_an_account_linked_by_another_grant_goes_on_where_it_stood(
    desk: Emulator, start: Any
) -> None:
    """The running client renews on the new terms: nothing has to be started again."""
    app = start(desk.refresh_token)
    assert app.client.limits()
    desk.revoke_grants()
    with pytest.raises(GrantDead):
        app.client.limits()
    with app.linker() as linker:
        linker.by_terms(Terms(GrantKind.CLIENT_CREDENTIALS))
    desk.expire_sessions()
    assert app.client.limits()


def test_a_grant_without_the_api_scope_is_not_kept(desk: Emulator, start: Any) -> None:
    """What would fail at the first call is refused at once, with the remedy."""
    app = start(None)
    desk.configure(scopes=["id", "refresh_token"])
    with app.linker() as linker, pytest.raises(Misconfigured, match="without api"):
        linker.by_terms(Terms(GrantKind.CLIENT_CREDENTIALS))
    with app.store.read() as tx:
        assert accounts.every(tx) == []


def test_a_repointed_account_takes_the_other_orgs_token_alone(reader: Reader) -> None:
    """Rows and watermarks of the old org are gone; only the new org may be linked."""
    assert reader.pull("Account").rows_read
    move = repoint.look(reader.store, "default", "00DRM0000000002")
    repoint.repoint(reader.store, move, operator="ada", discard=False, clock=reader.clock)
    assert (reader.count("Account"), reader.mark("Account").since) == (0, None)
    with pytest.raises(Misconfigured, match="belongs to org"):
        reader.link(approve_again(reader.org))
    with reader.store.read() as tx:
        assert accounts.get(tx, "default") is None
        assert accounts.org(tx, "default") == move.to


def test_a_token_whose_answer_was_lost_is_not_sent_again(desk: Emulator, start: Any) -> None:
    """The first link of all: a restart neither spends what is spent nor goes round in circles."""
    token, app = desk.refresh_token, start(desk.refresh_token)
    desk.fault(match={"path": "/services/oauth2/token"}, do={"drop": "after"})
    with pytest.raises(Unavailable):
        app.link_from_settings()
    desk.control("DELETE", "requests")
    with pytest.raises(GrantDead, match=r"the answer never came.*SCSYNC_REFRESH_TOKEN") as lost:
        start(token).link_from_settings()
    assert lost.value.code == "REFRESH_LOST"
    asked = [one["path"] for one in desk.requests()["recent"]]
    assert asked == ["/services/oauth2/introspect"]
    assert len(grants(desk)) == 1
    assert start(approve_again(desk)).link_from_settings()


@pytest.mark.parametrize("drop", ["before", "after"])
def test_a_token_that_is_current_still_is_sent_again(desk: Emulator, start: Any, drop: str) -> None:
    """The request never arrived, or the org does not rotate: the grant is as good as before."""
    desk.configure(rotation=False)
    desk.fault(match={"path": "/services/oauth2/token"}, do={"drop": drop})
    with pytest.raises(Unavailable):
        start(desk.refresh_token).link_from_settings()
    app = start(desk.refresh_token)
    assert app.link_from_settings()
    assert app.client.limits()


def test_a_spent_token_that_is_given_revokes_nothing(reader: Reader) -> None:
    """Whoever pastes the first token of a grant that lives is told, and the grant lives on."""
    spent = reader.org.refresh_token
    assert reader.vault().current().refresh_token != spent
    with pytest.raises(GrantDead, match=r"not active.*was not sent") as raised:
        reader.link(spent)
    assert raised.value.code == "TOKEN_NOT_ACTIVE"
    reader.org.expire_sessions()
    assert reader.client.limits()


def test_another_orgs_token_is_not_spent_to_find_out(reader: Reader) -> None:
    """Refused, it serves after the account was repointed to its org."""
    move = repoint.look(reader.store, "default", "00DRM0000000002")
    repoint.repoint(reader.store, move, operator="ada", discard=False, clock=reader.clock)
    token = approve_again(reader.org)
    with pytest.raises(Misconfigured, match="belongs to org"):
        reader.link(token)
    back = repoint.look(reader.store, "default", reader.org.org.id)
    repoint.repoint(reader.store, back, operator="ada", discard=False, clock=reader.clock)
    reader.link(token)
    assert reader.client.limits()


def test_a_token_without_the_api_scope_is_not_kept(desk: Emulator, start: Any) -> None:
    """By whichever way it comes."""
    app = start(None)
    desk.configure(scopes=["id", "refresh_token"])
    given = desk.control("POST", "grants", {"scopes": ["id", "refresh_token"]})["refresh_token"]
    with pytest.raises(Misconfigured, match="without api"):
        app.link(given)
    with app.store.read() as tx:
        assert accounts.every(tx) == []


def test_approving_again_and_again_leaves_one_grant(desk: Emulator, start: Any) -> None:
    """Each replaces the last: a user has five, and the sixth pushes out another installation's."""
    other = approve_again(desk)
    app = start(None)
    for _ in range(7):
        with app.linker() as linker:
            linker.by_approval(exchanged(desk))
        assert app.client.limits()
    assert len(grants(desk)) == 3  # the emulator's own, the other's, ours
    assert start(other).link_from_settings()


def test_a_token_got_elsewhere_is_not_revoked_when_it_is_replaced(
    desk: Emulator, start: Any
) -> None:
    """Another program may live on it."""
    app = start(None)
    app.link(desk.refresh_token)
    with app.linker() as linker:
        linker.by_approval(exchanged(desk))
    assert len(grants(desk)) == 2


def test_an_approval_that_is_refused_leaves_no_grant(desk: Emulator, start: Any) -> None:
    """It would be one of five."""
    app = start(desk.refresh_token)
    assert app.client.limits()
    with app.store.begin() as tx:
        tx.exec_driver_sql("UPDATE scsync_accounts SET org_id = '00DRM0000000002AAA'")
    with app.linker() as linker, pytest.raises(Misconfigured, match="belongs to org"):
        linker.by_approval(exchanged(desk))
    assert len(grants(desk)) == 1
