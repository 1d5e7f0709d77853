"""OAuth's token endpoint: what it grants.

Source: Salesforce Help, "OAuth 2.0 Refresh Token Flow".
Tokens travel in bodies and headers, never in addresses, since addresses are logged.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, TypeVar

import httpx
import msgspec

from salesforce import wire
from salesforce.errors import GrantDead, ProtocolError, Unavailable
from salesforce.refusals import IF_IT_LASTS, OUT_OF_ORDER, explained
from salesforce.urls import base_url
from salesforce.vault import Token

if TYPE_CHECKING:
    from collections.abc import Mapping

_T = TypeVar("_T")

TIMEOUT = httpx.Timeout(connect=10, read=20, write=5, pool=3)
# Where refresh tokens rotate, an answer that nobody heard costs the grant: it is waited for longer.
GRANTING = httpx.Timeout(connect=10, read=60, write=5, pool=3)
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
    reply = ask(http, f"{login_url}/services/oauth2/token", form, timeout=GRANTING)
    return decoded(reply, TokenAnswer)


def revoke(http: httpx.Client, login_url: str, token: str) -> None:
    """Make the org forget a token; with a refresh token, everything it begot."""
    ask(http, f"{login_url}/services/oauth2/revoke", {"token": token})


def ask(
    http: httpx.Client, url: str, form: Mapping[str, str], *, timeout: httpx.Timeout = TIMEOUT
) -> wire.Reply:
    """Post a form to one of OAuth's endpoints; raises what the table says of a refusal."""
    headers = {"Accept": "application/json"}
    try:
        answer = http.post(url, data=dict(form), headers=headers, timeout=timeout)
    except httpx.RequestError as error:
        raise Unavailable(
            f"no answer from {url.partition('/services/')[0]} ({type(error).__name__})",
            code="LOGIN_UNREACHABLE",
            outcome_unknown=not isinstance(error, NOTHING_SENT),
            remedy=IF_IT_LASTS,
        ) from error
    reply = wire.Reply(answer.status_code, answer.headers, answer.content)
    failure = wire.failure(reply)
    if failure is None:
        return reply
    found = explained(failure)
    found.server_time = wire.server_time(reply.headers)
    raise found


def decoded(reply: wire.Reply, kind: type[_T]) -> _T:
    """Read an answer that says it is good; a web page in its place is told as what it is."""
    try:
        return msgspec.json.decode(reply.body, type=kind)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise ProtocolError(
            f"{wire.shape(reply)} instead of an answer: {OUT_OF_ORDER}",
            code="BROKEN_BODY",
            outcome_unknown=True,
            remedy=IF_IT_LASTS,
        ) from error
