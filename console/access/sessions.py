"""A browser's session: sealed into its cookie; only that it was ended is kept in the store."""

import hashlib
import hmac
import secrets
from http.cookies import CookieError, SimpleCookie

import msgspec
from cryptography.fernet import InvalidToken
from starlette.requests import HTTPConnection

from pipelines.vault import Cipher

_COOKIE = "scsync_session"
LIFETIME = 12 * 3600  # s: a working day; then a person shows the key again
_PURPOSE = b"console session:"


class Session(msgspec.Struct, frozen=True):
    """One browser: a secret of its own, and whose key it has shown."""

    id: str
    key: str | None = None

    @property
    def csrf(self) -> str:
        """What a form of this browser's pages carries, and nobody else's can."""
        return hmac.new(self.id.encode(), b"csrf", hashlib.sha256).hexdigest()


def cookie_name(connection: HTTPConnection) -> str:
    """Name the cookie by the console's port: browsers give cookies to every port of a host."""
    port = connection.headers.get("host", "").rpartition(":")[2]
    return f"{_COOKIE}_{port}" if port.isascii() and port.isdigit() else _COOKIE


def begin(key: str | None = None) -> Session:
    return Session(secrets.token_urlsafe(24), key)


class Sessions:
    """Seals sessions by the cipher that keeps tokens: every process over the store knows it."""

    def __init__(self, cipher: Cipher) -> None:
        self._cipher = cipher

    def cookie(self, session: Session, name: str, *, is_secure: bool) -> str:
        """Write the header that hands a session to its browser."""
        sealed = self._cipher.encrypt(_PURPOSE + msgspec.json.encode(session)).decode()
        secure = "; Secure" if is_secure else ""
        return f"{name}={sealed}; Path=/; Max-Age={LIFETIME}; HttpOnly; SameSite=Strict{secure}"

    def read(self, connection: HTTPConnection) -> Session | None:
        """Open the session that a request bears; None for one that is old, or not ours."""
        sealed = _named(connection.headers.get("cookie", ""), cookie_name(connection))
        if sealed is None:
            return None
        try:
            opened = self._cipher.decrypt(sealed, LIFETIME)
            # The same cipher seals tokens: none of them may pass for a session.
            if not opened.startswith(_PURPOSE):
                return None
            return msgspec.json.decode(opened.removeprefix(_PURPOSE), type=Session)
        except (InvalidToken, msgspec.DecodeError):
            return None


def _named(cookies: str, name: str) -> str | None:
    try:
        found = SimpleCookie(cookies).get(name)
    except CookieError:
        return None
    return found.value if found else None
