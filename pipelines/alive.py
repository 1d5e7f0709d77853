"""A suspended account makes no calls, and its grant is kept alive all the same.

An org may end a refresh token that nobody uses. So that of a suspended account is renewed now and
then at the login host, which costs no API call and leads to no data.
"""

from datetime import datetime, timedelta

import httpx

from models.linked_account import AccountState, GrantKind, LinkedAccount
from salesforce.auth import TokenAuth
from salesforce.grants import Grant
from salesforce.introspect import Introspection
from salesforce.vault import TokenVault

EVERY = timedelta(days=7)
"""Admins can end tokens after thirty idle days; a process that starts late has time left."""


def is_due(account: LinkedAccount | None, policy: str | None, now: datetime) -> bool:
    """Tell whether a suspended account's refresh token has been idle for long."""
    if account is None or account.state != AccountState.SUSPENDED:
        return False
    if account.grant_kind != GrantKind.REFRESH_TOKEN:
        return False
    since = account.refreshed_at or account.linked_at
    return since is None or now - since >= _longest_pause(policy)


def keep_alive(
    vault: TokenVault, *, grant: Grant, http: httpx.Client, witness: Introspection
) -> None:
    """Renew the token once, under the lease that every refresh takes."""
    auth = TokenAuth(vault=vault, grant=grant, http=http, witness=witness)
    auth.renew(vault.current())


def _longest_pause(policy: str | None) -> timedelta:
    if policy is None or not policy.startswith("unused"):
        return EVERY
    return min(EVERY, timedelta(days=int(policy.split()[1])) / 2)
