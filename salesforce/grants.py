"""The ways to obtain an access token without a person: one class each, called with what is known.

Sources: Salesforce Help, "OAuth 2.0 Refresh Token Flow", "OAuth 2.0 JWT Bearer Flow for
Server-to-Server Integration", "OAuth 2.0 Client Credentials Flow for Server-to-Server Integration".
"""

from __future__ import annotations

from base64 import urlsafe_b64encode
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import httpx
import msgspec
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import padding, rsa

from salesforce.errors import GrantDead, Misconfigured
from salesforce.oauth import AppCredentials, TokenAnswer, token_request
from salesforce.vault import Token

if TYPE_CHECKING:
    from collections.abc import Mapping

Grant = Callable[[httpx.Client, Token], TokenAnswer]

_JWT_BEARER = "urn:ietf:params:oauth:grant-type:jwt-bearer"
_ASSERTION_LIFE = timedelta(minutes=3)  # Salesforce allows as much skew and takes no longer lives

_APART = timedelta(minutes=1)  # clocks, so that a refused assertion is not put down to them


def _utcnow() -> datetime:
    return datetime.now(UTC)


@dataclass(frozen=True, slots=True)
class RefreshToken:
    """Renews by the refresh token, which may come back rotated."""

    app: AppCredentials

    def __call__(self, http: httpx.Client, token: Token) -> TokenAnswer:
        if not token.refresh_token:
            raise GrantDead(
                "the account has no refresh token",
                code="NO_REFRESH_TOKEN",
                remedy="Authorise the account with the scope `refresh_token`.",
            )
        form = {"grant_type": "refresh_token", "refresh_token": token.refresh_token}
        return token_request(http, self.app.login_url, form | client_fields(self.app))


@dataclass(frozen=True, slots=True)
class ClientCredentials:
    """Renews as the app's own integration user; the login URL has to be the org's My Domain."""

    app: AppCredentials

    def __call__(self, http: httpx.Client, _: Token) -> TokenAnswer:
        form = {"grant_type": "client_credentials"}
        return token_request(http, self.app.login_url, form | client_fields(self.app))


@dataclass(frozen=True, slots=True)
class JwtBearer:
    """Renews by an assertion that only the holder of the app's private key can sign."""

    app: AppCredentials
    username: str
    private_key: bytes = field(repr=False)  # PEM
    audience: str
    clock: Callable[[], datetime] = _utcnow

    def __call__(self, http: httpx.Client, _: Token) -> TokenAnswer:
        """Sign by our clock, and by the login host's where ours turns out to be wrong."""
        try:
            return self._asked(http, self.clock())
        except Misconfigured as error:
            theirs = error.server_time
            if theirs is None or abs(theirs - self.clock()) < _APART:
                raise
            return self._asked(http, theirs)

    def _asked(self, http: httpx.Client, now: datetime) -> TokenAnswer:
        form = {"grant_type": _JWT_BEARER, "assertion": self._assertion(now)}
        return token_request(http, self.app.login_url, form)

    def _assertion(self, now: datetime) -> str:
        expires = int((now + _ASSERTION_LIFE).timestamp())
        claims = {"iss": self.app.client_id, "sub": self.username, "aud": self.audience}
        text = _part({"alg": "RS256", "typ": "JWT"}) + "." + _part(claims | {"exp": expires})
        signature = self._key().sign(text.encode(), padding.PKCS1v15(), hashes.SHA256())
        return f"{text}.{_base64url(signature)}"

    def _key(self) -> rsa.RSAPrivateKey:
        try:
            key = serialization.load_pem_private_key(self.private_key, password=None)
        except (ValueError, TypeError):
            key = None
        if not isinstance(key, rsa.RSAPrivateKey):
            raise Misconfigured(
                "the private key cannot be read",
                code="BAD_PRIVATE_KEY",
                remedy="Give an RSA key as PEM without a passphrase.",
            )
        return key


def client_fields(app: AppCredentials) -> dict[str, str]:
    secret = {"client_secret": app.client_secret} if app.client_secret else {}
    return {"client_id": app.client_id} | secret


def _part(claims: Mapping[str, object]) -> str:
    return _base64url(msgspec.json.encode(claims))


def _base64url(raw: bytes) -> str:
    return urlsafe_b64encode(raw).rstrip(b"=").decode()
