"""SIGTERM: a daemon with work in flight leaves in time, and nothing is lost or done twice."""

import subprocess
from collections import defaultdict
from contextlib import closing

import pytest

from emulator.server import Emulator
from pipelines.vault import AccountVault
from tests.pipelines.push.ground import Place, update
from tests.system.processes import Site, eventually, in_order
from worker.daemon import _LAST_CALL, GRACE_MS

ROUNDS = 12
HANGS = {"delay": 600, "drop": "before"}
"""For longer than anybody waits here."""


def prepared(place: Place, site: Site) -> list[str]:
    """Submit some commands on some cases, and have the org answer slowly."""
    cases = [place.case() for _ in range(10)]
    place.submit(*(update(case, Subject=f"{n:02}") for n in range(ROUNDS) for case in cases))
    # However late the daemon is stopped, it has not done everything: the last is never answered.
    place.org.fault(match={"body": f'"{ROUNDS - 1:02}"'}, every=1, do=HANGS)
    place.org.fault(match={"method": "PATCH"}, every=1, do={"delay": 0.7})
    site.use(place.app.settings)
    return cases


def finished(place: Place, cases: list[str]) -> None:
    """Apply the rest, and prove by the journal that each record has all, once and in order."""
    done = {"applied": ROUNDS * len(cases)}
    place.org.clear_faults()
    place.clock.advance(minutes=2)
    place.drain_patiently(lambda: place.counts() == done)
    told = defaultdict(list)
    for entry in place.writes("Case"):
        told[entry["id"]].append(entry["fields"]["Subject"])
    assert told == in_order(cases, ROUNDS)


def test_the_contract_is_ten_seconds() -> None:
    """By the daemon's own alarm: how long this machine takes over it proves nothing."""
    assert GRACE_MS / 1000 < _LAST_CALL < 10


@pytest.mark.parametrize("role", ["up", "worker"])
def test_a_daemon_stops_in_time_and_loses_nothing(
    role: str, site: Site, sqlite_store_url: str, request: pytest.FixtureRequest
) -> None:
    """Stopped midway it exits with 0; what is left is applied by the next."""
    broker = "memory://" if role == "up" else request.getfixturevalue("redis_url")
    with Emulator(cases=200) as org:
        place = Place(org, sqlite_store_url, broker_url=broker, objects="Account")
        with closing(place.app):
            cases = prepared(place, site)
            if role == "worker":
                site.start("scheduler").ready()
            daemon = site.start(role).ready()
            eventually(lambda: place.counts().get("applied", 0) > 10, "work in flight")
            assert daemon.terminate() == 0, daemon.output()
            assert place.counts().get("applied", 0) < ROUNDS * len(cases)
            assert "Traceback" not in daemon.output()
            finished(place, cases)


def test_a_daemon_leaves_an_org_that_does_not_answer(site: Site, sqlite_store_url: str) -> None:
    """A request that hangs keeps nobody from leaving; it is looked up afterwards."""
    with Emulator(cases=200) as org:
        place = Place(org, sqlite_store_url, objects="Account")
        with closing(place.app):
            (command,) = place.submit(update(place.case(), Priority="High"))
            place.org.fault(match={"method": "PATCH"}, do=HANGS)
            site.use(place.app.settings)
            daemon = site.start("up").ready()
            eventually(lambda: place.state(command) == "sending", "the request is out")
            assert daemon.terminate() == 0
            assert place.state(command) == "sending"
            place.clock.advance(minutes=1)
            place.drain()
            assert place.state(command) == "applied"
            assert len(place.writes("Case")) == 1


def test_no_secret_is_ever_printed(site: Site, sqlite_store_url: str) -> None:
    """No token, secret or key is printed, stored readable, or shown by the list of processes."""
    with Emulator(cases=200, rotation=True) as org:
        place = Place(org, sqlite_store_url, objects="Account", log_level="debug", interval="1")
        with closing(place.app):
            assert place.app.client is not None  # linked
            secrets = [org.client_secret, org.refresh_token, key_of(place), *tokens(place)]
            site.use(place.app.settings)
            daemon = site.start("up").ready()
            for mishap in ({"drop": "after"}, {"status": 503, "html": True}, {"expire": "session"}):
                org.fault(match={"method": "PATCH"}, do=mishap)
                place.submit(update(place.case(), Priority="High"))
            org.fault(match={"path": "/query"}, do={"status": 401, "code": "INVALID_SESSION_ID"})
            org.expire_sessions()
            eventually(lambda: place.counts() == {"applied": 3}, "all applied")
            secrets += tokens(place)
            org.revoke_grants()
            place.submit(update(place.case(), Priority="High"))
            told = ("held_up", "account.rests")  # whoever meets it first, a push or a pull
            eventually(
                lambda: any(one in daemon.output() for one in told), "the dead grant is told"
            )
            shown = subprocess.run(["ps", "-ww", "-eo", "args"], capture_output=True, check=True)
            assert daemon.terminate() == 0
            verbs = [("settings", "--json"), ("accounts", "list", "--json"), ("commands", "list")]
            printed = daemon.output() + "".join(site.run(*words) for words in verbs)
            printed += shown.stdout.decode(errors="replace")
            printed += "".join(
                path.read_bytes().decode("latin-1") for path in site.folder.glob("store.db*")
            )
            assert "scsync_accounts" in printed  # the store has been looked through
            assert [secret for secret in secrets if secret in printed] == []
            assert len(set(secrets)) >= 6


def tokens(place: Place) -> list[str]:
    vault = AccountVault(
        place.app.store, place.app.name, cipher=place.app.cipher, clock=place.clock
    )
    token = vault.current()
    return [token.access_token, token.refresh_token or ""]


def key_of(place: Place) -> str:
    key = place.app.settings.secret_key
    assert key is not None
    return key.get_secret_value()
