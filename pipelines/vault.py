"""The vault that the client asks for tokens: one row of the store, the tokens encrypted in it."""

import time
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Protocol

from cryptography.fernet import InvalidToken
from sqlalchemy import Connection

from models.incident import IncidentKind
from models.linked_account import AccountState, LinkedAccount
from salesforce.errors import GrantDead, Misconfigured
from salesforce.vault import LEASE, Lease, Token
from store import accounts, incidents, rests
from store.clock import common
from store.engine import Store
from store.errors import LeaseLost

Clock = Callable[[], datetime]
_FRESH = 0.5  # s: how long a token read from the store may be handed out without looking again


class Cipher(Protocol):
    """What seals tokens; `cryptography.fernet.Fernet` is one."""

    def encrypt(self, data: bytes) -> bytes: ...
    def decrypt(self, token: bytes | str, ttl: int | None = None) -> bytes: ...


class AccountVault:
    """One account's tokens, shared by every thread and process over the store."""

    def __init__(
        self,
        store: Store,
        name: str,
        *,
        cipher: Cipher,
        clock: Clock,
        span: timedelta = LEASE,
        suspended_too: bool = False,
    ) -> None:
        self._suspended_too = suspended_too
        self._store = store
        self._name = name
        self._cipher = cipher
        self._clock = clock
        self._span = span
        self._known: tuple[float, Token] | None = None

    def current(self) -> Token:
        """Hand out the current token; raises `GrantDead` when a person is needed first.

        Raises `Misconfigured` while fresh sessions are refused, and it is too early for another.
        """
        known = self._known
        if known and time.monotonic() - known[0] < _FRESH:
            return known[1]
        with self._store.read() as tx:
            account = accounts.get(tx, self._name)
            rest = rests.until(tx, account.version) if account else None
            is_early = rest is not None and self._now(tx) < rest
        usable = _usable(account, self._name, suspended_too=self._suspended_too)
        if is_early:
            raise _session_refused()
        token = self._token(usable)
        if rest:
            token = replace(token, access_token="")  # it was refused: another has to be fetched
        self._known = (time.monotonic(), token)
        return token

    def lease(self, seen_version: int, owner: str) -> Lease | None:
        self._known = None
        with self._store.read() as tx:
            if not accounts.is_free(tx, self._name, seen=seen_version, now=self._now(tx)):
                return None
        with self._store.begin() as tx:
            won = accounts.lease(
                tx, self._name, seen=seen_version, owner=owner, now=self._now(tx), span=self._span
            )
        return Lease(won.owner, in_doubt=won.in_doubt) if won else None

    def sending(self, owner: str) -> bool:
        with self._store.begin() as tx:
            return accounts.sending(tx, self._name, owner=owner, now=self._now(tx))

    def store(self, token: Token) -> Token:
        self._known = None
        values = sealed(token, self._cipher)
        try:
            with self._store.begin() as tx:
                version = accounts.renew(
                    tx, self._name, values, seen=token.version, now=self._clock()
                )
        except LeaseLost:
            return self.current()
        return replace(token, version=version)

    def release(self, owner: str) -> None:
        with self._store.begin() as tx:
            accounts.release(tx, self._name, owner=owner)

    def lapse(self, owner: str) -> None:
        with self._store.begin() as tx:
            accounts.lapse(tx, self._name, owner=owner)

    def refused(self, reason: str) -> None:
        kind, now = IncidentKind.LOGIN_REFUSED, self._clock()
        with self._store.begin() as tx:
            if any(one.kind == kind and one.message != reason for one in incidents.still_open(tx)):
                incidents.close(tx, kind, now=now)
            incidents.open_(tx, kind, reason, now=now)

    def judged(self, version: int, *, is_refused: bool) -> None:
        with self._store.read() as tx:
            if not is_refused and rests.noted(tx) is None:
                return
        self._known = None
        with self._store.begin() as tx:
            now = self._now(tx)
            if is_refused:
                rests.begin(tx, version, str(_session_refused()), now=now)
            else:
                rests.end(tx, now=now)

    def bury(self, reason: str, owner: str) -> None:
        self._known = None
        with self._store.begin() as tx:
            accounts.bury(tx, self._name, reason, owner=owner, now=self._clock())

    def _now(self, tx: Connection) -> datetime:
        # Whoever thinks a lease over before its time would send a token that is being spent.
        return common(tx, self._clock)

    def _token(self, account: LinkedAccount) -> Token:
        return Token(
            access_token=self._open(account.access_token),
            refresh_token=self._open(account.refresh_token) or None,
            instance_url=account.instance_url or account.login_url,
            version=account.version,
            identity_url=f"{account.login_url}/id/{account.org_id or ''}/{account.user_id or ''}",
            scope=account.scope or "",
            rotates=account.rotates,
        )

    def _open(self, text: str | None) -> str:
        return unsealed(text, self._cipher)


def sealed(token: Token, cipher: Cipher) -> dict[str, str | bool | None]:
    """Lay a token out as columns, secrets encrypted."""
    return {
        "access_token": _seal(token.access_token, cipher),
        "refresh_token": _seal(token.refresh_token, cipher),
        "instance_url": token.instance_url,
        "scope": token.scope,
        "rotates": token.rotates,
    }


def unsealed(text: str | None, cipher: Cipher) -> str:
    """Decrypt a column; raises `GrantDead` when the key is not the one that encrypted it."""
    if not text:
        return ""
    try:
        return cipher.decrypt(text.encode()).decode()
    except InvalidToken as error:
        why = str(error) or "another key has encrypted them"
        raise GrantDead(
            f"the stored tokens cannot be decrypted: {why}",
            code="WRONG_SECRET_KEY",
            remedy="Restore the key that linked the account (its file, its entry in the keyring, "
            "or SCSYNC_SECRET_KEY), or run scsync link.",
        ) from error


def locked(account: LinkedAccount | None, cipher: Cipher) -> str | None:
    """Say why the key does not open the account's tokens; None: it does, or there are none."""
    if account is None:
        return None
    try:
        unsealed(account.refresh_token or account.access_token, cipher)
    except GrantDead as error:
        return str(error)
    return None


def _seal(text: str | None, cipher: Cipher) -> str | None:
    return cipher.encrypt(text.encode()).decode() if text else None


def _session_refused() -> Misconfigured:
    return Misconfigured(
        "the org refuses each session that it has just granted",
        code="SESSION_REFUSED",
        remedy="Look in Setup: Session Settings, whether sessions are locked to the address that "
        "they began at while ours changes; My Domain, whether SCSYNC_LOGIN_URL is of this org; the "
        "user's profile, whether it has API Enabled. scsync tries again by itself, less often the "
        "longer it lasts; scsync link tries at once.",
    )


def _usable(account: LinkedAccount | None, name: str, *, suspended_too: bool) -> LinkedAccount:
    if account is None:
        or_else = ", or set SCSYNC_REFRESH_TOKEN" if name == accounts.DEFAULT else ""
        raise GrantDead(
            f"account {name} is not linked", code="NOT_LINKED", remedy=f"Run scsync link{or_else}."
        )
    if account.state == AccountState.SUSPENDED and not suspended_too:
        raise GrantDead(
            f"account {name} is suspended", code="SUSPENDED", remedy="Run scsync accounts resume."
        )
    if account.state == AccountState.DEAD:
        raise GrantDead(account.reason or f"the grant of account {name} is dead", code="GRANT_DEAD")
    return account
