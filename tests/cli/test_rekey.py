"""`scsync accounts rekey`: new keys for old tokens, at any time."""

import sys
from types import SimpleNamespace

import pytest
from cryptography.fernet import Fernet

from config.keys import KeyFile, Keys, cipher
from config.settings import ConfigError, Settings
from pipelines.vault import AccountVault
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


def test_the_keyring_is_used_only_when_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    """One entry, made when first wanted; without the library the remedy is said."""
    kept: dict[tuple[str, str], str] = {}
    library = SimpleNamespace(
        get_password=lambda *entry: kept.get(entry),
        set_password=lambda service, user, text: kept.update({(service, user): text}),
    )
    monkeypatch.setitem(sys.modules, "keyring", library)
    sealed = cipher(Settings(keyring=True)).encrypt(b"token")
    assert Fernet(kept["scsync", "secret-key"]).decrypt(sealed) == b"token"
    monkeypatch.setitem(sys.modules, "keyring", None)
    with pytest.raises(ConfigError, match=r"scsync\[keyring\]"):
        cipher(Settings(keyring=True))
