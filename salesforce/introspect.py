"""Introspection: what the org says of a token, which spends nothing.

Source: Salesforce Help, "OAuth 2.0 Token Introspection Endpoint".
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import msgspec

from salesforce import wire
from salesforce.errors import LimitExceeded, ProtocolError, SalesforceError, Unavailable
from salesforce.grants import client_fields
from salesforce.oauth import ask, decoded
from salesforce.refusals import KEYS_REFUSED

if TYPE_CHECKING:
    import httpx

    from salesforce.oauth import AppCredentials
    from salesforce.vault import Token


_LATER = (Unavailable, LimitExceeded, ProtocolError)


class Described(msgspec.Struct, frozen=True):
    """What is known of a token; of one that is not active, nothing more."""

    active: bool
    scope: str = ""
    sub: str = ""
    """Whose it is: an identity URL, /id/{org}/{user}."""
    exp: int | None = None
    """When it ends, in seconds since 1970, by the org's clock."""


@dataclass(frozen=True, slots=True)
class Introspection:
    """Asks for one app; as a witness it tells whether a refresh token is the current one."""

    app: AppCredentials

    def __call__(self, http: httpx.Client, token: Token) -> bool | None:
        described = self.of_refresh_token(http, token.refresh_token or "")
        return described.active if described else None

    def of_refresh_token(self, http: httpx.Client, refresh_token: str) -> Described | None:
        """Give what is known of a refresh token; None where the org does not let this app know."""
        reply = self._asked(http, refresh_token, "refresh_token")
        return decoded(reply, Described) if reply else None

    def left(self, http: httpx.Client, token: Token) -> float | None:
        """Tell how many seconds the session has; None where the org does not say."""
        reply = self._asked(http, token.access_token, "access_token")
        if reply is None:
            return None
        described = decoded(reply, Described)
        if not described.active:
            return 0.0
        now = wire.server_time(reply.headers)  # ours may be wrong
        return described.exp - now.timestamp() if described.exp and now else None

    def is_current(self, http: httpx.Client, refresh_token: str) -> bool:
        """Tell whether a refresh token is the current one; raises why the org does not say."""
        return decoded(self._ask(http, refresh_token, "refresh_token"), Described).active

    def _asked(self, http: httpx.Client, text: str, kind: str) -> wire.Reply | None:
        """Ask for a token; None where the org does not let this app know."""
        try:
            return self._ask(http, text, kind)
        except SalesforceError as error:
            if isinstance(error, _LATER) or error.code in KEYS_REFUSED:
                raise
            return None

    def _ask(self, http: httpx.Client, text: str, kind: str) -> wire.Reply:
        form = {"token": text, "token_type_hint": kind} | client_fields(self.app)
        return ask(http, f"{self.app.login_url}/services/oauth2/introspect", form)
