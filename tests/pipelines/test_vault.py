"""Tokens rest as ciphertext, are renewed once for all processes, and die for all at once."""

import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
from cryptography.fernet import Fernet

from emulator.server import Emulator
from models.incident import IncidentKind
from salesforce.errors import GrantDead, Misconfigured, SessionExpired
from salesforce.vault import LEASE
from store import accounts, incidents, rests
from store.engine import Store
from tests.pipelines import refreshing
from tests.pipelines.reading import Reader, approve_again
from tests.store.shared import migrated


@pytest.fixture
def desk() -> Iterator[Emulator]:
    """An org of its own for each test: grants die here, and refresh tokens rotate."""
    with Emulator(cases=200, rotation=True) as org:
        yield org


def _data_calls(org: Emulator) -> int:
    return sum(1 for entry in org.requests()["recent"] if "/services/data/" in entry["path"])


def _refreshes(org: Emulator) -> int:
    recent = org.requests()["recent"]
    return sum(1 for entry in recent if entry["path"] == "/services/oauth2/token")


def test_no_token_stands_readable_in_the_file(desk: Emulator, tmp_path: Path) -> None:
    """Neither the refresh token nor the access token is in the database's bytes."""
    with (
        migrated(f"sqlite:///{tmp_path / 'store.db'}") as store,
        closing(Reader(desk, store)) as reader,
    ):
        reader.client.limits()
        token = reader.vault().current()
    stored = b"".join(path.read_bytes() for path in tmp_path.iterdir())
    assert b"scsync_accounts" in stored
    for secret in (token.access_token, token.refresh_token, desk.refresh_token, reader.key):
        assert secret
        assert secret.encode() not in stored
    assert token.access_token not in repr(token)


def test_the_wrong_key_is_said_in_so_many_words(reader: Reader) -> None:
    """A lost key ends in a clear refusal with the remedy, not in a cryptographer's error."""
    with pytest.raises(GrantDead, match=r"cannot be decrypted.*SCSYNC_SECRET_KEY") as raised:
        reader.vault(Fernet(Fernet.generate_key())).current()
    assert raised.value.code == "WRONG_SECRET_KEY"


def test_many_threads_and_processes_refresh_once(reader: Reader) -> None:
    """Two processes of four threads meet an expired session: one refresh, nobody is refused."""
    org = reader.org
    reader.client.limits()
    org.expire_sessions()
    before = _refreshes(org)
    url = reader.store.url.render_as_string(hide_password=False)
    arguments = [url, reader.key, org.client_id, org.client_secret, org.url]
    command = [sys.executable, "-m", refreshing.__name__, *arguments]
    started = [subprocess.Popen(command, stderr=subprocess.PIPE) for _ in range(2)]
    for process in started:
        _, said = process.communicate(timeout=60)
        assert process.returncode == 0, said.decode()[-2_000:]
    assert _refreshes(org) - before == 1
    reader.client.limits()
    assert reader.vault().current().refresh_token != org.refresh_token


def test_only_who_saw_the_current_token_may_renew_it(reader: Reader) -> None:
    """Who comes with a token that was renewed meanwhile, or while another renews, is turned away."""
    reader.client.limits()
    vault, version = reader.vault(), reader.vault().current().version
    assert not vault.lease(version - 1, "late")
    assert vault.lease(version, "first")
    assert not vault.lease(version, "second")
    vault.release("second")
    assert not vault.lease(version, "second")
    vault.release("first")
    assert vault.lease(version, "second")


def test_a_dead_grant_stops_all_calls(reader: Reader) -> None:
    """After one refusal nothing is sent any more, by this client or by another."""
    reader.client.limits()
    reader.org.revoke_grants()
    with pytest.raises(GrantDead):
        reader.client.limits()
    calls, refreshes = _data_calls(reader.org), _refreshes(reader.org)
    with pytest.raises(GrantDead):
        reader.client.limits()
    with closing(reader.new_client()) as other, pytest.raises(GrantDead):
        other.limits()
    assert (_data_calls(reader.org), _refreshes(reader.org)) == (calls, refreshes)


def test_a_pull_on_a_dead_grant_is_recorded_and_raised(reader: Reader) -> None:
    """The whole cycle ends, the run says why, the object is free for the next."""
    reader.org.revoke_grants()
    reader.org.expire_sessions()
    with pytest.raises(GrantDead):
        reader.pull()
    assert (reader.run().outcome, bool(reader.run().error_code)) == ("failed", True)
    assert reader.mark().owner is None


