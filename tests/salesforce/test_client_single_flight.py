"""An expired session met by many at once is refreshed once, whatever dies in between."""

from __future__ import annotations

import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from types import SimpleNamespace

import httpx
import pytest

from salesforce import oauth, refresh
from salesforce.auth import TokenAuth
from salesforce.client import Client
from salesforce.errors import Forbidden, GrantDead, Misconfigured, SessionExpired, Unavailable
from salesforce.grants import RefreshToken
from salesforce.vault import LEASE
from tests.salesforce.scripted_org import Answer, problem, refusal
from tests.salesforce.vaults import FileVault, MemoryVault

WORKER = Path(__file__).with_name("single_flight_worker.py")


def test_thirty_threads_refresh_an_expired_session_once(org, client):
    """Under rotation, a second refresh with the spent token would kill the grant."""
    org.desk.access_token = "00D!other"
    org.desk.hold_until = lambda: len(org.data_calls()) >= 30
    with ThreadPoolExecutor(30) as pool:
        answers = list(pool.map(lambda _: client.limits(), range(30)))
    assert answers == [{}] * 30
    assert (org.desk.refreshes, org.desk.dead) == (1, False)


def test_several_processes_refresh_an_expired_session_once(org, token, tmp_path):
    """The vault's lease reaches over processes, where a lock does not."""
    FileVault(tmp_path / "vault.db", 60).create(token)
    org.desk.access_token = "00D!other"
    org.desk.hold_until = lambda: len(org.data_calls()) >= 4 * 8
    workers = [spawn(tmp_path, org, "work") for _ in range(4)]
    for worker in workers:
        worker.stdin.write("go\n")
        worker.stdin.flush()
    assert [worker.communicate()[0] for worker in workers] == ["8 answers\n"] * 4
    assert (org.desk.refreshes, org.desk.dead) == (1, False)


def test_a_killed_refresher_is_succeeded_when_its_lease_expires(org, token, tmp_path, app):
    """Nobody has to release what the dead held."""

    class Waiting(FileVault):
        """Finds the lease held once; by the next look its time is over."""

        waited = 0

        def lease(self, seen_version, owner):
            lease = super().lease(seen_version, owner)
            if lease is None:
                self.waited, self.ahead = self.waited + 1, 120.0
            return lease

    vault = Waiting(tmp_path / "vault.db", 60)
    vault.create(token)
    victim = spawn(tmp_path, org, "lease")
    assert victim.stdout.readline() == "leased\n"
    victim.kill()
    victim.communicate()
    org.desk.access_token = "00D!other"
    with Client(vault=vault, app=app) as client:
        assert client.limits() == {}
    assert (vault.waited, vault.current().refresh_token) == (1, "refresh1")


def test_a_rotated_token_is_stored_before_its_access_token_is_used(org, client, vault):
    """Were it used first, a crash in between would lose the only valid refresh token."""
    held_at_use = []
    org.on(
        "GET", "limits", lambda _: held_at_use.append(vault.token.refresh_token) or Answer(200, {})
    )
    org.desk.access_token = "00D!other"
    client.limits()
    assert held_at_use == ["refresh1"]


class Queue:
    """What those who need a fresh token queue up at; it knows how many came."""

    def __init__(self) -> None:
        self.came: list[float] = []
        self._lock = threading.Lock()

    def acquire(self, timeout: float) -> bool:
        self.came.append(timeout)
        return self._lock.acquire(timeout=timeout)

    def release(self) -> None:
        self._lock.release()


def test_those_who_queued_behind_a_refusal_do_not_repeat_it(org, client):
    """Thirty wrong logins at once would get the app throttled."""
    queue = client._session._auth._queue = Queue()
    org.desk.access_token = "00D!other"
    org.desk.hold_until = lambda: len(queue.came) == 30
    org.desk.refusals = [refusal("invalid_client", "invalid client credentials")] * 30
    with ThreadPoolExecutor(30) as pool:
        futures = [pool.submit(client.limits) for _ in range(30)]
    assert {type(future.exception()) for future in futures} == {Misconfigured}
    assert len(org.desk.forms) == 1


def test_a_grant_linked_anew_meanwhile_is_not_buried(org, vault, token):
    """The refusal was for the old token; the new one stands in the vault."""

    def relink(_, seen):
        vault.token = replace(token, access_token=org.desk.access_token, version=seen.version + 1)
        raise GrantDead("expired access/refresh token")

    with httpx.Client() as http:
        auth = TokenAuth(vault=vault, grant=relink, http=http)
        assert auth.renew(token).version == token.version + 1
    assert (vault.buried, vault.owner) == (None, None)


def test_a_rotated_token_outlives_a_vault_that_fails(org, token, app):
    """The only good refresh token is kept until it can be stored; a second refresh would kill it."""

    class Failing(MemoryVault):
        def store(self, token):
            if org.desk.refreshes and not self.stored:
                self.stored.append(token)
                raise OSError("disk full")
            return super().store(token)

    org.desk.access_token, vault = "00D!other", Failing(token)
    with Client(vault=vault, app=app) as client:
        with pytest.raises(OSError, match="disk full"):
            client.limits()
        assert client.limits() == {}
    assert (org.desk.refreshes, vault.token.refresh_token) == (1, "refresh1")


