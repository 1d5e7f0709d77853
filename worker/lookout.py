"""Who is told of what goes on: each outlet is made only where the settings ask for it."""

from collections.abc import Callable
from datetime import datetime
from importlib.metadata import version
from typing import TYPE_CHECKING, NoReturn

import httpx

from config.outlets import webhook_key
from config.settings import ConfigError, Settings
from pipelines.webhooks import TIMEOUT, Webhooks
from salesforce.tls import trust
from store.engine import Store

if TYPE_CHECKING:
    from worker.reporting import Reporting
    from worker.tracing import Tracing


def tracing(settings: Settings) -> "Tracing | None":
    """Make what writes traces; raises `ConfigError` where its packages are not installed."""
    if settings.otlp_endpoint is None:
        return None
    try:
        from worker.tracing import Tracing, to  # noqa: PLC0415 - takes long to import
    except ModuleNotFoundError as error:
        _needs("SCSYNC_OTLP_ENDPOINT", "otel", error)
    exporter = to(settings.otlp_endpoint)
    return Tracing(exporter, version=version("scsync"), account=settings.account)


def reporting(settings: Settings) -> "Reporting | None":
    """Make what reports errors; raises `ConfigError` where its package is not installed."""
    if settings.sentry_dsn is None:
        return None
    try:
        from worker.reporting import Reporting  # noqa: PLC0415 - takes long to import
    except ModuleNotFoundError as error:
        _needs("SCSYNC_SENTRY_DSN", "sentry", error)
    dsn = settings.sentry_dsn.get_secret_value()
    return Reporting(dsn, version=version("scsync"), account=settings.account)


def webhooks(
    settings: Settings, *, store: Callable[[], Store], clock: Callable[[], datetime]
) -> Webhooks | None:
    """Make what posts events; raises `ConfigError` where nothing would sign them."""
    if settings.webhook_url is None:
        return None
    if settings.webhook_secret is None:
        raise ConfigError(
            "SCSYNC_WEBHOOK_URL needs SCSYNC_WEBHOOK_SECRET, by which the receiver knows us: "
            'echo "whsec_$(openssl rand -base64 32)" makes one'
        )
    return Webhooks(
        store=store(),
        clock=clock,
        account=settings.account,
        url=settings.webhook_url.get_secret_value(),
        key=webhook_key(settings.webhook_secret),
        http=httpx.Client(timeout=TIMEOUT, verify=trust(), headers={"user-agent": "scsync"}),
    )


def _needs(setting: str, extra: str, error: ModuleNotFoundError) -> NoReturn:
    raise ConfigError(
        f"{setting} needs packages that are not installed ({error.name}): "
        f"install scsync[{extra}], or unset it"
    ) from None
