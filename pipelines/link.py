"""Linking: a grant is tried, its org pinned, and only then stored."""

import hmac
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

import httpx
import structlog

from models.linked_account import AccountState
from pipelines.vault import AccountVault, Cipher, sealed, unsealed
from salesforce.errors import GrantDead, Misconfigured, SalesforceError
from salesforce.grants import RefreshToken
from salesforce.oauth import AppCredentials, revoke
from salesforce.vault import Token
from store import accounts
from store.engine import Store

Clock = Callable[[], datetime]

log = structlog.get_logger()


@dataclass(frozen=True)
class Linked:
    """What the account turned out to be."""

    name: str
    org_id: str
    user_id: str
    instance_url: str
    scope: str


def link_by_refresh_token(
    refresh_token: str,
    *,
    app: AppCredentials,
    store: Store,
    cipher: Cipher,
    clock: Clock,
    http: httpx.Client,
    name: str = accounts.DEFAULT,
    origin: str | None = None,
) -> Linked:
    """Try the refresh token and keep what it gave; refuses another org's under a known name.

    `origin` is the token that stands in the settings, if another: it counts as used from now on,
    since trying it later may meet a grant that this link has replaced.
    """
    blank = Token(
        access_token="",
        refresh_token=refresh_token,
        instance_url=app.login_url,
        version=0,
        identity_url="",
        scope="",
    )
    token = RefreshToken(app)(http, blank).after(blank)
    _refuse_other_org(store, name, token)
    values = {
        **sealed(token, cipher),
        "login_url": app.login_url,
        "org_id": token.org_id,
        "user_id": token.user_id,
        "linked_from": cipher.encrypt((origin or refresh_token).encode()).decode(),
        "refreshed_at": clock(),
    }
    with store.begin() as tx:
        accounts.link(tx, name, values, now=clock())
    return Linked(name, token.org_id, token.user_id, token.instance_url, token.scope)


def needs_link(
    refresh_token: str, *, store: Store, cipher: Cipher, name: str = accounts.DEFAULT
) -> bool:
    """Tell whether this refresh token was never used for a link.

    The stored token counts from the first link on, since it may have been rotated; only another
    value in the settings links anew.
    """
    with store.read() as tx:
        account = accounts.get(tx, name)
    if account is None:
        return True
    origin = unsealed(account.linked_from, cipher)
    return not hmac.compare_digest(origin.encode(), refresh_token.encode())


def _refuse_other_org(store: Store, name: str, token: Token) -> None:
    with store.read() as tx:
        account = accounts.get(tx, name)
    if account and account.org_id and token.org_id[:15] != account.org_id[:15]:
        raise Misconfigured(
            f"this token belongs to org {token.org_id}, account {name} to org {account.org_id}",
            code="OTHER_ORG",
            remedy="Use a store of its own for another org.",
        )


def unlink(
    name: str, *, vault: AccountVault, store: Store, app: AppCredentials, http: httpx.Client
) -> bool:
    """Revoke the grant at Salesforce and forget it here; False when it was not to be revoked."""
    revoked = True
    try:
        token = vault.current()
        revoke(http, app.login_url, token.refresh_token or token.access_token)
    except GrantDead as error:
        if error.code == "NOT_LINKED":
            raise
        log.info("grant.dead_already", account=name, error=str(error))
    except SalesforceError as error:
        log.warning("grant.not_revoked", account=name, error=str(error))
        revoked = False
    with store.begin() as tx:
        accounts.forget(tx, name)
    return revoked


def stop(store: Store, name: str) -> bool:
    """Suspend the account: no calls, the grant is kept."""
    with store.begin() as tx:
        return accounts.move(tx, name, AccountState.SUSPENDED, "suspended by an operator")


def resume(store: Store, name: str) -> bool:
    """Let a suspended account work again; a dead grant has to be linked instead."""
    with store.begin() as tx:
        account = accounts.get(tx, name)
        if account is None:
            return False
        if account.state == AccountState.DEAD:
            raise GrantDead(account.reason or "the grant is dead", remedy="Run scsync link.")
        return accounts.move(tx, name, AccountState.LINKED)
