"""The OAuth endpoints under `/services/oauth2`: every grant, revoke and introspect."""

from __future__ import annotations

import base64
import hashlib
import hmac
from datetime import timedelta
from typing import TYPE_CHECKING, Any, NoReturn

from emulator import assertion
from emulator.admission import OF_2024, OAuthError
from emulator.clients import Clients
from emulator.exchange import Answer, html_answer, json_answer
from emulator.grants import CLIENT_CREDENTIALS, WEB_SERVER
from emulator.grants import JWT_BEARER as JWT_FLOW
from emulator.identity import identity_url
from emulator.routes import Route

if TYPE_CHECKING:
    from emulator.authorize import Authorizations
    from emulator.exchange import Request
    from emulator.grants import ConnectedApp, Grant, Registry, Session

NO_STORE = {"cache-control": "no-store", "pragma": "no-cache"}
NO_REFRESH_SCOPES = frozenset({"refresh_token", "offline_access"})
# Salesforce strips these from a grant that no person gave.
NOT_FOR_MACHINES = NO_REFRESH_SCOPES | {"full", "web"}
JWT_BEARER = "urn:ietf:params:oauth:grant-type:jwt-bearer"
DOWN = "<html><body><h1>Down for Maintenance</h1></body></html>"


class OAuth:
    """Turns codes, refresh tokens, secrets and assertions into sessions."""

    def __init__(self, registry: Registry, authorizations: Authorizations) -> None:
        self.registry = registry
        self.users = authorizations.users
        self.authorizations = authorizations
        self.admission = authorizations.admission
        self.clients = Clients(self.admission)
        self._grants = {
            "authorization_code": self._authorization_code,
            "refresh_token": self._refresh_token,
            "client_credentials": self._client_credentials,
            JWT_BEARER: self._jwt_bearer,
        }

    def routes(self) -> list[Route]:
        pages = self.authorizations
        return [
            Route("GET", "services/oauth2/authorize", "oauth.authorize", pages.authorize),
            Route("POST", "services/oauth2/authorize", "oauth.authorize", pages.authorize),
            Route("POST", "services/oauth2/login", "oauth.login", pages.login),
            Route("POST", "services/oauth2/approve", "oauth.approve", pages.approve),
            Route("POST", "services/oauth2/token", "oauth.token", self.token),
            Route("POST", "services/oauth2/revoke", "oauth.revoke", self.revoke),
            Route("GET", "services/oauth2/revoke", "oauth.revoke", self.revoke),
            Route("POST", "services/oauth2/introspect", "oauth.introspect", self.introspect),
        ]

    def token(self, request: Request) -> Answer:
        form = request.form()
        if self.admission.doors.state == "maintenance":
            return html_answer(DOWN, 503)
        try:
            grant = self._grants.get(form.get("grant_type", ""), _unsupported)
            return json_answer(grant(form, request)).adding(NO_STORE)
        except OAuthError as error:
            return oauth_answer(error.error, error.description)

    def _authorization_code(self, form: dict[str, str], request: Request) -> dict[str, Any]:
        app = self.clients.client(form, request)
        _check_flow(app, WEB_SERVER)
        attempt = self.authorizations.spend(form.get("code", ""))
        if attempt is None or attempt.app is not app:
            raise OAuthError("invalid_grant", "invalid authorization code")
        if attempt.expires is None or self.registry.clock() >= attempt.expires:
            raise OAuthError("invalid_grant", "expired authorization code")
        if not app.redirect_uris:
            raise OAuthError("redirect_uri_missing", "redirect_uri required")
        if form.get("redirect_uri") not in {attempt.redirect_uri} & set(app.redirect_uris):
            raise OAuthError("redirect_uri_mismatch", "redirect_uri must match configuration")
        if not attempt.verifies(form.get("code_verifier", "")):
            raise OAuthError("invalid_grant", "invalid code verifier")
        self.admission.check_user(app, attempt.user_id, request)
        grant = None
        if NO_REFRESH_SCOPES & set(attempt.scopes):
            grant = self.registry.grant(app, attempt.user_id, attempt.scopes)
        session = self.registry.open_session(app, attempt.user_id, attempt.scopes, grant)
        return self._response(app, session, request) | _refresh_token(grant)

    def _refresh_token(self, form: dict[str, str], request: Request) -> dict[str, Any]:
        app = self.clients.client(form, request, refreshing=True)
        self.admission.check_org()
        presented = form.get("refresh_token", "")
        found = self.registry.find_grant(presented)
        if found is None or found[0].client_id != app.client_id:
            raise OAuthError("invalid_grant", "expired access/refresh token")
        grant, current = found
        self._refuse_parallel(app, grant, presented)
        if not current:
            # Reuse of a spent token means somebody else holds the other one: both lose.
            self.registry.revoke(grant)
            raise OAuthError("invalid_grant", "expired access/refresh token")
        now = self.registry.clock()
        if grant.has_ended(app, now):
            self.registry.revoke(grant)
            raise OAuthError("invalid_grant", "expired access/refresh token")
        self.admission.check_user(app, grant.user_id, request)
        grant.refreshed, grant.used = (presented, now), now
        if app.rotation:
            self.registry.rotate(grant)
        session = self.registry.open_session(app, grant.user_id, grant.scopes, grant)
        return self._response(app, session, request) | _refresh_token(
            grant if app.rotation else None
        )

    def _refuse_parallel(self, app: ConnectedApp, grant: Grant, presented: str) -> None:
        if grant.refreshed is None or grant.refreshed[0] != presented:
            return
        if self.registry.clock() < grant.refreshed[1] + timedelta(seconds=app.refresh_window):
            is_old = self.admission.doors.wording == OF_2024
            busy = "token request is already being processed"
            raise OAuthError("invalid_grant", "expired authorization code" if is_old else busy)

    def _client_credentials(self, form: dict[str, str], request: Request) -> dict[str, Any]:
        app = self.clients.client(form, request, secret_needed=True)
        _check_flow(app, CLIENT_CREDENTIALS)
        if not self.admission.doors.my_domain:
            raise OAuthError("invalid_grant", "request not supported on this domain")
        user_id = self.users.find(app.run_as)
        if user_id is None:
            raise OAuthError("invalid_grant", "no client credentials user enabled")
        self.admission.check_user(app, user_id, request)
        scopes = tuple(scope for scope in app.scopes if scope not in NOT_FOR_MACHINES)
        session = self.registry.open_session(app, user_id, scopes, None)
        return self._response(app, session, request)

    def _jwt_bearer(self, form: dict[str, str], request: Request) -> dict[str, Any]:
        try:
            claim = assertion.read(form.get("assertion", ""))
            app = self.admission.app(str(claim.claims.get("iss", "")))
            _check_flow(app, JWT_FLOW)
            audiences = {*self.admission.doors.audiences, request.origin}
            now = self.registry.clock().timestamp()
            assertion.verify(claim, app.certificate, audiences, now)
        except assertion.BadAssertionError as error:
            raise OAuthError("invalid_grant", str(error)) from error
        user_id = self.users.find(str(claim.claims.get("sub", "")))
        if user_id is None or not self._has_approved(app, user_id):
            raise OAuthError("invalid_grant", "user hasn't approved this consumer")
        self.admission.check_user(app, user_id, request)
        scopes = tuple(scope for scope in app.scopes if scope not in NO_REFRESH_SCOPES)
        return self._response(app, self.registry.open_session(app, user_id, scopes, None), request)

    def _has_approved(self, app: ConnectedApp, user_id: str) -> bool:
        """Tell whether an administrator has admitted a user to the app, or it did so itself."""
        if app.permitted_users == "admin":
            return self.admission.is_admitted(app, user_id)
        return app.preauthorized or self.registry.has_grant(app, user_id)

    def _response(self, app: ConnectedApp, session: Session, request: Request) -> dict[str, Any]:
        identity = identity_url(request, self.registry.org_id, session.caller.user_id)
        issued_at = str(int(session.issued.timestamp() * 1000))
        key, text = app.client_secret.encode(), (identity + issued_at).encode()
        signature = base64.b64encode(hmac.new(key, text, hashlib.sha256).digest()).decode()
        return {
            "access_token": session.token,
            "signature": signature,
            "scope": " ".join(sorted(session.caller.scopes)),
            "instance_url": request.origin,
            "id": identity,
            "token_type": "Bearer",
            "issued_at": issued_at,
        }

    def revoke(self, request: Request) -> Answer:
        token = request.form().get("token") or request.query.get("token", "")
        if not self.registry.revoke_token(token):
            return oauth_answer("unsupported_token_type", "this token type is not supported")
        return Answer(200, b"", NO_STORE)

    def introspect(self, request: Request) -> Answer:
        form = request.form()
        try:
            app = self.clients.client(form, request)
        except OAuthError as error:
            return oauth_answer(error.error, error.description)
        return json_answer(self._describe(app, form.get("token", ""), request)).adding(NO_STORE)

    def _describe(self, app: ConnectedApp, token: str, request: Request) -> dict[str, Any]:
        session = self.registry.session(token)
        if session is not None and session.caller.client_id == app.client_id:
            issued, expires = int(session.issued.timestamp()), int(session.expires.timestamp())
            times = {"exp": expires, "iat": issued, "nbf": issued}
            scopes, user_id = session.caller.scopes, session.caller.user_id
            return self._active(app, scopes, user_id, "access_token", request) | times
        found = self.registry.find_grant(token)
        if found is None or not found[1] or found[0].client_id != app.client_id:
            return {"active": False}
        return self._active(
            app, frozenset(found[0].scopes), found[0].user_id, "refresh_token", request
        )

    def _active(
        self, app: ConnectedApp, scopes: frozenset[str], user_id: str, kind: str, request: Request
    ) -> dict[str, Any]:
        return {
            "active": True,
            "scope": " ".join(sorted(scopes)),
            "client_id": app.client_id,
            "username": self.users.username(user_id),
            "sub": identity_url(request, self.registry.org_id, user_id),
            "token_type": kind,
        }


def _unsupported(_form: dict[str, str], _request: Request) -> NoReturn:
    raise OAuthError("unsupported_grant_type", "grant type not supported")


def _check_flow(app: ConnectedApp, flow: str) -> None:
    if flow not in app.flows:
        raise OAuthError("unsupported_grant_type", "grant type not supported")


def _refresh_token(grant: Grant | None) -> dict[str, str]:
    return {"refresh_token": grant.refresh_token} if grant else {}


def oauth_answer(error: str, description: str, status: int = 400) -> Answer:
    body = {"error": error, "error_description": description}
    return json_answer(body, status).adding(NO_STORE)
