"""Bad settings and bad luck: one line with the remedy, the right exit code, and nothing lost."""

import ctypes
import resource
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import pytest

from emulator.server import Emulator
from tests.cli.conftest import Desk, Done, login
from tests.services import Server, free_port


def one_line(done: Done, code: int, *parts: str) -> None:
    """One line for a person, nothing for a machine, and the code."""
    assert (done.code, done.out) == (code, ""), done.err
    assert len(done.said.splitlines()) == 1, done.said
    assert [part for part in parts if part not in done.said] == [], done.said


@pytest.mark.parametrize(
    ("change", "code", "parts"),
    [
        ({"CLIENT_ID": ""}, 2, ["SCSYNC_CLIENT_ID is not set", "scsync demo"]),
        ({"REFRESH_TOKEN": ""}, 3, ["not linked", "SCSYNC_REFRESH_TOKEN"]),
        ({"CLIENT_SECRET": "wrong"}, 2, ["invalid_client", "consumer key and secret"]),
        ({"CLIENT_ID": "wrong"}, 2, ["invalid_client_id", "consumer key and secret"]),
        ({"REFRESH_TOKEN": "wrong"}, 3, ["mistyped", "was not sent", "scsync link --browser"]),
        ({"LOGIN_URL": "http://127.0.0.1:9"}, 1, ["http://127.0.0.1:9", "SCSYNC_LOGIN_URL"]),
        ({"LOGIN_URL": "http://example.com"}, 2, ["SCSYNC_LOGIN_URL", "must be https://"]),
        ({"SCOPES": "api"}, 2, ["SCSYNC_SCOPES lacks refresh_token"]),
        ({"SECRET_KEY": "short"}, 2, ["SCSYNC_SECRET_KEY is not a key", "make one with"]),
        ({"INTERVAL": "-1"}, 2, ["SCSYNC_INTERVAL", "greater than 0"]),
        ({"OBJECTS": "Case,Csae"}, 2, ["Csae is not in the catalogue", "CaseComment"]),
        ({"DATABASE_URL": "mysql://x"}, 2, ["SCSYNC_DATABASE_URL", "postgresql+psycopg://"]),
        ({"DATABASE_URL": "sqlite:////nowhere/x.db"}, 1, ["cannot be opened", "folder"]),
        (
            {"DATABASE_URL": "postgresql+psycopg://u:hush@127.0.0.1:9/x"},
            1,
            ["does not answer", "SCSYNC_DATABASE_URL"],
        ),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, dict) else "",
)
def test_a_wrong_setting_is_named_with_its_remedy(
    desk: Desk, change: dict[str, str], code: int, parts: list[str]
) -> None:
    """Each one by itself, on settings that are right otherwise."""
    desk.settings |= change
    done = desk.run("pull", "User")
    one_line(done, code, *parts)
    assert not any(secret in done.err for secret in ("hush", login_secrets(desk)))


def login_secrets(desk: Desk) -> str:
    return desk.settings["REFRESH_TOKEN"] or "\0"


@pytest.mark.parametrize(
    ("broker", "code", "part"),
    [
        ("memory://", 2, "redis://"),
        ("redis://:hush@127.0.0.1:9/0", 1, "start it, or set SCSYNC_BROKER_URL"),
        ("http://x", 2, "SCSYNC_BROKER_URL"),
    ],
)
def test_a_worker_says_which_queue_it_lacks(desk: Desk, broker: str, code: int, part: str) -> None:
    """A role of its own needs a Redis that answers, and the password stays untold."""
    desk.settings |= {"BROKER_URL": broker}
    done = desk.run("worker")
    one_line(done, code, part)
    assert "hush" not in done.err


