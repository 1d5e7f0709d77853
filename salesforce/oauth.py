"""OAuth's token endpoint: what it grants.

Source: Salesforce Help, "OAuth 2.0 Refresh Token Flow".
Tokens travel in bodies and headers, never in addresses, since addresses are logged.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import httpx
import msgspec

from salesforce import wire
from salesforce.errors import (
    GrantDead,
    Misconfigured,
    ProtocolError,
    Transient,
    Unavailable,
)
from salesforce.refusals import refused
from salesforce.urls import base_url
from salesforce.vault import Token

if TYPE_CHECKING:
    from collections.abc import Mapping

# Three of these end before a lease does (vault.LEASE).
TIMEOUT = httpx.Timeout(connect=10, read=20, write=5, pool=3)
NOTHING_SENT = (
    httpx.ConnectError,
    httpx.ConnectTimeout,
    httpx.PoolTimeout,
    httpx.ProxyError,
    httpx.UnsupportedProtocol,
)


@dataclass(frozen=True, slots=True)
class AppCredentials:
    """The app's consumer key and secret, and the host that issues its tokens."""

    client_id: str
    client_secret: str | None = field(repr=False)
    login_url: str

    def __post_init__(self) -> None:
        object.__setattr__(self, "login_url", base_url(self.login_url))


class TokenAnswer(msgspec.Struct, frozen=True):
    """What the token endpoint grants; `refresh_token` comes only when it is new."""

    access_token: str
    instance_url: str
    id: str = ""
    scope: str = ""
    refresh_token: str | None = None

    def __repr__(self) -> str:
        return f"TokenAnswer(instance_url={self.instance_url!r}, id={self.id!r})"

    def after(self, token: Token) -> Token:
        """Continue a token: same version until the vault stores it; another org is refused."""
        renewed = Token(
            access_token=self.access_token,
            refresh_token=self.refresh_token or token.refresh_token,
            instance_url=base_url(self.instance_url),
            version=token.version,
            identity_url=self.id or token.identity_url,
            scope=self.scope or token.scope,
            rotates=bool(self.refresh_token) if token.refresh_token else None,
        )
        if token.org_id and renewed.org_id != token.org_id:
            raise GrantDead(
                f"the token is for org {renewed.org_id}, the account is org {token.org_id}",
                code="OTHER_ORG",
                remedy="Link the account with a user of its own org.",
            )
        return renewed


def token_request(http: httpx.Client, login_url: str, form: Mapping[str, str]) -> TokenAnswer:
    """Ask the token endpoint for whatever the form's grant is good for."""
    reply = ask(http, f"{login_url}/services/oauth2/token", form)
    try:
        return msgspec.json.decode(reply.body, type=TokenAnswer)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise ProtocolError(
            "the token answer is broken", code="BROKEN_BODY", outcome_unknown=True
        ) from error


def revoke(http: httpx.Client, login_url: str, token: str) -> None:
    """Make the org forget a token; with a refresh token, everything it begot."""
    ask(http, f"{login_url}/services/oauth2/revoke", {"token": token})


def ask(http: httpx.Client, url: str, form: Mapping[str, str]) -> wire.Reply:
    """Post a form to one of OAuth's endpoints; raises what the table says of a refusal."""
    headers = {"Accept": "application/json"}
    try:
        answer = http.post(url, data=dict(form), headers=headers, timeout=TIMEOUT)
    except httpx.RequestError as error:
        raise Unavailable(
            f"no answer from {url.partition('/services/')[0]} ({type(error).__name__})",
            code="LOGIN_UNREACHABLE",
            outcome_unknown=not isinstance(error, NOTHING_SENT),
            remedy="Check the network, and SCSYNC_LOGIN_URL.",
        ) from error
    reply = wire.Reply(answer.status_code, answer.headers, answer.content)
    _check(reply)
    return reply


def _check(reply: wire.Reply) -> None:
    error = wire.failure(reply)
    if error is None:
        return
    if isinstance(error, Transient):
        error.outcome_unknown = True  # whoever spoke was not the token endpoint
        error.remedy = error.remedy or "If this lasts, check that SCSYNC_LOGIN_URL is Salesforce's."
        raise error
    found = refused(error.code, error.message)
    if found is None:
        raise Misconfigured(
            error.message, code=error.code, status=error.status, remedy="Check the login URL."
        )
    found.status, found.retry_after = error.status, error.retry_after
    found.server_time = wire.server_time(reply.headers)
    raise found