def test_those_who_wait_too_long_for_another_give_up(org, vault, app):
    """Waiting is bounded; the caller's retry has the longer breath."""
    vault.owner = "somebody else"
    with httpx.Client() as http:
        auth = TokenAuth(
            vault=vault, grant=RefreshToken(app), http=http, patience=timedelta(seconds=0.2)
        )
        with pytest.raises(Unavailable):
            auth.renew(vault.token)
    assert org.seen == []


def test_a_second_401_is_raised_and_nothing_loops(org, client):
    """One refresh and one replay, then the error belongs to the caller."""
    org.on("GET", "limits", *[problem(401, "INVALID_SESSION_ID")] * 3)
    with pytest.raises(SessionExpired):
        client.limits()
    assert (org.desk.refreshes, len(org.data_calls())) == (1, 2)


def test_a_session_that_no_refresh_heals_is_not_refreshed(org, client):
    """This text of a 401 means a missing scope, and would otherwise loop for ever."""
    text = "This session is not valid for use with the REST API"
    org.on("GET", "limits", problem(401, "INVALID_SESSION_ID", text))
    with pytest.raises(Forbidden, match="scope `api`"):
        client.limits()
    assert org.desk.refreshes == 0


def test_a_dead_grant_is_buried_and_stops_all_traffic(org, client, vault):
    """After the first refusal not one more request leaves the house."""
    org.desk.dead, org.desk.access_token = True, None
    for _ in range(2):
        with pytest.raises(GrantDead):
            client.limits()
    assert vault.buried
    assert len(org.seen) == 2


def test_a_wrong_secret_does_not_bury_the_grant(org, client, vault):
    """The refresh token is still good: mending the setting is enough."""
    org.desk.access_token = "00D!other"
    org.desk.refusals = [refusal("invalid_client", "invalid client credentials", 401)]
    with pytest.raises(Misconfigured, match="consumer key and secret"):
        client.limits()
    assert (vault.buried, vault.owner) == (None, None)
    assert client.limits() == {}


def test_a_refresh_refused_as_busy_is_tried_again(org, client):
    """Salesforce serialises refreshes of one token; the loser is not dead."""
    busy = refusal("invalid_grant", "token request is already being processed")
    org.desk.access_token, org.desk.refusals = "00D!other", [busy, busy]
    assert client.limits() == {}
    assert len(org.desk.forms) == 3


def test_who_was_refused_as_busy_late_leaves_the_next_try_to_another(
    org, client, vault, monkeypatch
):
    """A lease ends: what is sent after it might be a token that somebody else has spent."""
    late = iter([0.0, refresh.BUSY_FOR + 1])
    slow = SimpleNamespace(sleep=lambda _: None, monotonic=lambda: next(late))
    monkeypatch.setattr(refresh, "time", slow)
    busy = refusal("invalid_grant", "token request is already being processed")
    org.desk.access_token, org.desk.refusals = "00D!other", [busy, busy]
    with pytest.raises(Unavailable, match="under way"):
        client.limits()
    assert (len(org.desk.forms), vault.buried, vault.owner) == (1, None, None)


def test_a_lease_outlives_the_slowest_refresh():
    """As late a try as there may be, and all that it waits for the org."""
    longest = sum(filter(None, oauth.GRANTING.as_dict().values()))
    assert refresh.BUSY_FOR + longest < LEASE.total_seconds()


def test_a_token_endpoint_that_is_down_is_transient_and_frees_the_lease(org, client, vault):
    """An outage of the login host must not cost a re-authorisation where no token is replaced."""
    vault.token, org.desk.rotates = replace(vault.token, rotates=False), False
    org.desk.access_token, org.desk.refusals = "00D!other", [Answer(503, b"<html>down</html>")]
    with pytest.raises(Unavailable):
        client.limits()
    assert (vault.buried, vault.owner) == (None, None)
    assert client.limits() == {}


def test_the_token_of_another_org_is_refused(org, client, vault):
    """The account is pinned to its org; writing into another would be worse than stopping."""
    org.desk.access_token, org.desk.org = "00D!other", "00D000000000002EAA"
    with pytest.raises(GrantDead, match="00D000000000002EAA"):
        client.limits()
    assert vault.stored == []


def test_requests_follow_the_instance_url_of_the_latest_token(org, client, vault):
    """An org can move: the old address must not be asked again."""
    vault.token = type(vault.token)("", "refresh0", "https://gone.invalid", 1, "", "")
    assert client.limits() == {}
    assert vault.token.instance_url == org.url
    assert org.data_calls()[0].headers["host"] == org.url.removeprefix("http://")


def spawn(folder: Path, org, role: str) -> subprocess.Popen[str]:
    command = [sys.executable, str(WORKER), str(folder / "vault.db"), org.url, role]
    process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    if role == "work":
        assert process.stdout.readline() == "ready\n"
    return process