def test_linking_anew_revives_a_dead_account(store: Store) -> None:
    """With a new refresh token the same client works again, without a restart."""
    with Emulator(cases=200) as org, closing(Reader(org, store)) as reader:
        reader.client.limits()
        org.revoke_grants()
        with pytest.raises(GrantDead):
            reader.client.limits()
        reader.link(approve_again(org))
        assert reader.client.limits()
        with store.read() as tx:
            account = accounts.get(tx, "default")
        assert account is not None
        assert (account.state, account.reason) == ("linked", None)


def test_a_clock_that_is_ahead_takes_nobodys_lease(
    desk: Emulator, postgres_store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A machine whose time is wrong would send the token that another one is spending."""
    with closing(Reader(desk, postgres_store)) as reader:
        token = reader.vault().current()
        assert reader.vault().lease(token.version, "mine")
        reader.clock.ahead = 2 * LEASE
        monkeypatch.setattr("store.clock._ours", reader.clock)
        assert reader.vault().lease(token.version, "theirs") is None
        assert reader.vault().sending("mine")


def test_who_is_refused_for_his_keys_is_an_incident(reader: Reader) -> None:
    """The grant stands, no call gets through: somebody has to know, until it is mended."""

    def refused() -> list[str]:
        with reader.store.read() as tx:
            found = incidents.still_open(tx)
        return [one.message for one in found if one.kind == IncidentKind.LOGIN_REFUSED]

    keys = reader.app
    for _ in range(2):
        reader.app = replace(keys, client_secret="wrong")
        reader.org.expire_sessions()
        with closing(reader.new_client()) as client, pytest.raises(Misconfigured):
            client.limits()
    (message,) = refused()
    assert "SCSYNC_CLIENT_SECRET" in message
    reader.app = keys
    with closing(reader.new_client()) as client:
        assert client.limits()
    assert refused() == []


def test_a_session_that_is_refused_at_once_is_no_reason_to_ask_for_the_next(
    reader: Reader,
) -> None:
    """Locked to an address that changes, say: two tries, then rests that grow; then by itself."""

    def tries(calls: int = 20) -> int:
        before = _refreshes(reader.org)
        for _ in range(calls):
            with pytest.raises((SessionExpired, Misconfigured)):
                reader.client.limits()
        return _refreshes(reader.org) - before

    def incident() -> list[str]:
        with reader.store.read() as tx:
            return [one.kind for one in incidents.still_open(tx)]

    reader.client.limits()
    refused = {"status": 401, "code": "INVALID_SESSION_ID"}
    reader.org.fault(match={"path": "/services/data"}, every=1, do=refused)
    assert tries() == 2
    with closing(reader.new_client()) as other, pytest.raises(Misconfigured, match="Session Set"):
        other.limits()
    assert incident() == [IncidentKind.LOGIN_REFUSED]
    made = []
    for minutes in (1.1, 0.5, 1, 2, 1, 10, 60, 29, 2):
        reader.clock.ahead += timedelta(minutes=minutes)
        made.append(tries(calls=3))
    assert made == [1, 0, 1, 0, 1, 1, 1, 0, 1]
    reader.org.clear_faults()
    with pytest.raises(Misconfigured):
        reader.client.limits()
    assert incident() == [IncidentKind.LOGIN_REFUSED]
    reader.clock.ahead += 1.1 * rests.LONGEST
    assert reader.client.limits()
    assert incident() == []


def test_linking_anew_ends_a_rest(reader: Reader) -> None:
    """Whoever has mended it need not wait."""
    reader.client.limits()
    refused = {"status": 401, "code": "INVALID_SESSION_ID"}
    reader.org.fault(match={"path": "/services/data"}, every=1, do=refused)
    for _ in range(3):
        with pytest.raises((SessionExpired, Misconfigured)):
            reader.client.limits()
    reader.org.clear_faults()
    reader.link(approve_again(reader.org))
    assert reader.client.limits()


def test_one_session_that_ends_early_costs_no_rest(reader: Reader) -> None:
    """Two sessions refused in a row are a rule, one is an accident."""
    reader.client.limits()
    refused = {"status": 401, "code": "INVALID_SESSION_ID"}
    for _ in range(3):
        reader.org.fault(match={"path": "/services/data"}, times=2, do=refused)
        with pytest.raises(SessionExpired):
            reader.client.limits()
        assert reader.client.limits()
