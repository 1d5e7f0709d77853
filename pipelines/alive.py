"""An org may end a refresh token that nobody uses: so one is used before that.

A suspended account makes no calls; its token is renewed now and then at the login host, which costs
no API call and leads to no data. That of a working account may lie idle, too: a session that is in
use does not end.
"""

from datetime import datetime, timedelta

import httpx

from models.linked_account import AccountState, GrantKind, LinkedAccount
from pipelines.policy import terms
from salesforce.auth import TokenAuth
from salesforce.grants import Grant
from salesforce.introspect import Introspection
from salesforce.vault import TokenVault

EVERY = timedelta(days=7)
"""Admins can end tokens after thirty idle days; a process that starts late has time left."""


def is_due(account: LinkedAccount | None, policy: str | None, now: datetime) -> bool:
    """Tell whether an account's refresh token has been idle for long."""
    if account is None or account.grant_kind != GrantKind.REFRESH_TOKEN:
        return False
    pause = _longest_pause(account.state, policy)
    since = account.refreshed_at or account.linked_at
    return pause is not None and (since is None or now - since >= pause)


def keep_alive(
    vault: TokenVault, *, grant: Grant, http: httpx.Client, witness: Introspection
) -> None:
    """Renew the token once, under the lease that every refresh takes."""
    auth = TokenAuth(vault=vault, grant=grant, http=http, witness=witness)
    auth.renew(vault.current())


def _longest_pause(state: str, policy: str | None) -> timedelta | None:
    """Say how long a token may lie idle: half of what the org allows; None: for ever."""
    span, is_renewed = terms(policy)
    half = span / 2 if span and is_renewed else None
    match state:
        case AccountState.LINKED:
            return half
        case AccountState.SUSPENDED:
            return min(EVERY, half) if half else EVERY
    return None
