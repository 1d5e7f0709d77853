"""The doctor's round: broker, store, settings and grant of this process, then the org's checkup."""

from collections.abc import Iterator

from config.settings import ConfigError, masked_url
from pipelines.checkup import checkup
from pipelines.checkup_grant import grants, standing
from pipelines.verdicts import Finding, Verdict
from salesforce.errors import SalesforceError
from store import accounts
from store.errors import StoreError
from worker import broker as brokers
from worker.app import App


def findings(parts: App) -> Iterator[Finding]:
    """Look at one thing after the other; stops where nothing further can be seen."""
    yield _broker(parts)
    try:
        _ = parts.store
        url = masked_url(parts.settings.database_url)
        yield Finding("store", Verdict.OK, f"{url} is open and up to date")
        _ = parts.models, parts.client
    except StoreError as error:
        yield Finding("store", Verdict.FAILURE, str(error))
        return
    except ConfigError as error:
        yield Finding("settings", Verdict.FAILURE, str(error))
        return
    except SalesforceError as error:
        yield Finding("login", Verdict.FAILURE, error.message, error.remedy or "")
        return
    yield Finding("settings", Verdict.OK, f"login at {parts.settings.login_host}")
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
        allows=parts.settings.allows,
        user_id=account.user_id if account else None,
    )


def _broker(parts: App) -> Finding:
    try:
        brokers.check(parts.settings)
    except brokers.BrokerUnavailable as error:
        return Finding("broker", Verdict.FAILURE, str(error), "Commands wait in the store.")
    return Finding("broker", Verdict.OK, masked_url(parts.settings.broker_url))
