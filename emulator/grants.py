"""Who may call: connected apps, the grants users gave them, and the sessions opened under those."""

from __future__ import annotations

import hashlib
import secrets
from dataclasses import asdict, dataclass, field
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any, Literal

import msgspec

from emulator.errors import ApiError
from emulator.exchange import Caller

if TYPE_CHECKING:
    from collections.abc import Callable

    from emulator.exchange import Request

GRANTS_PER_USER = 5  # a sixth silently revokes the oldest
_AT_ANY_TIME = "Perform requests at any time (refresh_token, offline_access)"
SCOPE_LABELS = {
    "api": "Manage user data via APIs (api)",
    "refresh_token": _AT_ANY_TIME,
    "offline_access": _AT_ANY_TIME,
    "id": "Access the identity URL service (id, profile, email, address, phone)",
    "web": "Manage user data via Web browsers (web)",
    "full": "Full access (full)",
}
SCOPES = tuple(SCOPE_LABELS)
DAEMON_SCOPES = ("api", "refresh_token", "offline_access")
WEB_SERVER, CLIENT_CREDENTIALS, JWT_BEARER = "web_server", "client_credentials", "jwt_bearer"
FLOWS = (WEB_SERVER, CLIENT_CREDENTIALS, JWT_BEARER)


@dataclass(slots=True)
class ConnectedApp:
    """An app as an administrator would have configured it.

    Without `require_refresh_secret` of its own a refresh goes by `require_secret`.
    """

    client_id: str
    client_secret: str = field(repr=False)
    name: str = "scsync"
    redirect_uris: tuple[str, ...] = ()
    scopes: tuple[str, ...] = SCOPES
    require_secret: bool = True
    require_pkce: bool = True
    rotation: bool = False
    refresh_window: float = 0.0
    session_seconds: float = 7200.0
    run_as: str = ""
    certificate: str = ""
    preauthorized: bool = True
    blocked: bool = False
    installed: bool = True
    contact: str = ""
    flows: tuple[str, ...] = FLOWS
    require_refresh_secret: bool | None = None
    refresh_policy: Literal["until_revoked", "immediately", "unused", "after"] = "until_revoked"
    refresh_seconds: float = 0.0
    relax_ip: bool = False
    permitted_users: Literal["self", "admin"] = "self"
    admitted: tuple[str, ...] = ()
    active_at: float = 0.0

    def needs_secret(self, *, refreshing: bool) -> bool:
        if refreshing and self.require_refresh_secret is not None:
            return self.require_refresh_secret
        return self.require_secret


@dataclass(slots=True)
class Grant:
    """A user's consent to an app; its refresh token is the current one, the spent ones are kept."""

    client_id: str
    user_id: str
    scopes: tuple[str, ...]
    refresh_token: str = field(repr=False)
    spent: set[str] = field(default_factory=set, repr=False)
    refreshed: tuple[str, datetime] | None = field(default=None, repr=False)
    given: datetime | None = None
    used: datetime | None = None

    def has_ended(self, app: ConnectedApp, now: datetime) -> bool:
        """Tell whether the app's refresh token policy has ended it."""
        life = timedelta(seconds=app.refresh_seconds)
        if app.refresh_policy == "immediately":
            return True
        since = {"unused": self.used, "after": self.given}.get(app.refresh_policy)
        return since is not None and now > since + life


@dataclass(frozen=True, slots=True)
class Session:
    """What an access token stands for, until it ends."""

    token: str = field(repr=False)
    caller: Caller
    grant: Grant | None
    issued: datetime
    expires: datetime


