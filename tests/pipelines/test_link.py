"""A link is tried before it is kept, bound to its org, and made once from one token."""

from collections.abc import Iterator
from contextlib import ExitStack, closing
from dataclasses import replace
from typing import Any

import pytest
from cryptography.fernet import Fernet

from config.settings import Settings
from emulator.server import Emulator
from models.linked_account import GrantKind
from pipelines import link, repoint
from pipelines.terms import Terms
from salesforce.errors import GrantDead, Misconfigured, SalesforceError
from store import accounts
from store.engine import Store
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
        reader.link("5Aep861-mistyped")
    assert "mistyped" not in str(raised.value)
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


def test_a_dead_account_is_not_resumed_but_linked(reader: Reader) -> None:
    """Resuming cannot revive a grant, and says what can."""
    reader.org.revoke_grants()
    reader.org.expire_sessions()
    with pytest.raises(GrantDead):
        reader.client.limits()
    with pytest.raises(GrantDead, match="scsync link"):
        link.resume(reader.store, "default")


@pytest.mark.parametrize("reachable", [True, False])
def test_unlinking_forgets_the_grant_and_revokes_it(reader: Reader, *, reachable: bool) -> None:
    """The tokens are gone here; if Salesforce cannot be told, the answer says so."""
    if not reachable:
        fault = {"status": 503, "html": True}
        reader.org.fault(match={"path": "oauth2/revoke"}, do=fault, times=9)
    known = reader.vault().current()
    with reader.http() as http:
        told = link.unlink(
            "default", vault=reader.vault(), store=reader.store, app=reader.app, http=http
        )
    assert told is reachable
    with pytest.raises(GrantDead, match="not linked"):
        reader.vault().current()
    if reachable:
        with pytest.raises(SalesforceError):
            reader.link(known.refresh_token)


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
    repoint.repoint(reader.store, move, discard=False, clock=reader.clock)
    assert (reader.count("Account"), reader.mark("Account").since) == (0, None)
    with pytest.raises(Misconfigured, match="belongs to org"):
        reader.link(approve_again(reader.org))
    with reader.store.read() as tx:
        assert accounts.get(tx, "default") is None
        assert accounts.org(tx, "default") == move.to
