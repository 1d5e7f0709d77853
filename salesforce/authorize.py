"""The web server flow: a person approves in a browser, a code comes back, a token for it.

Source: Salesforce Help, "OAuth 2.0 Web Server Flow"; PKCE by RFC 7636, which new apps demand.
"""

from __future__ import annotations

import secrets
from base64 import urlsafe_b64encode
from dataclasses import dataclass, field
from hashlib import sha256
from typing import TYPE_CHECKING
from urllib.parse import urlencode

from salesforce.errors import GrantDead, ProtocolError, Unavailable
from salesforce.grants import client_fields
from salesforce.oauth import token_request
from salesforce.refusals import AGAIN, BUSY, SPENT, refused

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import httpx

    from salesforce.oauth import AppCredentials, TokenAnswer


@dataclass(frozen=True, slots=True)
class Authorization:
    """One attempt: open `url`, wait at `redirect_uri`, finish with what arrives there."""

    app: AppCredentials
    redirect_uri: str
    scopes: Sequence[str]
    state: str = field(default_factory=lambda: secrets.token_urlsafe(32), repr=False)
    verifier: str = field(default_factory=lambda: secrets.token_urlsafe(64), repr=False)

    @property
    def url(self) -> str:
        query = {
            "response_type": "code",
            "client_id": self.app.client_id,
            "redirect_uri": self.redirect_uri,
            "scope": " ".join(self.scopes),
            "state": self.state,
            "code_challenge": self._challenge(),
            "code_challenge_method": "S256",
        }
        return f"{self.app.login_url}/services/oauth2/authorize?{urlencode(query)}"

    def is_answered_by(self, state: str) -> bool:
        """Tell whether an answer that bears this state is one to this attempt."""
        return secrets.compare_digest(state.encode(), self.state.encode())

    def finish(self, http: httpx.Client, callback: Mapping[str, str]) -> TokenAnswer:
        """Trade the code for tokens; `callback` holds the decoded parameters of the redirect."""
        if not self.is_answered_by(callback.get("state", "")):
            raise GrantDead("this answer is not ours", code="STATE_MISMATCH", remedy=AGAIN)
        if "error" in callback:
            raise _denied(callback["error"], callback.get("error_description", ""))
        if "code" not in callback:
            raise ProtocolError(
                "neither a code nor an error came back", code="NO_CODE", remedy=AGAIN
            )
        return self._exchange(http, callback["code"])

    def _exchange(self, http: httpx.Client, code: str) -> TokenAnswer:
        form = {
            "grant_type": "authorization_code",
            "code": code,
            "redirect_uri": self.redirect_uri,
            "code_verifier": self.verifier,
        }
        try:
            return token_request(http, self.app.login_url, form | client_fields(self.app))
        except Unavailable as error:
            if error.code != BUSY:
                raise
            # What means "wait" of a refresh means "too late" of a code, which serves only once.
            said = error.message.partition(":")[0]
            raise GrantDead(f"{said}: {SPENT}", code="CODE_SPENT", remedy=AGAIN) from error

    def _challenge(self) -> str:
        digest = sha256(self.verifier.encode()).digest()
        return urlsafe_b64encode(digest).rstrip(b"=").decode()


def _denied(error: str, description: str) -> Exception:
    text = description or error
    return refused(error, description) or GrantDead(text, code=error, remedy=AGAIN)
