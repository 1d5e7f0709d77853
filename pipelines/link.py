"""Linking: a grant is tried, its org pinned, and only then stored.

Under rotation a refresh token makes one link, and to present it twice revokes its grant. So what
can be known of it is asked first, and a sending is noted before it is made.
"""

import hashlib
import hmac
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import datetime

import httpx
import structlog
from sqlalchemy import Connection

from models.linked_account import AccountState, LinkedAccount
from pipelines.terms import Terms
from pipelines.vault import Cipher, sealed, unsealed
from salesforce.errors import GrantDead, Misconfigured, SalesforceError
from salesforce.grants import RefreshToken
from salesforce.introspect import Introspection
from salesforce.oauth import AppCredentials, TokenAnswer, revoke
from salesforce.refresh import LOST
from salesforce.vault import Token, blank
from store import accounts
from store.engine import Store

Clock = Callable[[], datetime]
Noted = Callable[[Connection], None]
"""Writes down, in the same transaction, who did it."""

log = structlog.get_logger()

_ANOTHER = (
    "Give a refresh token that is current, or run scsync link --browser; work goes on by itself "
    "then."
)
# What the org answers to the revocation of a token that it does not know, or no longer.
_UNKNOWN_TOKEN = frozenset({"unsupported_token_type", "invalid_token", "invalid_grant"})


def unnoted(_tx: Connection) -> None:
    """Note nothing: what the settings say is nobody's act."""


@dataclass(frozen=True)
class Linked:
    """What the account turned out to be."""

    name: str
    org_id: str
    user_id: str
    instance_url: str
    scope: str
    grant: str
    resumed: bool
    """Whether it was suspended, and works again by this link."""


@dataclass(frozen=True, kw_only=True)
class Linker:
    """Links one account, by any grant: what a grant gives is looked at before it is kept.

    A person who links resumes what is suspended; what the settings say does not.

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
    resumes: bool = True

    def by_refresh_token(self, refresh_token: str) -> Linked:
        """Link by a refresh token that was got elsewhere."""
        self._foresee(refresh_token)
        with self._presenting(refresh_token):
            answer = RefreshToken(self.app)(self.http, blank(refresh_token))
        token = answer.after(blank(refresh_token))
        _refuse_useless(token.scope)
        return self._keep(token, Terms(), refresh_token)

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
        try:
            _refuse_useless(token.scope)
            return self._keep(token, Terms(), token.refresh_token, approved=True)
        except Misconfigured:
            self._give_up(self.app.login_url, token.refresh_token)  # one of five that a user has
            raise

    def by_terms(self, terms: Terms) -> Linked:
        """Link as a machine: by an assertion or the app's own user, with no token to lose."""
        token = terms.grant(self.app)(self.http, blank()).after(blank())
        _refuse_useless(token.scope)
        return self._keep(replace(token, refresh_token=None), terms, None)

    def _foresee(self, refresh_token: str) -> None:
        """Refuse, before it is sent, what would be refused afterwards, or was spent already."""
        with self.store.read() as tx:
            in_doubt = accounts.presented(tx, self.name) == _digest(refresh_token)
        told = Introspection(self.app).of_refresh_token(self.http, refresh_token)
        if in_doubt and (told is None or not told.active):
            raise GrantDead(
                "this refresh token was sent once and the answer never came: the org may have "
                "replaced it by one that nobody has",
                code=LOST,
                remedy=_ANOTHER,
            )
        if told is None:
            return
        if not told.active:
            raise GrantDead(
                "Salesforce says that this refresh token is not active: mistyped, of another app, "
                "revoked, run out, or replaced at a later refresh. It was not sent",
                code="TOKEN_NOT_ACTIVE",
                remedy=_ANOTHER,
            )
        _refuse_useless(told.scope)
        _refuse_other_org(self.store, self.name, replace(blank(), identity_url=told.sub))

    @contextmanager
    def _presenting(self, refresh_token: str) -> Iterator[None]:
        """Leave word of what is sent, for as long as nobody knows what became of it."""
        self._present(_digest(refresh_token))
        try:
            yield
        except SalesforceError as error:
            if not error.outcome_unknown:
                self._present(None)
            raise

    def _present(self, digest: str | None) -> None:
        with self.store.begin() as tx:
            accounts.present(tx, self.name, digest, login_url=self.app.login_url)

    def _keep(
        self, token: Token, terms: Terms, presented: str | None, *, approved: bool = False
    ) -> Linked:
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
            "approved": approved,
        }
        with self.store.begin() as tx:
            former = accounts.get(tx, self.name)
            self.noted(tx)
            accounts.link(tx, self.name, values, now=self.clock(), resumes=self.resumes)
        self._replace(former, token)
        log.info("account.linked", account=self.name, org=token.org_id, grant=str(terms.kind))
        return Linked(
            name=self.name,
            org_id=token.org_id,
            user_id=token.user_id,
            instance_url=token.instance_url,
            scope=token.scope,
            grant=str(terms.kind),
            resumed=self.resumes and former is not None and former.state == AccountState.SUSPENDED,
        )

    def _replace(self, former: LinkedAccount | None, token: Token) -> None:
        """Revoke the grant that this one replaces, if a person had approved it for us alone."""
        if former is None or not former.approved:
            return
        try:
            replaced = unsealed(former.refresh_token, self.cipher)
        except GrantDead as error:
            log.warning("grant.not_revoked", account=self.name, error=str(error))
            return
        if replaced and replaced != token.refresh_token:
            self._give_up(former.login_url, replaced)

    def _give_up(self, login_url: str, refresh_token: str) -> None:
        give_up(self.http, login_url, refresh_token, account=self.name)


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


