"""`scsync accounts rekey`: new keys for old tokens, at any time."""

import sys
from collections.abc import Iterator
from pathlib import Path

import keyring
import pytest
from cryptography.fernet import Fernet, MultiFernet

from config.keyring import Keyring
from config.keys import KeyFile, Keys, cipher
from config.settings import ConfigError, Settings
from pipelines.vault import AccountVault
from tests.cli import kept
from tests.cli.conftest import Desk
from tests.pipelines.reading import Clock
from worker.app import App


def keys_of(desk: Desk) -> list[str]:
    return (desk.folder / "scsync.key").read_text().split()


def token_of(desk: Desk) -> str:
    url = f"sqlite:///{desk.folder / 'scsync.db'}"
    app = App(Settings(database_url=url))
    token = AccountVault(app.store, "default", cipher=app.cipher, clock=Clock()).current()
    app.close()
    return token.access_token


def test_a_new_key_reads_what_the_old_one_wrote(desk: Desk) -> None:
    """After two runs the first key is gone, and the tokens are the same."""
    desk.run("link")
    first, token = keys_of(desk), token_of(desk)
    assert desk.run("accounts", "rekey").out == "1 accounts are encrypted by the newest key\n"
    assert keys_of(desk)[1:] == first
    desk.run("accounts", "rekey")
    assert (len(keys_of(desk)), first[0] in keys_of(desk)) == (2, False)
    assert (token_of(desk), desk.run("doctor").code) == (token, 0)


def test_a_rekey_that_was_killed_midway_is_simply_repeated(desk: Desk) -> None:
    """Between a new key and its use everything can be read; nothing is dropped before its time."""
    desk.run("link")
    token = token_of(desk)
    for _ in range(2):  # as often as it may die
        Keys(KeyFile(desk.folder / "scsync.key")).add()
        assert token_of(desk) == token
    desk.run("accounts", "rekey")
    assert (token_of(desk), len(keys_of(desk))) == (token, 2)
    (desk.folder / "scsync.key").write_text(keys_of(desk)[0])
    assert token_of(desk) == token


def test_a_running_daemon_follows(desk: Desk) -> None:
    """Who has read the key already encrypts by the new one from then on."""
    daemons = cipher(Settings(database_url=f"sqlite:///{desk.folder / 'scsync.db'}"))
    daemons.encrypt(b"")
    desk.run("accounts", "rekey")
    newest = Fernet(keys_of(desk)[0])
    assert newest.decrypt(daemons.encrypt(b"token")) == b"token"


def test_a_setting_may_hold_old_keys_after_the_new_one() -> None:
    """The first key writes, all of them read."""
    old, new = Fernet.generate_key().decode(), Fernet.generate_key().decode()
    both = cipher(Settings(secret_key=f"{new},{old}"))
    assert both.decrypt(Fernet(old).encrypt(b"token")) == b"token"
    assert Fernet(new).decrypt(both.encrypt(b"token")) == b"token"


def test_a_key_file_that_others_may_read_is_refused(desk: Desk) -> None:
    """With the remedy; the key is not repeated."""
    desk.run("link")
    (desk.folder / "scsync.key").chmod(0o644)
    done = desk.run("pull", "Account")
    assert done.code == 2
    assert "run: chmod 600" in done.said
    assert keys_of(desk)[0] not in done.err


@pytest.fixture
def ring(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """A keyring of this test's own."""
    monkeypatch.setenv(kept.FILE, str(tmp_path / "keyring.json"))
    monkeypatch.setenv("PYTHON_KEYRING_BACKEND", "tests.cli.kept.Kept")
    before = keyring.get_keyring()
    keyring.set_keyring(kept.Kept())
    yield
    keyring.set_keyring(before)


def in_keyring(place: str) -> Keys | MultiFernet:
    return cipher(Settings(_env_file=None, keyring=True, database_url=place))


@pytest.mark.usefixtures("ring")
def test_the_keyring_is_used_only_when_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without the library the remedy is said."""
    sealed = in_keyring("sqlite:////srv/a.db").encrypt(b"token")
    assert Fernet(kept.entries()["scsync/secret-key /srv/a.db"]).decrypt(sealed) == b"token"
    monkeypatch.setitem(sys.modules, "keyring", None)
    with pytest.raises(ConfigError, match=r"scsync\[keyring\]"):
        in_keyring("sqlite:////srv/a.db")


@pytest.mark.usefixtures("ring")
def test_each_store_has_an_entry_of_its_own(desk: Desk) -> None:
    """Two installations of one person: to rekey one, again and again, leaves the other's grant."""
    other = Desk(desk.folder / "other", desk.forks, desk.settings)
    other.folder.mkdir()
    for one in (desk, other):
        one.settings |= {"KEYRING": "true"}
        assert one.run("link").code == 0
    for _ in range(3):
        assert desk.run("accounts", "rekey").code == 0
    assert desk.run("pull", "User").code == 0
    assert other.run("pull", "User").code == 0
    assert not (desk.folder / "scsync.key").exists()


@pytest.mark.usefixtures("ring")
@pytest.mark.parametrize(
    "url", ["sqlite:////srv/a.db", "postgresql+psycopg://ada:hush@db:5433/scsync"]
)
def test_the_entry_that_stores_once_shared_is_read_and_left_as_it_is(url: str) -> None:
    """An installation of before goes on; its rekey is its own."""
    shared = Fernet.generate_key().decode()
    keyring.set_password("scsync", "secret-key", shared)
    keys = in_keyring(url)
    assert isinstance(keys, Keys)
    assert keys.decrypt(Fernet(shared).encrypt(b"token")) == b"token"
    keys.add()
    assert keys.decrypt(Fernet(shared).encrypt(b"token")) == b"token"
    found = kept.entries()
    assert found.pop("scsync/secret-key") == shared
    assert list(found) in (["scsync/secret-key /srv/a.db"], ["scsync/secret-key db:5433/scsync"])


@pytest.mark.usefixtures("ring")
def test_who_comes_second_uses_the_first_ones_key() -> None:
    """Two first starts at once: what stands in the keyring counts, not what one had made."""
    one, two = Keys(Keyring("a")), Keys(Keyring("a"))
    one.begin()
    two.begin()
    assert two.decrypt(one.encrypt(b"token")) == b"token"


@pytest.mark.parametrize("verb", ["link", "doctor"])
def test_a_keyring_that_does_not_serve_is_told(
    desk: Desk, monkeypatch: pytest.MonkeyPatch, verb: str
) -> None:
    """A server without a desktop has none: exit 2 and the way out."""
    monkeypatch.setenv("PYTHON_KEYRING_BACKEND", "keyring.backends.fail.Keyring")
    desk.settings |= {"KEYRING": "true"}
    done = desk.run(verb)
    assert done.code == 2, done.err
    assert "SCSYNC_KEYRING" in done.said + done.out
    assert "not foreseen" not in done.said


def test_a_lost_key_is_not_replaced_by_a_rekey(desk: Desk) -> None:
    """There is nothing to read the tokens by."""
    desk.run("link")
    (desk.folder / "scsync.key").unlink()
    done = desk.run("accounts", "rekey")
    assert (done.code, "scsync.key holds no key: restore" in done.said) == (2, True), done.err
    assert not (desk.folder / "scsync.key").exists()