class Registry:
    """Keeps apps, grants and sessions, and answers who a token belongs to."""

    def __init__(self, org_id: str, clock: Callable[[], datetime]) -> None:
        self.org_id = org_id
        self.clock = clock
        self.apps: dict[str, ConnectedApp] = {}
        self.grants: list[Grant] = []
        self.sessions: dict[str, Session] = {}
        self._logins: dict[str, list[datetime]] = {}
        self.on_change: Callable[[], None] = _nothing

    def grant(
        self,
        app: ConnectedApp,
        user_id: str,
        scopes: tuple[str, ...],
        refresh_token: str | None = None,
    ) -> Grant:
        now = self.clock()
        token = refresh_token or new_refresh_token()
        grant = Grant(app.client_id, user_id, scopes, token, given=now, used=now)
        mine = [g for g in self.grants if (g.client_id, g.user_id) == (app.client_id, user_id)]
        for oldest in mine[: max(0, len(mine) + 1 - GRANTS_PER_USER)]:
            self.revoke(oldest)
        self.grants.append(grant)
        self.on_change()
        return grant

    def open_session(
        self, app: ConnectedApp, user_id: str, scopes: tuple[str, ...], grant: Grant | None
    ) -> Session:
        now = self.clock()
        expires = now + timedelta(seconds=app.session_seconds)
        caller = Caller(user_id, app.client_id, frozenset(scopes))
        session = Session(self._new_token(), caller, grant, now, expires)
        self.sessions[session.token] = session
        self._logins.setdefault(user_id, []).append(now)
        return session

    def logins_since(self, user_id: str, span: timedelta) -> int:
        """Count the sessions that a user opened within a span, and forget the earlier ones."""
        since = self.clock() - span
        self._logins[user_id] = [at for at in self._logins.get(user_id, ()) if at > since]
        return len(self._logins[user_id])

    def _new_token(self) -> str:
        return f"{self.org_id[:15]}!AQ{secrets.token_urlsafe(72)}"

    def session(self, token: str | None) -> Session | None:
        session = self.sessions.get(token or "")
        return session if session and self.clock() < session.expires else None

    def find_grant(self, refresh_token: str) -> tuple[Grant, bool] | None:
        """Return the grant a refresh token belongs to, and whether the token is the current one."""
        for grant in self.grants:
            if grant.refresh_token == refresh_token:
                return grant, True
            if digest(refresh_token) in grant.spent:
                return grant, False
        return None

    def rotate(self, grant: Grant) -> None:
        grant.spent.add(digest(grant.refresh_token))
        grant.refresh_token = new_refresh_token()
        self.on_change()

    def revoke(self, grant: Grant) -> None:
        """End a grant together with every session opened under it."""
        self.grants = [kept for kept in self.grants if kept is not grant]
        self._keep_sessions(lambda session: session.grant is not grant)
        self.on_change()

    def has_grant(self, app: ConnectedApp, user_id: str) -> bool:
        return any((one.client_id, one.user_id) == (app.client_id, user_id) for one in self.grants)

    def revoke_token(self, token: str) -> bool:
        """Revoke what a token stands for: a refresh token its grant, an access token itself."""
        if found := self.find_grant(token):
            self.revoke(found[0])
            return True
        return self.sessions.pop(token, None) is not None

    def end_sessions(self, user_id: str) -> None:
        self._keep_sessions(lambda session: session.caller.user_id != user_id)

    def expire_sessions(self) -> int:
        ended = len(self.sessions)
        self.sessions.clear()
        return ended

    def revoke_grants(self, client_id: str | None = None) -> int:
        ended = [grant for grant in self.grants if client_id in {None, grant.client_id}]
        for grant in ended:
            self.revoke(grant)
        return len(ended)

    def _keep_sessions(self, keep: Callable[[Session], bool]) -> None:
        self.sessions = {token: one for token, one in self.sessions.items() if keep(one)}

    def authenticate(self, request: Request) -> Caller:
        """Tell who calls, or refuse as the data APIs do."""
        if request.token is None and "authorization" in request.headers:
            raise ApiError(401, "INVALID_AUTH_HEADER", "INVALID_HEADER_TYPE")
        session = self.session(request.token)
        if session is None:
            raise ApiError(401, "INVALID_SESSION_ID", "Session expired or invalid")
        if not session.caller.scopes & {"api", "full"}:
            message = "This session is not valid for use with the REST API"
            raise ApiError(401, "INVALID_SESSION_ID", message)
        return session.caller


def _nothing() -> None:
    """Nobody wants to know."""


def new_client_id() -> str:
    return f"3MVG9{secrets.token_urlsafe(48)}"


def new_secret() -> str:
    return secrets.token_hex(32).upper()


def new_refresh_token() -> str:
    return f"5Aep861{secrets.token_urlsafe(60)}"


def digest(token: str) -> str:
    return hashlib.sha256(token.encode()).hexdigest()


def configure(app: ConnectedApp, settings: dict[str, Any]) -> None:
    """Change an app; a setting it does not have, or of the wrong type, is refused."""
    if unknown := settings.keys() - set(ConnectedApp.__slots__):
        raise ApiError(400, "INVALID_INPUT", f"An app has no {', '.join(sorted(unknown))}")
    # ValidationError is a ValueError, which the control endpoints answer with 400.
    changed = msgspec.convert({**asdict(app), **settings}, ConnectedApp)
    for name in settings:
        setattr(app, name, getattr(changed, name))
