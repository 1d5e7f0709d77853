"""Who somebody is: userinfo, the identity URL and the OpenID discovery document."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from emulator.exchange import Answer, json_answer
from emulator.routes import Route

if TYPE_CHECKING:
    from emulator.exchange import Request
    from emulator.grants import Registry
    from emulator.org import Org

PERSON = ("Id", "Username", "Name", "FirstName", "LastName", "Email", "IsActive")
VERSION = "67.0"  # only shapes the `attributes` of a record, which nobody sees here
RESOURCES = {
    "rest": "/services/data/v{version}/",
    "sobjects": "/services/data/v{version}/sobjects/",
    "query": "/services/data/v{version}/query/",
    "search": "/services/data/v{version}/search/",
    "recent": "/services/data/v{version}/recent/",
    "profile": "/{user_id}",
}
GRANT_TYPES = [
    "authorization_code",
    "refresh_token",
    "client_credentials",
    "urn:ietf:params:oauth:grant-type:jwt-bearer",
]


class Users:
    """The org's users, as far as logging in needs to know them."""

    def __init__(self, org: Org) -> None:
        self.org = org

    def find(self, username: str) -> str | None:
        return self.org.user_by_username(username)

    def username(self, user_id: str) -> str:
        return str(self.person(user_id)["Username"])

    def person(self, user_id: str) -> dict[str, Any]:
        return self.org.retrieve("User", user_id, PERSON, version=VERSION)


class Identity:
    """Answers with the user a token speaks for."""

    def __init__(self, registry: Registry, users: Users) -> None:
        self.registry = registry
        self.users = users

    def routes(self) -> list[Route]:
        return [
            Route("GET", "services/oauth2/userinfo", "oauth.userinfo", self.userinfo),
            Route("POST", "services/oauth2/userinfo", "oauth.userinfo", self.userinfo),
            Route("GET", "id/{org_id}/{user_id}", "oauth.identity", self.identity),
            Route("GET", ".well-known/openid-configuration", "oauth.discovery", discovery),
        ]

    def userinfo(self, request: Request) -> Answer:
        session = self.registry.session(request.token)
        if session is None:
            return _refused("Bad_OAuth_Token" if request.token else "Missing_OAuth_Token")
        return json_answer(self._userinfo(request, self.users.person(session.caller.user_id)))

    def _userinfo(self, request: Request, person: dict[str, Any]) -> dict[str, Any]:
        return {
            "sub": identity_url(request, self.registry.org_id, person["Id"]),
            "user_id": person["Id"],
            "organization_id": self.registry.org_id,
            "preferred_username": person["Username"],
            "nickname": person["Username"].partition("@")[0],
            "name": person["Name"],
            "given_name": person["FirstName"],
            "family_name": person["LastName"],
            "email": person["Email"],
            "email_verified": True,
            "urls": self._urls(request, person["Id"]),
            "active": person["IsActive"],
            "user_type": "STANDARD",
            "language": "en_US",
            "locale": "en_US",
            "utcOffset": 0,
            "is_app_installed": True,
        }

    def identity(self, request: Request, org_id: str, user_id: str) -> Answer:
        session = self.registry.session(request.token)
        known = (self.registry.org_id, session.caller.user_id if session else "")
        if (org_id, user_id) != known:
            return _refused("Bad_OAuth_Token" if request.token else "Missing_OAuth_Token")
        person = self.users.person(user_id)
        document = {
            "id": identity_url(request, org_id, user_id),
            "asserted_user": True,
            "user_id": user_id,
            "organization_id": org_id,
            "username": person["Username"],
            "nick_name": person["Username"].partition("@")[0],
            "display_name": person["Name"],
            "email": person["Email"],
            "email_verified": True,
            "urls": self._urls(request, user_id),
            "active": person["IsActive"],
            "user_type": "STANDARD",
        }
        return json_answer(document)

    def _urls(self, request: Request, user_id: str) -> dict[str, str]:
        return {
            name: request.origin + path.replace("{user_id}", user_id)
            for name, path in RESOURCES.items()
        }


def identity_url(request: Request, org_id: str, user_id: str) -> str:
    return f"{request.origin}/id/{org_id}/{user_id}"


def discovery(request: Request) -> Answer:
    oauth = f"{request.origin}/services/oauth2"
    document = {
        "issuer": request.origin,
        "authorization_endpoint": f"{oauth}/authorize",
        "token_endpoint": f"{oauth}/token",
        "revocation_endpoint": f"{oauth}/revoke",
        "introspection_endpoint": f"{oauth}/introspect",
        "userinfo_endpoint": f"{oauth}/userinfo",
        "scopes_supported": ["api", "full", "id", "offline_access", "refresh_token", "web"],
        "response_types_supported": ["code"],
        "grant_types_supported": GRANT_TYPES,
        "code_challenge_methods_supported": ["S256"],
        "token_endpoint_auth_methods_supported": ["client_secret_post", "client_secret_basic"],
    }
    return json_answer(document)


def _refused(text: str) -> Answer:
    return Answer(403, text.encode(), {"content-type": "text/html;charset=UTF-8"})
