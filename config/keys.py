"""The keys that encrypt tokens at rest: the first one writes, the others still read."""

import os
from collections.abc import Callable
from pathlib import Path
from typing import Protocol
from urllib.parse import parse_qs, urlsplit

from cryptography.fernet import Fernet, InvalidToken, MultiFernet

from config.keyring import Keyring
from config.privacy import exposure
from config.settings import ConfigError, Settings

KEY_FILE = Path("scsync.key")
_SQLITE = "sqlite:///"
_MAKE_ONE = (
    'make one with: python -c "from cryptography.fernet import Fernet; '
    'print(Fernet.generate_key().decode())"'
)


class KeyLost(ConfigError):  # noqa: N818 - the state of a place
    """There is no key where there was one, by which stored tokens were encrypted."""


class Place(Protocol):
    """Where keys are kept, newest first, one a line: a file, or the system's keyring."""

    def read(self) -> str:
        """Give the keys; an empty text where there is none."""

    def make(self, text: str) -> None:
        """Put a first key there; who comes second may find another's."""

    def write(self, text: str) -> None:
        """Replace the keys."""


class KeyFile:
    """A file that nobody else may read."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __str__(self) -> str:
        return str(self.path)

    def read(self) -> str:
        try:
            why = exposure(self.path)
        except FileNotFoundError:
            return ""
        if why:
            raise ConfigError(f"{self.path} {why}")
        return self.path.read_text()

    def make(self, text: str) -> None:
        _make(self.path, text)

    def write(self, text: str) -> None:
        """Replace the keys at once: a crash leaves the old file or the new one."""
        draft = self.path.with_suffix(".key.new")
        draft.unlink(missing_ok=True)
        _make(draft, text)
        draft.replace(self.path)


class Keys:
    """A cipher over a place that may be given new keys while daemons run."""

    def __init__(self, place: Place) -> None:
        self._place = place
        self._known: tuple[str, MultiFernet] | None = None

    def encrypt(self, data: bytes) -> bytes:
        """Encrypt by the newest key; raises `KeyLost` where there is none."""
        return self._cipher().encrypt(data)

    def decrypt(self, token: bytes | str, ttl: int | None = None) -> bytes:
        """Decrypt by whichever key it was; raises `InvalidToken`, if there is none as well."""
        try:
            return self._cipher().decrypt(token, ttl)
        except KeyLost:
            raise InvalidToken(f"{self._place} holds no key") from None

    def begin(self) -> None:
        """Make a first key, unless there is one."""
        if not self._place.read():
            self._place.make(Fernet.generate_key().decode())

    def add(self) -> None:
        """Put a new key first; what is there stays, since rows are still encrypted by it."""
        self._place.write("\n".join([Fernet.generate_key().decode(), *self._text().split()]))

    def drop(self) -> None:
        """Keep the newest key and the one before it, by which a daemon may just have written."""
        self._place.write("\n".join(self._place.read().split()[:2]))

    def _cipher(self) -> MultiFernet:
        # Read each time: to write by a key that was replaced meanwhile would lose a grant.
        text = self._text()
        if self._known is None or self._known[0] != text:
            self._known = (text, _fernet(text.split(), str(self._place)))
        return self._known[1]

    def _text(self) -> str:
        text = self._place.read()
        if not text:
            raise KeyLost(
                f"{self._place} holds no key: restore the one that encrypted the stored tokens, "
                "or run scsync link, which makes another"
            )
        return text


def cipher(
    settings: Settings, *, is_sealed: Callable[[], bool] = lambda: False
) -> MultiFernet | Keys:
    """Give the cipher for tokens; raises `ConfigError` when the key is unusable.

    Where there is no key, one is made, but never beside a store that is sealed by a lost one.
    """
    if settings.secret_key:
        keys = settings.secret_key.get_secret_value().replace(",", " ").split()
        return _fernet(keys, "SCSYNC_SECRET_KEY")
    place = Keyring(_store_name(settings)) if settings.keyring else KeyFile(_key_path(settings))
    keys_there = Keys(place)
    if place.read() or not is_sealed():
        keys_there.begin()
        keys_there.encrypt(b"")  # what is wrong with the place is said at once
    return keys_there


def _store_name(settings: Settings) -> str:
    """Name the store as nobody else's on this machine; who works on it may change."""
    if settings.database_url.startswith(_SQLITE):
        return str(Path(settings.database_url.removeprefix(_SQLITE)).resolve())
    parts = urlsplit(settings.database_url)
    socket = "".join(parse_qs(parts.query).get("host", []))
    return f"{parts.netloc.rpartition('@')[2]}{socket}{parts.path}"


def _key_path(settings: Settings) -> Path:
    """Beside a SQLite store, so that the two travel together; else in the working folder."""
    if settings.database_url.startswith(_SQLITE):
        return Path(settings.database_url.removeprefix(_SQLITE)).with_suffix(".key")
    return KEY_FILE


def _fernet(keys: list[str], origin: str) -> MultiFernet:
    try:
        return MultiFernet([Fernet(key) for key in keys])
    except ValueError:
        raise ConfigError(f"{origin} is not a key; {_MAKE_ONE}") from None


def _make(path: Path, text: str) -> None:
    """Make the file, unless somebody else just has."""
    try:
        handle = os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600)
    except FileExistsError:
        return
    except OSError as error:
        raise ConfigError(
            f"cannot make the key file {path}: {error.strerror}; "
            f"set SCSYNC_SECRET_KEY ({_MAKE_ONE})"
        ) from None
    with os.fdopen(handle, "w") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