def _refuse_useless(scope: str) -> None:
    """Refuse a grant that would fail at the first call; an empty scope says nothing."""
    scopes = set(scope.split())
    if scopes and not scopes & {"api", "full"}:
        raise Misconfigured(
            f"the grant has the scopes {scope}: without api nothing can be read",
            code="NO_API_SCOPE",
            remedy="Give the app the scope api, ask for it in SCSYNC_SCOPES, then run scsync link.",
        )


def _digest(refresh_token: str) -> str:
    """Tell tokens apart without keeping one: they are random and long."""
    return hashlib.sha256(refresh_token.encode()).hexdigest()


def _refuse_other_org(store: Store, name: str, token: Token) -> None:
    with store.read() as tx:
        org_id = accounts.org(tx, name)
    if org_id and token.org_id and token.org_id[:15] != org_id[:15]:
        raise Misconfigured(
            f"this token belongs to org {token.org_id}, account {name} to org {org_id}",
            code="OTHER_ORG",
            remedy="Link another org as an account of its own: scsync link --account NAME. "
            "If it is the same sandbox, refreshed, leave the old one first: "
            f"scsync accounts repoint {name} --to {token.org_id}",
        )


def unlink(
    name: str, *, store: Store, cipher: Cipher, http: httpx.Client, noted: Noted = unnoted
) -> bool:
    """Revoke the grant at Salesforce and forget it here; False when it may live on there.

    Raises `GrantDead` for an account that is not linked.
    """
    with store.read() as tx:
        account = accounts.get(tx, name)
    if account is None:
        raise GrantDead(f"account {name} is not linked", code="NOT_LINKED")
    try:
        token = unsealed(account.refresh_token, cipher) or unsealed(account.access_token, cipher)
    except GrantDead as error:
        log.warning("grant.not_revoked", account=name, error=str(error))
        revoked = False
    else:
        revoked = not token or give_up(http, account.login_url, token, account=name)
    with store.begin() as tx:
        noted(tx)
        accounts.forget(tx, name)
    return revoked


def give_up(http: httpx.Client, login_url: str, token: str, *, account: str) -> bool:
    """Have the org forget a token; False when it may not have."""
    try:
        revoke(http, login_url, token)
    except SalesforceError as error:
        if error.code in _UNKNOWN_TOKEN:
            log.info("grant.dead_already", account=account)
            return True
        log.warning("grant.not_revoked", account=account, error=str(error))
        return False
    return True


def stop(store: Store, name: str, *, noted: Noted = unnoted) -> bool:
    """Suspend the account: no calls, the grant is kept; a dead one has no grant to keep."""
    with store.begin() as tx:
        account = accounts.get(tx, name)
        if account is None:
            return False
        _refuse_dead(account)
        noted(tx)
        return accounts.move(tx, name, AccountState.SUSPENDED, "suspended by an operator")


def resume(store: Store, name: str, *, noted: Noted = unnoted) -> bool:
    """Let a suspended account work again; a dead grant has to be linked instead."""
    with store.begin() as tx:
        account = accounts.get(tx, name)
        if account is None:
            return False
        _refuse_dead(account)
        noted(tx)
        return accounts.move(tx, name, AccountState.LINKED)


def _refuse_dead(account: LinkedAccount) -> None:
    if account.state == AccountState.DEAD:
        raise GrantDead(account.reason or "the grant is dead", remedy="Run scsync link.")
