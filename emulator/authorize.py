"""The browser's half of the web server flow: log in, approve, go back with a code."""

from __future__ import annotations

import base64
import hashlib
import secrets
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING
from urllib.parse import urlencode

from emulator import pages
from emulator.exchange import html_answer, redirect

if TYPE_CHECKING:
    from collections.abc import Mapping

    from emulator.exchange import Answer, Request
    from emulator.grants import ConnectedApp, Registry
    from emulator.identity import Users

CODE_LIFE = timedelta(minutes=15)


@dataclass(slots=True)
class Authorization:
    """One attempt: what the app asked for, who logged in, until when the code is good."""

    app: ConnectedApp
    redirect_uri: str
    scopes: tuple[str, ...]
    state: str | None
    challenge: str | None
    user_id: str = ""
    username: str = ""
    expires: datetime | None = None

    def verifies(self, verifier: str) -> bool:
        if self.challenge is None:
            return True
        found = base64.urlsafe_b64encode(hashlib.sha256(verifier.encode()).digest())
        return secrets.compare_digest(found.rstrip(b"=").decode(), self.challenge)

    def back(self, answer: Mapping[str, str]) -> Answer:
        """Send the browser back to the app, with its state."""
        state = {} if self.state is None else {"state": self.state}
        joint = "&" if "?" in self.redirect_uri else "?"
        return redirect(f"{self.redirect_uri}{joint}{urlencode({**answer, **state})}")


class Authorizations:
    """The pages and the codes they end in; a code works once."""

    def __init__(
        self,
        registry: Registry,
        users: Users,
        password: str,
        default_username: str,
    ) -> None:
        self.registry = registry
        self.users = users
        self.password = password
        self.default_username = default_username
        self._open: dict[str, Authorization] = {}
        self._codes: dict[str, Authorization] = {}

    def authorize(self, request: Request) -> Answer:
        query = request.form() if request.method == "POST" else request.query
        app = self.registry.apps.get(query.get("client_id", ""))
        if app is None:
            return _refuse("invalid_client_id", "client identifier invalid")
        if "redirect_uri" not in query:
            return _refuse("redirect_uri_missing", "redirect_uri required")
        if query["redirect_uri"] not in app.redirect_uris:
            return _refuse("redirect_uri_mismatch", "redirect_uri must match configuration")
        attempt = _attempt(app, query)
        if mistake := _mistake(attempt, query):
            return attempt.back(dict(zip(("error", "error_description"), mistake, strict=True)))
        key = secrets.token_urlsafe(16)
        self._open[key] = attempt
        return html_answer(pages.login_page(key, query.get("login_hint", self.default_username)))

    def login(self, request: Request) -> Answer:
        form = request.form()
        key, username = form.get("request", ""), form.get("username", "")
        attempt = self._open.get(key)
        if attempt is None:
            return _refuse("invalid_request", "the authorization request has expired")
        user_id = self.users.find(username)
        if user_id is None or form.get("password") != self.password:
            wrong = "Please check your username and password."
            return html_answer(pages.login_page(key, username, wrong))
        attempt.user_id, attempt.username = user_id, username
        return html_answer(pages.approval_page(key, attempt.app.name, username, attempt.scopes))

    def approve(self, request: Request) -> Answer:
        form = request.form()
        attempt = self._open.pop(form.get("request", ""), None)
        if attempt is None or not attempt.user_id:
            return _refuse("invalid_request", "the authorization request has expired")
        if form.get("decision") != "allow":
            denial = {
                "error": "access_denied",
                "error_description": "end-user denied authorization",
            }
            return attempt.back(denial)
        code = f"aPrx{secrets.token_urlsafe(48)}=="
        attempt.expires = self.registry.clock() + CODE_LIFE
        self._codes[code] = attempt
        return attempt.back({"code": code})

    def spend(self, code: str) -> Authorization | None:
        return self._codes.pop(code, None)


def _attempt(app: ConnectedApp, query: Mapping[str, str]) -> Authorization:
    wanted = tuple(query.get("scope", "").split()) or app.scopes
    return Authorization(
        app=app,
        redirect_uri=query["redirect_uri"],
        scopes=wanted,
        state=query.get("state"),
        challenge=query.get("code_challenge"),
    )


def _mistake(attempt: Authorization, query: Mapping[str, str]) -> tuple[str, str] | None:
    if attempt.app.blocked:
        return "OAUTH_APP_BLOCKED", "this app is blocked by admin"
    if query.get("response_type") != "code":
        return "unsupported_response_type", "response type not supported"
    if set(attempt.scopes) - set(attempt.app.scopes):
        return "invalid_scope", "the requested scope is not allowed"
    if attempt.app.require_pkce and not attempt.challenge:
        return "invalid_request", "missing required code challenge"
    if attempt.challenge and query.get("code_challenge_method", "plain") != "S256":
        return "invalid_request", "code challenge method must be S256"
    return None


def _refuse(error: str, description: str) -> Answer:
    return html_answer(pages.error_page(error, description), 400)
