"""Who asks: known by a key, by a session, by the word of a trusted proxy, or by being here."""

import base64
import binascii
import hashlib
import hmac
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from ipaddress import IPv4Network, IPv6Network, ip_address

from starlette.requests import HTTPConnection

from console.access.limits import guesses
from console.access.sessions import LIFETIME, Session
from console.problems import Problem
from models.api_key import EVERY_SCOPE, LOCAL, TOKEN, ApiKey, Scope
from store import keys, sessions
from worker.app import App

_OWN_NAMES = frozenset({"localhost", "127.0.0.1", "[::1]"})
_PROXIES_SAY = ("forwarded", "via", "x-forwarded-", "x-real-ip")
"""How the names of those headers begin by which proxies say that they hand something on."""
_PROXIES_SPEAK = "1.0"  # HTTP, as nginx does unless told otherwise; nobody on this machine has to
_BEYOND_GUESSING = 20
"""Characters of a token that is looked at however many guesses came from where it comes from."""
_ASK = {"www-authenticate": 'Basic realm="scsync", charset="UTF-8", Bearer'}


@dataclass(frozen=True)
class Caller:
    """Whoever asks; `key` is what a session remembers them by."""

    operator: str
    scopes: frozenset[Scope]
    key: str | None = None
    is_bearer: bool = False


class WrongKey(Problem):
    """Somebody showed a key or token that opens nothing."""

    def __init__(self) -> None:
        super().__init__(401, "this key is unknown, revoked or expired", headers=_ASK)


class Door:
    """Lets callers in, counts those who guess, and sees them out.

    An open door is for this machine alone, and for those who call it by its own name: a stranger's
    page that had its name point here would be read by the browser as ours. What a proxy on this
    machine hands on comes from anywhere, so that it is nobody's by being here.
    """

    def __init__(self, parts: App, *, is_loopback: bool) -> None:
        settings = parts.settings
        self._parts = parts
        token = settings.console_token
        self._token = token.get_secret_value() if token else None
        self._user_header = (settings.proxy_user_header or "").lower()
        self._proxies = settings.trusted_proxies
        self._guesses = guesses()
        self.is_open = is_loopback and not token and not self._user_header

    def caller(self, connection: HTTPConnection, session: Session | None) -> Caller:
        """Tell who asks; raises `Problem` for whoever may not."""
        self.refuse_strange_name(connection.headers)
        if shown := connection.headers.get("authorization"):
            return self._by_header(shown, connection)
        if user := self._proxied(connection):
            return Caller(user, EVERY_SCOPE)
        if self.is_open:
            _refuse_handed_on(connection)
            return Caller(LOCAL, EVERY_SCOPE)
        if session and (found := self._by_session(session)):
            return found
        raise Problem(401, "show an API key (scsync keys make), as a bearer's token", headers=_ASK)

    def refuse_strange_name(self, headers: Mapping[str, str]) -> None:
        """Hold whoever comes by the open door to this machine's own names."""
        host = headers.get("host", "")
        if self.is_open and (host.rpartition(":")[0] or host) not in _OWN_NAMES:
            raise Problem(421, "ask this console by localhost or 127.0.0.1")

    def by_key(self, shown: str, connection: HTTPConnection) -> Caller:
        """Tell whose key this is; raises `WrongKey`, or `Problem` for an address that guesses.

        What nobody can guess is let in even from there: all callers of a proxy share its address.
        """
        address = connection.client.host if connection.client else ""
        if self._is_token(shown, address):
            return Caller(TOKEN, EVERY_SCOPE, key=self._print())
        now = self._parts.clock()
        key = keys.shown(self._parts.store, shown, now=now)
        if key is None:
            self._guesses.take(address)
            raise WrongKey
        keys.note_use(self._parts.store, key, now=now)
        return _bearer_of(key)

    def see_out(self, session: Session) -> None:
        """End a session: no copy of its cookie opens anything from now on."""
        if session.key is None:
            return
        now = self._parts.clock()
        with self._parts.store.begin() as tx:
            sessions.end(tx, session.id, until=now + timedelta(seconds=LIFETIME), now=now)

    def comes_securely(self, connection: HTTPConnection) -> bool:
        """Tell whether the browser speaks HTTPS, to us or to a trusted proxy."""
        said = connection.headers.get("x-forwarded-proto", "") if self._trusts(connection) else ""
        return "https" in {connection.url.scheme, said}

    def _by_header(self, shown: str, connection: HTTPConnection) -> Caller:
        scheme, _, given = shown.partition(" ")
        is_bearer = scheme.lower() == "bearer"
        key = given.strip() if is_bearer else _password(scheme, given)
        found = self.by_key(key, connection)
        return Caller(found.operator, found.scopes, is_bearer=is_bearer)

    def _is_token(self, shown: str, address: str) -> bool:
        if not self._token:
            return False
        if len(self._token) < _BEYOND_GUESSING and self._guesses.is_empty(address):
            return False
        # Compared as bytes: the function refuses texts that are not ASCII.
        return hmac.compare_digest(shown.encode(), self._token.encode())

    def _by_session(self, session: Session) -> Caller | None:
        if session.key is None or self._has_left(session):
            return None
        if session.key == self._print():
            return Caller(TOKEN, EVERY_SCOPE, key=session.key)
        found = keys.by_id(self._parts.store, session.key, now=self._parts.clock())
        return _bearer_of(found) if found else None

    def _has_left(self, session: Session) -> bool:
        with self._parts.store.read() as tx:
            return sessions.has_ended(tx, session.id)

    def _proxied(self, connection: HTTPConnection) -> str | None:
        if not self._user_header or not self._trusts(connection):
            return None
        users = connection.headers.getlist(self._user_header)
        if len(users) > 1:
            raise Problem(400, f"the proxy let a caller's own {self._user_header} header through")
        return users[0].strip() if users else None

    def _trusts(self, connection: HTTPConnection) -> bool:
        return connection.client is not None and _is_within(connection.client.host, self._proxies)

    def _print(self) -> str | None:
        """Give what tells this token from the next one, and not the token."""
        if self._token is None:
            return None
        return f"{TOKEN}:{hashlib.sha256(self._token.encode()).hexdigest()}"


def _refuse_handed_on(connection: HTTPConnection) -> None:
    """Raise `Problem` for what came by a proxy: whoever sent it may be anywhere."""
    speaks = str(connection.scope.get("http_version"))
    signs = [name for name in connection.headers if name.startswith(_PROXIES_SAY)]
    if signs or speaks == _PROXIES_SPEAK:
        raise Problem(
            403,
            f"this came by a proxy ({signs[0] if signs else f'HTTP/{speaks}'}), and here nobody is "
            "asked for a key: set SCSYNC_CONSOLE_TOKEN, or SCSYNC_PROXY_USER_HEADER, and start "
            "scsync again",
        )


def _is_within(host: str, networks: tuple[IPv4Network | IPv6Network, ...]) -> bool:
    try:
        address = ip_address(host)
    except ValueError:
        return False
    return any(address in network for network in networks)


def _bearer_of(key: ApiKey) -> Caller:
    return Caller(key.name, key.allows, key=key.id)


def _password(scheme: str, given: str) -> str:
    """Read what a browser or `curl --user` shows; nothing, where that cannot be read."""
    if scheme.lower() != "basic":
        return ""
    try:
        return base64.b64decode(given, validate=True).decode().partition(":")[2]
    except (binascii.Error, UnicodeDecodeError):
        return ""