@pytest.mark.parametrize(
    ("name", "text", "part"),
    [
        ("scsync.toml", b"interval = [", "not valid TOML"),
        ("scsync.toml", b"intervall = 3", "did you mean interval?"),
        ("scsync.toml", b"client_id = '\xff'", "not UTF-8"),
        ("scsync.toml", b"[objects.Csae]\ninterval = 3", "[objects.Csae]"),
        ("scsync.toml", b"[objects.Case]\ninterval = -3", "[objects.Case] interval"),
        (".env", b"SCSYNC_INTERVALL=3\n", "did you mean SCSYNC_INTERVAL?"),
        (".env", b"SCSYNC_CLIENT_ID=\xff\n", "not UTF-8"),
    ],
)
def test_a_file_that_will_not_do_is_named(
    empty_desk: Desk, name: str, text: bytes, part: str
) -> None:
    """With the place in it, before anything is called or stored."""
    (empty_desk.folder / name).write_bytes(text)
    one_line(empty_desk.run("status"), 2, part)
    assert not (empty_desk.folder / "scsync.db").exists()


def unprivileged() -> None:
    """Let the modes of files count for root, too: capabilities 1 to 3 are those that pass them."""
    for capability in (1, 2, 3):
        ctypes.CDLL(None).prctl(24, capability, 0, 0, 0)


@pytest.mark.parametrize("name", ["scsync.toml", ".env"])
def test_a_file_that_may_not_be_read_is_named(desk: Desk, name: str) -> None:
    """It is not taken for an empty one."""
    (desk.folder / name).touch(mode=0o000)
    one_line(desk.run_after(unprivileged, "status"), 2, name, "Permission denied")


def test_a_read_only_store_is_told(desk: Desk) -> None:
    """File and folder without write access, and then with it."""
    desk.run("pull", "User")
    (desk.folder / "scsync.db").chmod(0o444)
    desk.folder.chmod(0o555)
    one_line(desk.run_after(unprivileged, "pull", "User"), 1, "read-only", "write access")
    desk.folder.chmod(0o755)
    (desk.folder / "scsync.db").chmod(0o644)
    assert desk.run("pull", "User").code == 0


@pytest.fixture
def many_cases() -> Iterator[Emulator]:
    """More than an empty store and its log have room for."""
    with Emulator(cases=2_000) as emulator:
        yield emulator


def test_a_full_disk_loses_nothing(desk: Desk, many_cases: Emulator) -> None:
    """What fitted is kept whole; with room again, the same command brings the rest."""
    desk.settings |= login(many_cases)
    desk.run("db", "upgrade")
    size = (desk.folder / "scsync.db").stat().st_size + 60_000

    def little_room() -> None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (size, size))

    one_line(desk.run_after(little_room, "pull", "Case", "CaseComment"), 1, "store", "disk")
    with sqlite3.connect(desk.folder / "scsync.db") as store:
        assert store.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
        store.execute("UPDATE scsync_watermarks SET lease_until = '2000-01-01T00:00:00.000Z'")
    desk.run("pull", "Case", "CaseComment")
    assert desk.run("verify", "Case", "CaseComment").code == 0


def scribble(path: Path) -> None:
    path.write_text("no database, whatever it says " * 200)


def age(path: Path) -> None:
    with closing(sqlite3.connect(path)) as store:  # the last one out tidies the log away
        store.execute("UPDATE scsync_schema SET version_num = '9999'")
        store.commit()


@pytest.mark.parametrize(
    ("spoil", "parts"),
    [
        (scribble, ["damaged or not a database", "restore it"]),
        (age, ["9999", "a newer scsync made it", "install that version"]),
    ],
)
def test_a_store_that_will_not_do_is_left_alone(
    desk: Desk, spoil: Callable[[Path], None], parts: list[str]
) -> None:
    """Damaged, or made by a newer program: told, and not written to."""
    path = desk.folder / "scsync.db"
    desk.run("db", "upgrade")
    spoil(path)
    before = path.read_bytes()
    one_line(desk.run("pull"), 1, *parts)
    assert path.read_bytes() == before


def test_a_key_that_others_can_read_is_refused(desk: Desk) -> None:
    """The key file is made for its owner alone, and only trusted like that."""
    assert desk.run("link").code == 0
    key = desk.folder / "scsync.key"
    assert key.stat().st_mode & 0o777 == 0o600
    key.chmod(0o644)
    one_line(desk.run("pull", "User"), 2, "scsync.key can be read by others", "chmod 600")


