"""Settings: the names, the defaults, and which source wins."""

import stat
from pathlib import Path

import pytest
from cryptography.fernet import Fernet

from config.allowed import Allowed
from config.keys import cipher
from config.origins import origins
from config.settings import ConfigError, Settings, load

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


@pytest.mark.parametrize("name", ["client_secret", "refresh_token", "secret_key", "console_token"])
def test_a_secret_in_the_toml_is_for_its_owners_eyes(name: str) -> None:
    """A file that others may read is refused with the remedy; the secret is not repeated."""
    path = Path("scsync.toml")
    path.write_text(f'interval = 5\n{name} = "hush-hush"\n')
    for mode in (0o644, 0o640, 0o604):
        path.chmod(mode)
        with pytest.raises(ConfigError, match=f"holds {name} .* chmod 600 scsync.toml") as caught:
            load()
        assert "hush" not in str(caught.value)
    path.chmod(0o600)
    assert getattr(load(), name).get_secret_value() == "hush-hush"


@pytest.mark.parametrize(
    "line",
    [
        "SCSYNC_CLIENT_SECRET=hush",
        "SCSYNC_REFRESH_TOKEN=hush",
        "SCSYNC_WEBHOOK_URL=https://example.com/hush",
        "SCSYNC_DATABASE_URL=postgresql+psycopg://scsync:hush@db/scsync",
        "ACME_SECRET=hush",
    ],
)
def test_a_secret_in_the_env_file_is_for_its_owners_eyes(line: str) -> None:
    """One that a profile names, too; what is no secret may be read by all, empty lines as well."""
    Path("scsync.toml").write_text(PROFILES)
    Path(".env").write_text(f"{line}\nACME_SECRET=hush\n")
    Path(".env").chmod(0o640)
    name = line.partition("=")[0]
    with pytest.raises(ConfigError, match=rf"^\.env holds {name} .* chmod 600 \.env") as caught:
        load()
    assert "hush" not in str(caught.value)
    Path(".env").chmod(0o600)
    assert load()
    Path("scsync.toml").unlink()
    Path(".env").write_text("SCSYNC_INTERVAL=3\nSCSYNC_CLIENT_SECRET=\n")
    Path(".env").chmod(0o644)
    assert load().interval == 3


def test_a_password_in_a_url_is_a_secret_and_a_url_alone_is_none() -> None:
    path = Path("scsync.toml")
    path.write_text('database_url = "postgresql+psycopg://scsync@db/scsync"\n')
    path.chmod(0o644)
    assert load().database_url
    path.write_text('database_url = "postgresql+psycopg://scsync:hush@db/scsync"\n')
    with pytest.raises(ConfigError, match="holds database_url and can be read by others"):
        load()


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


PROFILES = """
    [profiles.support]
    client_id = "key"
    client_secret_env = "ACME_SECRET"
    environment = "sandbox"
    actions = ["update_*"]
    [accounts.default]
    profile = "support"
    objects = ["Case"]
    [accounts.acme]
    login_url = "https://acme.my.salesforce.com"
"""


def test_an_account_goes_by_its_profile(monkeypatch: pytest.MonkeyPatch) -> None:
    """Over the file's other settings, below the environment; the secret lies elsewhere."""
    Path("scsync.toml").write_text('client_id = "other"\nthreads = 3\n' + PROFILES)
    Path(".env").touch(mode=0o600)
    Path(".env").write_text("ACME_SECRET=hush\nSCSYNC_ENVIRONMENT=production\n")
    settings = load()
    assert (settings.client_id, settings.objects, settings.threads) == ("key", ("Case",), 3)
    assert (settings.environment, settings.allows("create_case")) == ("production", False)
    assert settings.client_secret
    assert settings.client_secret.get_secret_value() == "hush"
    origin = {entry.name: entry.origin for entry in origins(settings)}
    assert origin["SCSYNC_CLIENT_ID"] == "scsync.toml [profiles.support]"
    assert origin["SCSYNC_OBJECTS"] == "scsync.toml [accounts.default]"
    assert origin["SCSYNC_THREADS"] == "scsync.toml"
    assert "hush" not in str(origins(settings))
    other = load(account="acme")
    assert (other.client_id, other.login_host) == ("other", "https://acme.my.salesforce.com")
    monkeypatch.setenv("SCSYNC_CLIENT_ID", "above all")
    assert load().client_id == "above all"


def test_a_profiles_environment_goes_before_the_files_login_host() -> None:
    """Its app would be asked for elsewhere; the account's own host goes before both."""
    Path("scsync.toml").write_text(
        'login_url = "https://other.my.salesforce.com"\n'
        + PROFILES.replace('client_secret_env = "ACME_SECRET"', "")
        + 'profile = "support"\n[accounts.plain]\n[accounts.third]\nprofile = "support"\n'
    )
    assert load(account="plain").login_host == "https://other.my.salesforce.com"
    assert load(account="acme").login_host == "https://acme.my.salesforce.com"
    settings = load(account="third")
    assert settings.login_host == "https://test.salesforce.com"
    origin = {entry.name: (entry.value, entry.origin) for entry in origins(settings)}
    assert origin["SCSYNC_ENVIRONMENT"] == ("sandbox", "scsync.toml [profiles.support]")
    assert origin["SCSYNC_LOGIN_URL"] == ("", "default")


