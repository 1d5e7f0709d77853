"""Settings: the names, the defaults, and which source wins."""

import stat
from pathlib import Path

import pytest
from cryptography.fernet import Fernet

from config.keys import cipher
from config.settings import ConfigError, Settings, load, origins

# The contract: people script against these names and rely on these defaults.
DEFAULTS = {
    "SCSYNC_DATABASE_URL": "sqlite:///./scsync.db",
    "SCSYNC_BROKER_URL": "memory://",
    "SCSYNC_ENVIRONMENT": "production",
    "SCSYNC_LOGIN_URL": "",
    "SCSYNC_CLIENT_ID": "",
    "SCSYNC_CLIENT_SECRET": "",
    "SCSYNC_SCOPES": "api refresh_token offline_access",
    "SCSYNC_REFRESH_TOKEN": "",
    "SCSYNC_SECRET_KEY": "",
    "SCSYNC_API_VERSION": "67.0",
    "SCSYNC_OBJECTS": "",
    "SCSYNC_ACTIONS": "*",
    "SCSYNC_INTERVAL": "60",
    "SCSYNC_LOG_FORMAT": "",
    "SCSYNC_LOG_LEVEL": "info",
}


@pytest.fixture(autouse=True)
def nothing_set(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """An empty folder, and an environment that names no setting."""
    monkeypatch.chdir(tmp_path)
    for name in Settings.model_fields:
        monkeypatch.delenv(f"SCSYNC_{name.upper()}", raising=False)


def test_every_setting_of_the_contract_has_its_name_and_default() -> None:
    """A renamed setting or another default needs a changelog entry and a migration."""
    found = {entry.name: entry.value for entry in origins(load())}
    assert {name: found.get(name) for name in DEFAULTS} == DEFAULTS


def test_environment_over_env_file_over_toml(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each source wins over the next, and `settings` says which did."""
    Path("scsync.toml").write_text("interval = 1\nsettle = 1\nthreads = 1\n")
    Path(".env").write_text("SCSYNC_INTERVAL=2\nSCSYNC_SETTLE=2\n")
    monkeypatch.setenv("SCSYNC_INTERVAL", "3")
    settings = load()
    assert (settings.interval, settings.settle, settings.threads) == (3, 2, 1)
    origin = {entry.name: entry.origin for entry in origins(settings)}
    assert origin["SCSYNC_INTERVAL"] == "environment"
    assert origin["SCSYNC_SETTLE"] == ".env"
    assert origin["SCSYNC_THREADS"] == "scsync.toml"
    assert origin["SCSYNC_LOG_LEVEL"] == "default"


def test_empty_is_unset_in_every_source(monkeypatch: pytest.MonkeyPatch) -> None:
    """A line left blank in a copied example means the default, or the source below."""
    Path("scsync.toml").write_text('log_format = ""\nclient_id = "from the file"\n')
    Path(".env").write_text("SCSYNC_SECRET_KEY=\nSCSYNC_CLIENT_ID=\n")
    monkeypatch.setenv("SCSYNC_DATABASE_URL", "")
    settings = load()
    assert (settings.log_format, settings.login_host) == (None, "https://login.salesforce.com")
    assert (settings.client_id, settings.secret_key) == ("from the file", None)
    assert settings.database_url == DEFAULTS["SCSYNC_DATABASE_URL"]


def test_an_object_may_have_an_interval_of_its_own() -> None:
    """Only in the TOML, and shown among the settings."""
    Path("scsync.toml").write_text("interval = 30\n[objects.Case]\ninterval = 5\n")
    settings = load()
    assert (settings.interval_of("Case"), settings.interval_of("Asset")) == (5, 30)
    shown = {entry.name: (entry.value, entry.origin) for entry in origins(settings)}
    assert shown["objects.Case.interval"] == ("5", "scsync.toml")


def test_an_objects_own_settings_are_shown_and_a_slip_is_named() -> None:
    """All five of them; the list of objects stands beside the tables, as `pull`."""
    toml = """
        [objects]
        pull = ["Case", "Thing__c"]
        [objects.Case]
        freshness = 60
        where = "Origin = 'Web'"
        fields = ["A__c", "B__c"]
        priority = "high"
    """
    Path("scsync.toml").write_text(toml)
    settings = load()
    assert settings.objects == ("Case", "Thing__c")
    shown = {entry.name: entry.value for entry in origins(settings) if "Case." in entry.name}
    assert shown == {
        "objects.Case.freshness": "60",
        "objects.Case.where": "Origin = 'Web'",
        "objects.Case.fields": "A__c,B__c",
        "objects.Case.priority": "high",
    }
    Path("scsync.toml").write_text('[objects.Case]\nwher = "x"\n')
    with pytest.raises(ConfigError, match=r"\[objects.Case\] wher: .*did you mean where"):
        load()


def test_a_toml_may_lie_elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """SCSYNC_CONFIG names it; a name that leads nowhere is an error, not a default."""
    other = tmp_path / "other.toml"
    monkeypatch.setenv("SCSYNC_CONFIG", str(other))
    with pytest.raises(ConfigError, match="not a file"):
        load()
    other.write_text("threads = 3\n")
    assert load().threads == 3


def test_secrets_are_masked_wherever_settings_are_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    """In the listing, in the value itself, and within URLs."""
    for name in ("CLIENT_SECRET", "REFRESH_TOKEN", "SECRET_KEY"):
        monkeypatch.setenv(f"SCSYNC_{name}", "hush")
    monkeypatch.setenv("SCSYNC_DATABASE_URL", "postgresql+psycopg://me:hush@db/scsync")
    monkeypatch.setenv("SCSYNC_BROKER_URL", "redis://:hush@queue:6379/0")
    settings = load()
    assert "hush" not in str(origins(settings))
    assert "hush" not in repr(settings).replace("postgresql+psycopg://me:hush@", "").replace(
        "redis://:hush@", ""
    )


def test_a_wrong_secret_is_not_repeated_in_the_error(monkeypatch: pytest.MonkeyPatch) -> None:
    """A database URL that will not do may hold a password."""
    monkeypatch.setenv("SCSYNC_DATABASE_URL", "postgres://me:hush@db/scsync")
    with pytest.raises(ConfigError) as caught:
        load()
    assert "hush" not in str(caught.value)


def test_names_of_other_programs_in_the_environment_are_left_alone(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Kubernetes puts SCSYNC_SERVICE_HOST there for a service called scsync."""
    monkeypatch.setenv("SCSYNC_SERVICE_HOST", "10.0.0.1")
    assert load().threads == 8


def test_a_key_file_is_made_once_and_for_its_owner() -> None:
    """Beside a SQLite store, mode 0600; the second start reads what the first one made."""
    sealed = cipher(load()).encrypt(b"token")
    assert stat.S_IMODE(Path("scsync.key").stat().st_mode) == 0o600
    assert cipher(load()).decrypt(sealed) == b"token"


def test_a_key_in_the_settings_leaves_no_file(monkeypatch: pytest.MonkeyPatch) -> None:
    """Several processes on several machines share it."""
    monkeypatch.setenv("SCSYNC_SECRET_KEY", Fernet.generate_key().decode())
    cipher(load())
    assert not Path("scsync.key").exists()
