"""Settings of what leaves the house: what is refused, and with which remedy."""

import sys
from pathlib import Path

import pytest

from config.origins import origins
from config.settings import ConfigError, Settings, load
from worker import lookout
from worker.app import App

SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"


@pytest.mark.parametrize(
    ("name", "value", "said"),
    [
        ("WEBHOOK_URL", "http://example.org/hook", "https://"),
        ("WEBHOOK_URL", "example.org", "https://"),
        ("WEBHOOK_SECRET", "hush", "openssl rand -base64 32"),
        ("WEBHOOK_SECRET", "whsec_c2hvcnQ=", "24 bytes"),
        ("OTLP_ENDPOINT", "localhost:4318", "http://localhost:4318"),
        ("SENTRY_DSN", "https://example.org", "https://key@host/project"),
        ("METRICS_PORT", "99999", "65535"),
    ],
)
def test_what_will_not_do_is_refused_by_name(
    name: str, value: str, said: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With what to write instead, and without what was written: it may be a secret."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv(f"SCSYNC_{name}", value)
    with pytest.raises(ConfigError, match=f"SCSYNC_{name}") as refused:
        load()
    assert said in str(refused.value)
    assert "hush" not in str(refused.value)


def test_addresses_that_are_secrets_are_not_shown() -> None:
    """Many receivers know their sender by the path alone; a DSN holds a key."""
    settings = Settings(
        _env_file=None,
        webhook_url="https://example.org/hooks/xyzzy",  # type: ignore[arg-type]
        webhook_secret=SECRET,  # type: ignore[arg-type]
        sentry_dsn="https://xyzzy@example.org/1",  # type: ignore[arg-type]
    )
    shown = {one.name: one.value for one in origins(settings)}
    for name in ("WEBHOOK_URL", "WEBHOOK_SECRET", "SENTRY_DSN"):
        assert shown[f"SCSYNC_{name}"] == "********"
    assert "xyzzy" not in repr(settings)


def test_a_webhook_without_a_secret_is_refused() -> None:
    """Nobody could tell who posts."""
    settings = Settings(_env_file=None, webhook_url="https://example.org/hook")  # type: ignore[arg-type]
    with pytest.raises(ConfigError, match="SCSYNC_WEBHOOK_SECRET"):
        _ = App(settings).webhooks


@pytest.mark.parametrize(
    ("setting", "value", "module"),
    [
        ("otlp_endpoint", "http://localhost:4318", "opentelemetry"),
        ("sentry_dsn", "https://key@localhost/1", "sentry_sdk"),
    ],
)
def test_an_extra_that_is_not_installed_is_named(
    setting: str, value: str, module: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Exit 2 with the name of the extra, not a traceback."""
    for loaded in ("worker.tracing", "worker.reporting"):
        monkeypatch.delitem(sys.modules, loaded, raising=False)
    monkeypatch.setitem(sys.modules, module, None)
    settings = Settings(_env_file=None, **{setting: value})  # type: ignore[arg-type]
    with pytest.raises(ConfigError, match=r"scsync\[(otel|sentry)\]"):
        _ = (lookout.tracing(settings), lookout.reporting(settings))