@pytest.mark.parametrize(
    "policy",
    ["until revoked", "immediately", "after 90 days", "after 12 hours", "Unused 1  Minute"],
)
def test_a_policy_is_said_as_in_setup_by_the_app_or_for_all(
    policy: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each of those that the org offers; it belongs to an app, and so may stand in its profile."""
    monkeypatch.setenv("ACME_SECRET", "hush")
    profile = PROFILES.replace(
        "[profiles.support]", f"[profiles.support]\nrefresh_policy='{policy}'"
    )
    Path("scsync.toml").write_text("refresh_policy = 'unused 2 days'\n" + profile)
    assert load().refresh_policy == " ".join(policy.lower().split())
    assert load(account="acme").refresh_policy == "unused 2 days"


@pytest.mark.parametrize("policy", ["after 90", "unused 0 days", "after 721 hours", "90 days"])
def test_a_policy_that_setup_does_not_offer_is_refused_with_those_that_it_does(
    policy: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SCSYNC_REFRESH_POLICY", policy)
    with pytest.raises(ConfigError, match=r"SCSYNC_REFRESH_POLICY: .*use 'until revoked', .*hours"):
        load()
    Path("scsync.toml").write_text(f"[profiles.support]\nrefresh_policy = '{policy}'")
    with pytest.raises(
        ConfigError, match=r"\[profiles.support\] refresh_policy: .*'after 90 days'"
    ):
        load()


def test_a_secret_may_lie_in_a_file_beside() -> None:
    """Named from the folder of the TOML; its line end is not part of it."""
    text = PROFILES.replace(
        'client_secret_env = "ACME_SECRET"', 'client_secret_file = "app.secret"'
    )
    Path("scsync.toml").write_text(text)
    with pytest.raises(ConfigError, match=r"\[profiles.support\] client_secret_file: app.secret"):
        load()
    Path("app.secret").write_text("hush\n")
    Path("app.secret").chmod(0o644)
    with pytest.raises(ConfigError, match=r"app\.secret: can be read by others; run: chmod"):
        load()
    Path("app.secret").chmod(0o600)
    settings = load()
    assert settings.client_secret
    assert settings.client_secret.get_secret_value() == "hush"


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ('client_secret = "hush"', r"\[profiles.support\] client_secret: .*client_secret_env"),
        ('client_secret_env = "ACME_SECRET"', "client_secret_env: ACME_SECRET is not set"),
        ('client_sceret_env = "A"', "client_sceret_env: .*did you mean client_secret_env"),
        ('scopes = ""', r"\[profiles.support\] scopes"),
        ('[accounts.acme2]\nprofile = "suport"', r"no \[profiles.suport\]; there are: support"),
    ],
)
def test_a_slip_in_a_profile_names_it(wrong: str, said: str) -> None:
    """Whichever account is asked for; what is no secret's place is refused, and not repeated."""
    text = PROFILES.replace('client_secret_env = "ACME_SECRET"', wrong)
    if wrong.startswith("["):
        text = PROFILES.replace('client_secret_env = "ACME_SECRET"\n', "") + wrong
    Path("scsync.toml").write_text(text)
    with pytest.raises(ConfigError, match=said) as caught:
        load()
    assert "hush" not in str(caught.value)


def test_a_changed_file_changes_what_is_enabled_without_a_restart() -> None:
    """The next question is answered by it; half an edit leaves what was right in force."""
    Path("scsync.toml").write_text(PROFILES.replace("client_secret_env", "#"))
    allowed = Allowed(load())
    assert (allowed("update_case"), allowed("delete_case")) == (True, False)
    Path("scsync.toml").write_text(
        PROFILES.replace("client_secret_env", "#").replace("update_", "")
    )
    assert allowed("delete_case")
    Path("scsync.toml").write_text("[profiles")
    assert allowed("delete_case")
    Path(".env").write_text("SCSYNC_ACTIONS=update_*\n")
    Path("scsync.toml").write_text("")
    assert (allowed("update_case"), allowed("delete_case")) == (True, False)


def test_an_edit_before_the_first_question_is_seen() -> None:
    """What counts is when the files were read, not when somebody first asked."""
    Path("scsync.toml").write_text('actions = "update_*"\n')
    settings = load()
    Path("scsync.toml").write_text('actions = "list_*"\n')
    assert not Allowed(settings)("update_case")


@pytest.mark.parametrize(
    ("proxies", "said"),
    [("", "from whom to believe it"), ("10.0.0.0/8,nowhere", "TRUSTED_PROXIES")],
)
def test_a_proxys_word_is_believed_from_somewhere(
    monkeypatch: pytest.MonkeyPatch, proxies: str, said: str
) -> None:
    """A header that anybody may send would be a door without a lock."""
    monkeypatch.setenv("SCSYNC_PROXY_USER_HEADER", "X-User")
    monkeypatch.setenv("SCSYNC_TRUSTED_PROXIES", proxies)
    with pytest.raises(ConfigError, match=said):
        load()
    monkeypatch.setenv("SCSYNC_TRUSTED_PROXIES", "10.0.0.0/8, 192.0.2.7")
    assert [str(one) for one in load().trusted_proxies] == ["10.0.0.0/8", "192.0.2.7/32"]
