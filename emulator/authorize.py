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
from emulator.admission import GENERIC, OF_2024, OAuthError
from emulator.exchange import html_answer, redirect
from emulator.grants import SCOPE_LABELS, WEB_SERVER

if TYPE_CHECKING:
    from collections.abc import Mapping

    from emulator.admission import Admission
    from emulator.exchange import Answer, Request
    from emulator.grants import ConnectedApp, Registry
    from emulator.identity import Users


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

    def back_with(self, error: OAuthError) -> Answer:
        return self.back({"error": error.error, "error_description": error.description})


class Authorizations:
    """The pages and the codes they end in; a code works once."""

    def __init__(
        self, registry: Registry, admission: Admission, password: str, default_username: str
    ) -> None:
        self.registry = registry
        self.admission = admission
        self.users: Users = admission.users
        self.password = password
        self.default_username = default_username
        self._open: dict[str, Authorization] = {}
        self._codes: dict[str, Authorization] = {}

    def authorize(self, request: Request) -> Answer:
        query = request.form() if request.method == "POST" else request.query
        try:
            app = self.admission.known_app(query.get("client_id", ""))
        except OAuthError as error:
            return _refuse(error.error, error.description)
        if "redirect_uri" not in query:
            return _refuse("redirect_uri_missing", "redirect_uri required")
        if query["redirect_uri"] not in app.redirect_uris:
            return _refuse("redirect_uri_mismatch", "redirect_uri must match configuration")
        attempt = _attempt(app, query)
        try:
            self.admission.check_app(app)
            self._check(attempt, query)
        except OAuthError as error:
            return attempt.back_with(error)
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
        try:
            self.admission.check_approver(attempt.app, user_id)
        except OAuthError as error:
            del self._open[key]
            return attempt.back_with(error)
        attempt.user_id, attempt.username = user_id, username
        wishes = dict.fromkeys(SCOPE_LABELS.get(scope, scope) for scope in attempt.scopes)
        return html_answer(pages.approval_page(key, attempt.app.name, username, wishes))

    def approve(self, request: Request) -> Answer:
        form = request.form()
        attempt = self._open.pop(form.get("request", ""), None)
        if attempt is None or not attempt.user_id:
            return _refuse("invalid_request", "the authorization request has expired")
        if form.get("decision") != "allow":
            word = "access-denied" if self.admission.doors.wording == OF_2024 else "access_denied"
            return attempt.back_with(OAuthError(word, "end-user denied authorization"))
        code = f"aPrx{secrets.token_urlsafe(48)}=="
        life = timedelta(seconds=self.admission.doors.code_seconds)
        attempt.expires = self.registry.clock() + life
        self._codes[code] = attempt
        return attempt.back({"code": code})

    def _check(self, attempt: Authorization, query: Mapping[str, str]) -> None:
        """Refuse a request that the app, or the protocol, does not admit."""
        if query.get("response_type") != "code":
            raise OAuthError("unsupported_response_type", "response type not supported")
        if WEB_SERVER not in attempt.app.flows:
            raise OAuthError("unsupported_response_type", "response type not supported")
        if set(attempt.scopes) - set(attempt.app.scopes):
            raise OAuthError("invalid_scope", "the requested scope is not allowed")
        if attempt.app.require_pkce and not attempt.challenge:
            says_little = self.admission.doors.wording == GENERIC
            word = "OAUTH_APPROVAL_ERROR_GENERIC" if says_little else "invalid_request"
            raise OAuthError(word, "missing required code challenge")
        if attempt.challenge and query.get("code_challenge_method", "plain") != "S256":
            raise OAuthError("invalid_request", "code challenge method must be S256")

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


def _refuse(error: str, description: str) -> Answer:
    return html_answer(pages.error_page(error, description), 400)
