"""Whether an app, and a user by it, is let in: the org's answer before any token is given."""

from __future__ import annotations

from datetime import timedelta
from ipaddress import ip_address, ip_network
from typing import TYPE_CHECKING, Any, Literal

import msgspec

if TYPE_CHECKING:
    from collections.abc import Iterator

    from emulator.directory import Directory, Standing
    from emulator.exchange import Request
    from emulator.grants import ConnectedApp, Registry
    from emulator.identity import Users

AN_HOUR = timedelta(hours=1)
LOGIN_HOSTS = ("https://login.salesforce.com", "https://test.salesforce.com")
OF_2024, GENERIC = "2024", "generic"


class OAuthError(Exception):
    """An answer of the token endpoint that is not a token."""

    def __init__(self, error: str, description: str) -> None:
        super().__init__(f"{error}: {description}")
        self.error = error
        self.description = description


class Doors(msgspec.Struct, forbid_unknown_fields=True, kw_only=True):
    """How the org as a whole lets people in."""

    state: Literal["open", "inactive", "troubled", "maintenance"] = "open"
    my_domain: bool = True
    """Whether this is the org's own host; else it is a login host for all."""
    audiences: tuple[str, ...] = LOGIN_HOSTS
    """Who an assertion may be addressed to, besides this host."""
    logins_per_hour: int | None = None
    code_seconds: float = 900
    """Life of an authorization code."""
    activation_seconds: float = 1
    """How long after it is made a new app becomes known; Salesforce takes 10 to 20 minutes."""
    wording: Literal["", "2024", "generic"] = ""
    """Which of the texts that were seen: those of mid-2024, or the one that says least."""


class Admission:
    """Looks at apps and users as they stand at the moment."""

    def __init__(self, registry: Registry, users: Users, directory: Directory) -> None:
        self.registry = registry
        self.users = users
        self.directory = directory
        self.doors = Doors()

    def change(self, changes: dict[str, Any]) -> Doors:
        self.doors = msgspec.convert(msgspec.to_builtins(self.doors) | changes, Doors)
        return self.doors

    def app(self, client_id: str) -> ConnectedApp:
        """Return the app of a consumer key, if it may be used here and now."""
        app = self.known_app(client_id)
        self.check_app(app)
        return app

    def known_app(self, client_id: str) -> ConnectedApp:
        """Return the app of a consumer key, once the login hosts know it."""
        app = self.registry.apps.get(client_id)
        if app is None or self.registry.clock().timestamp() < app.active_at:
            raise OAuthError("invalid_client_id", "client identifier invalid")
        return app

    def check_app(self, app: ConnectedApp) -> None:
        if not app.installed:
            raise OAuthError("OAUTH_EC_APP_NOT_FOUND", "app not installed in this org")
        if app.blocked:
            raise OAuthError("OAUTH_APP_BLOCKED", "this app is blocked by admin")

    def check_org(self) -> None:
        if self.doors.state == "inactive":
            raise OAuthError("invalid_grant", "inactive organization")
        if self.doors.state == "troubled":
            raise OAuthError("unknown_error", "retry your request")

    def check_user(self, app: ConnectedApp, user_id: str, request: Request) -> None:
        """Refuse a user as the token endpoint does."""
        self.check_org()
        if fault := next(self._faults(app, user_id, request), None):
            raise OAuthError("invalid_grant", fault)
        self._check_admitted(app, user_id)
        self._check_rate(user_id)

    def check_approver(self, app: ConnectedApp, user_id: str) -> None:
        """Refuse a user who has just logged in, as the authorization endpoint does."""
        if self.doors.state == "inactive":
            raise OAuthError("inactive_org", "inactive organization")
        if not self.users.person(user_id)["IsActive"]:
            raise OAuthError("inactive_user", "inactive user")
        self._check_admitted(app, user_id)

    def _check_admitted(self, app: ConnectedApp, user_id: str) -> None:
        if not self.is_admitted(app, user_id):
            description = "user is not admin approved to access this app"
            raise OAuthError("OAUTH_APP_ACCESS_DENIED", description)

    def is_admitted(self, app: ConnectedApp, user_id: str) -> bool:
        """Tell whether the app's policy lets the user use it at all."""
        if app.permitted_users == "self":
            return True
        standing = self.directory.standing(user_id)
        return bool({standing.profile, *standing.permission_sets} & set(app.admitted))

    def _faults(self, app: ConnectedApp, user_id: str, request: Request) -> Iterator[str]:
        standing = self.directory.standing(user_id)
        if not self.users.person(user_id)["IsActive"]:
            yield "inactive user"
        if standing.frozen:
            yield "user is frozen"
        if standing.locked:
            yield "authentication failure"
        if not app.relax_ip and not _is_near(standing, request.address):
            yield "ip restricted"
        if not _is_in_time(standing, self.registry.clock().hour):
            yield "outside of login hours"

    def _check_rate(self, user_id: str) -> None:
        most = self.doors.logins_per_hour
        if most is not None and self.registry.logins_since(user_id, AN_HOUR) >= most:
            is_old = self.doors.wording == OF_2024
            word = "invalid_grant" if is_old else "rate_limit_exceeded"
            raise OAuthError(word, "login rate exceeded")


def _is_near(standing: Standing, address: str) -> bool:
    if not standing.addresses or not address:
        return True
    return any(ip_address(address) in ip_network(one) for one in standing.addresses)


def _is_in_time(standing: Standing, hour: int) -> bool:
    return standing.hours is None or standing.hours[0] <= hour < standing.hours[1]
