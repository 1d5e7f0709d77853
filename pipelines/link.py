"""Linking: a grant is tried, its org pinned, and only then stored."""

import hmac
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime

import httpx
import structlog
from sqlalchemy import Connection

from models.linked_account import AccountState
from pipelines.terms import Terms
from pipelines.vault import AccountVault, Cipher, sealed, unsealed
from salesforce.errors import GrantDead, Misconfigured, SalesforceError
from salesforce.grants import RefreshToken
from salesforce.oauth import AppCredentials, TokenAnswer, revoke
from salesforce.vault import Token, blank
from store import accounts
from store.engine import Store

Clock = Callable[[], datetime]
Noted = Callable[[Connection], None]
"""Writes down, in the same transaction, who did it."""

log = structlog.get_logger()


def unnoted(_tx: Connection) -> None:
    """Note nothing: whoever sits at the machine has its own history."""


@dataclass(frozen=True)
class Linked:
    """What the account turned out to be."""

    name: str
    org_id: str
    user_id: str
    instance_url: str
    scope: str
    grant: str


@dataclass(frozen=True, kw_only=True)
class Linker:
    """Links one account, by any grant: what a grant gives is looked at before it is kept.

    `origin` is the token that stands in the settings: it counts as used from now on, since trying
    it later may meet a grant that this link has replaced.
    """

    app: AppCredentials
    store: Store
    cipher: Cipher
    clock: Clock
    http: httpx.Client
    name: str = accounts.DEFAULT
    origin: str | None = None
    noted: Noted = unnoted

    def by_refresh_token(self, refresh_token: str) -> Linked:
        """Link by a refresh token that was got elsewhere."""
        answer = RefreshToken(self.app)(self.http, blank(refresh_token))
        return self._keep(answer.after(blank(refresh_token)), Terms(), refresh_token)

    def by_approval(self, answer: TokenAnswer) -> Linked:
        """Link by what a person approved in a browser."""
        token = answer.after(blank())
        if not token.refresh_token:
            raise GrantDead(
                f"Salesforce granted {token.scope or 'something'}, and gave no refresh token: "
                "the link would end with the session",
                code="NO_REFRESH_TOKEN",
                remedy="Give the app the scope refresh_token, then run scsync link.",
            )
        _refuse_useless(token)
        return self._keep(token, Terms(), token.refresh_token)

    def by_terms(self, terms: Terms) -> Linked:
        """Link as a machine: by an assertion or the app's own user, with no token to lose."""
        token = terms.grant(self.app)(self.http, blank()).after(blank())
        _refuse_useless(token)
        return self._keep(replace(token, refresh_token=None), terms, None)

    def _keep(self, token: Token, terms: Terms, presented: str | None) -> Linked:
        _refuse_other_org(self.store, self.name, token)
        origin = self.origin or presented
        values = {
            **sealed(token, self.cipher),
            **terms.sealed(self.cipher),
            "login_url": self.app.login_url,
            "org_id": token.org_id,
            "user_id": token.user_id,
            "linked_from": self.cipher.encrypt(origin.encode()).decode() if origin else None,
            "refreshed_at": self.clock(),
        }
        with self.store.begin() as tx:
            self.noted(tx)
            accounts.link(tx, self.name, values, now=self.clock())
        log.info("account.linked", account=self.name, org=token.org_id, grant=str(terms.kind))
        return Linked(
            name=self.name,
            org_id=token.org_id,
            user_id=token.user_id,
            instance_url=token.instance_url,
            scope=token.scope,
            grant=str(terms.kind),
        )


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


def _refuse_useless(token: Token) -> None:
    """Refuse a token that would fail at the first call; an empty scope says nothing."""
    scopes = set(token.scope.split())
    if scopes and not scopes & {"api", "full"}:
        raise Misconfigured(
            f"the grant has the scopes {token.scope}: without api nothing can be read",
            code="NO_API_SCOPE",
            remedy="Give the app the scope api, ask for it in SCSYNC_SCOPES, then run scsync link.",
        )


def _refuse_other_org(store: Store, name: str, token: Token) -> None:
    with store.read() as tx:
        org_id = accounts.org(tx, name)
    if org_id and token.org_id[:15] != org_id[:15]:
        raise Misconfigured(
            f"this token belongs to org {token.org_id}, account {name} to org {org_id}",
            code="OTHER_ORG",
            remedy="Link another org as an account of its own: scsync link --account NAME. "
            "If it is the same sandbox, refreshed, leave the old one first: "
            f"scsync accounts repoint {name} --to {token.org_id}",
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


def stop(store: Store, name: str, *, noted: Noted = unnoted) -> bool:
    """Suspend the account: no calls, the grant is kept."""
    with store.begin() as tx:
        noted(tx)
        return accounts.move(tx, name, AccountState.SUSPENDED, "suspended by an operator")


def resume(store: Store, name: str, *, noted: Noted = unnoted) -> bool:
    """Let a suspended account work again; a dead grant has to be linked instead."""
    with store.begin() as tx:
        account = accounts.get(tx, name)
        if account is None:
            return False
        if account.state == AccountState.DEAD:
            raise GrantDead(account.reason or "the grant is dead", remedy="Run scsync link.")
        noted(tx)
        return accounts.move(tx, name, AccountState.LINKED)