def test_a_lost_key_is_mended_by_linking_anew(desk: Desk) -> None:
    """Only the tokens are lost with it: red until it is back, or linked anew; none is made."""
    desk.run("pull", "User")
    key = desk.folder / "scsync.key"
    kept = key.read_text()
    key.unlink()
    one_line(desk.run("pull", "User"), 3, "scsync.key holds no key", "scsync link")
    status = desk.run("status")
    assert (status.code, "cannot work: WRONG_SECRET_KEY" in status.out) == (3, True), status.out
    assert not key.exists()
    key.touch(mode=0o600)
    key.write_text(kept)
    assert desk.run("pull", "User").code == 0
    key.unlink()
    assert desk.run("link").code == 0
    assert desk.run("pull", "User").code == 0


def test_a_revoked_grant_keeps_commands_until_it_is_linked_anew(
    bare: Desk, own_org: Emulator
) -> None:
    """Exit 3 names the person's part; what was accepted is applied afterwards."""
    bare.settings = login(own_org)
    assert bare.run("submit", "create", "Case", "Subject=Later", "Origin=Web").code == 0
    own_org.revoke_grants()
    done = bare.run("push")
    assert done.code == 3
    assert "invalid_grant" in done.said
    assert "scsync link" in done.said
    status = bare.run("status", "--json")
    assert status.code == 3
    assert status.document()["account"]["state"] == "dead"
    assert status.document()["commands"] == {"pending": 1}


def test_a_session_without_the_api_scope_is_told(bare: Desk, own_org: Emulator) -> None:
    """The grant lives, but not for this; no endless refresh."""
    bare.settings = login(own_org)
    assert bare.run("pull", "User").code == 0
    own_org._serving.instance.grant.scopes = frozenset({"id", "refresh_token"})
    own_org.expire_sessions()
    assert bare.run("pull", "User").code == 1
    done = bare.run("doctor", "--json")
    assert done.code == 3
    scopes = next(one for one in done.document() if one["topic"] == "scopes")
    assert (scopes["verdict"], "scope api" in scopes["remedy"]) == ("failure", True)


def test_redis_gone_midway_does_not_keep_a_command_from_being_accepted(
    desk: Desk, own_redis: Server
) -> None:
    """The outbox is the truth, the queue a doorbell: the sweep will find it."""
    desk.settings |= {"BROKER_URL": own_redis.url}
    assert desk.run("link").code == 0
    own_redis.kill()
    done = desk.run("submit", "create", "Case", "Subject=Still accepted", "Origin=Web")
    assert done.code == 0
    assert "accepted; not announced yet: Redis" in done.said
    assert desk.run("status", "--json").document()["commands"] == {"pending": 1}


def test_work_resumes_when_postgres_is_back(desk: Desk, own_postgres: Server) -> None:
    """A pull that meets a stopped server says so; the same command works afterwards."""
    desk.settings |= {"DATABASE_URL": own_postgres.url}
    assert desk.run("pull", "User").code == 0
    own_postgres.kill()
    one_line(desk.run("pull", "User"), 1, "does not answer", "SCSYNC_DATABASE_URL")
    own_postgres.start()
    assert desk.run("pull", "User").code == 0


def test_an_org_that_is_away_is_named_and_each_object_has_its_run(bare: Desk) -> None:
    """One line for all of them, with the remedy; the next pull finds everything as it was."""
    with Emulator(cases=200, port=free_port()) as org:
        bare.settings = login(org)
        assert bare.run("pull", "User", "Account").code == 0
    done = bare.run("pull", "User", "Account")
    assert (done.code, f"all: UNREACHABLE: no connection to {org.url}" in done.out) == (1, True)
    assert "Check the network" in done.out
    status = bare.run("status", "--json").document()["objects"]
    assert {status[name]["last_outcome"] for name in ("User", "Account")} == {"failed"}
    assert "Check the network" in bare.run("doctor").out
