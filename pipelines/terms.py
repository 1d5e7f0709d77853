"""Terms of a link: by which grant an account's tokens are renewed, as the store keeps it."""

from dataclasses import dataclass, field

import httpx

from models.linked_account import GrantKind, LinkedAccount
from pipelines.vault import Cipher, unsealed
from salesforce.errors import GrantDead
from salesforce.grants import ClientCredentials, Grant, JwtBearer, RefreshToken
from salesforce.oauth import AppCredentials, TokenAnswer
from salesforce.vault import Token
from store import accounts
from store.engine import Store


@dataclass(frozen=True)
class Terms:
    """One of the grants, with what it needs beyond the app's credentials."""

    kind: GrantKind = GrantKind.REFRESH_TOKEN
    username: str | None = None
    audience: str | None = None
    private_key: bytes | None = field(default=None, repr=False)

    def grant(self, app: AppCredentials) -> Grant:
        """Give what renews tokens on these terms."""
        match self.kind:
            case GrantKind.REFRESH_TOKEN:
                return RefreshToken(app)
            case GrantKind.CLIENT_CREDENTIALS:
                return ClientCredentials(app)
            case GrantKind.JWT:
                return JwtBearer(
                    app,
                    username=self.username or "",
                    private_key=self.private_key or b"",
                    audience=self.audience or app.login_url,
                )

    def sealed(self, cipher: Cipher) -> dict[str, str | None]:
        """Lay the terms out as columns, the key encrypted.

        The key, not its path: every worker on every machine renews, as with a refresh token.
        """
        key = cipher.encrypt(self.private_key).decode() if self.private_key else None
        return {
            "grant_kind": self.kind,
            "username": self.username,
            "audience": self.audience,
            "private_key": key,
        }


def terms_of(account: LinkedAccount, cipher: Cipher) -> Terms:
    """Read the terms that an account was linked on."""
    return Terms(
        kind=GrantKind(account.grant_kind),
        username=account.username,
        audience=account.audience,
        private_key=unsealed(account.private_key, cipher).encode() or None,
    )


@dataclass(frozen=True)
class StandingGrant:
    """Renews on whatever terms the account stands at that moment, so that it may be linked anew."""

    app: AppCredentials
    store: Store
    cipher: Cipher
    name: str

    def __call__(self, http: httpx.Client, token: Token) -> TokenAnswer:
        with self.store.read() as tx:
            account = accounts.get(tx, self.name)
        if account is None:
            raise GrantDead(
                f"account {self.name} is not linked", code="NOT_LINKED", remedy="Run scsync link."
            )
        return terms_of(account, self.cipher).grant(self.app)(http, token)
