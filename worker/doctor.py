"""The doctor's round: this process and its login host, its grant, then the org's checkup."""

from collections.abc import Iterator, Mapping, Sequence

import httpx

from config.settings import ConfigError, masked_url
from models.linked_account import AccountState
from pipelines.checkup import checkup
from pipelines.checkup_grant import grants, standing
from pipelines.checkup_login import LoginHost
from pipelines.vault import unsealed
from pipelines.verdicts import Finding, Verdict
from salesforce.errors import GrantDead, SalesforceError
from salesforce.introspect import Introspection
from salesforce.tls import trust
from store import accounts
from store.errors import StoreError
from store.reports import views
from worker import broker as brokers
from worker.app import App

SETTINGS = "settings"
_MEND = (
    "Mend it in the environment, .env or scsync.toml: the README lists every setting, and scsync "
    "guide says where key and secret come from."
)

_BUILD = "Drop these, have scsync doctor renew ours, and build them on the tables."


def findings(parts: App) -> Iterator[Finding]:
    """Look at one thing after the other; stops where nothing further can be seen."""
    yield _broker(parts)
    try:
        _ = parts.store
        url = masked_url(parts.settings.database_url)
        yield Finding("store", Verdict.OK, f"{url} is open and up to date")
        with parts.store.read() as tx:
            yield _views(views.outdated(tx))
        _ = parts.models, parts.cipher
        yield from _login_host(parts)
        _ = parts.client
    except StoreError as error:
        yield Finding("store", Verdict.FAILURE, str(error))
        return
    except ConfigError as error:
        yield unusable(error)
        return
    except SalesforceError as error:
        yield Finding("login", Verdict.FAILURE, error.message, error.remedy or "")
        return
    yield Finding(SETTINGS, Verdict.OK, f"login at {parts.settings.login_host}")
    with parts.store.read() as tx:
        account = accounts.get(tx, parts.name)
    if account is not None:
        yield from standing(account, parts.settings.refresh_policy, parts.clock())
        yield from grants(parts.client, account)
    yield from checkup(
        parts.models,
        client=parts.client,
        describes=parts.describes,
        clock=parts.clock,
        api_version=parts.settings.api_version,
        key_field=parts.settings.external_id_field,
        allows=parts.allows,
        user_id=account.user_id if account else None,
    )


def _views(outdated: Mapping[str, Sequence[str]]) -> Finding:
    """Say which views are still as an older scsync made them, and because of what."""
    if not outdated:
        return Finding("views", Verdict.OK, "reports are as this scsync defines them")
    told = [f"{name} ({', '.join(theirs)})" for name, theirs in outdated.items()]
    seen = f"not renewed, for what is built on them: {', '.join(told)}"
    return Finding("views", Verdict.WARNING, seen, _BUILD)


def unusable(error: ConfigError) -> Finding:
    """Say that the settings will not do."""
    return Finding(SETTINGS, Verdict.FAILURE, str(error), _MEND)


def _login_host(parts: App) -> Iterator[Finding]:
    introspection = Introspection(parts.credentials)
    with httpx.Client(verify=trust()) as http:
        yield from LoginHost(introspection, http).findings(_refresh_token(parts))


def _refresh_token(parts: App) -> str | None:
    """Give the stored one, of an account that works by it."""
    with parts.store.read() as tx:
        account = accounts.get(tx, parts.name)
    if account is None or account.state != AccountState.LINKED:
        return None
    try:
        return unsealed(account.refresh_token, parts.cipher) or None
    except GrantDead:
        return None  # the first call says so


def _broker(parts: App) -> Finding:
    try:
        brokers.check(parts.settings)
    except brokers.BrokerUnavailable as error:
        return Finding("broker", Verdict.FAILURE, str(error), "Commands wait in the store.")
    return Finding("broker", Verdict.OK, masked_url(parts.settings.broker_url))
