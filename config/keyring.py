"""The operating system's keyring as the place of the keys; only where a setting asks for it."""

from collections.abc import Iterator
from contextlib import contextmanager
from types import ModuleType

from config.settings import ConfigError

_SERVICE, _USER = "scsync", "secret-key"


class Keyring:
    """One entry for each store: the service scsync, the user named for the store.

    The entry that all stores of a person once shared is still read, and never written.
    """

    def __init__(self, store: str) -> None:
        self._user = f"{_USER} {store}"

    def __str__(self) -> str:
        return f"the keyring's entry {_SERVICE}, {self._user}"

    def read(self) -> str:
        with _library() as keyring:
            users = (self._user, _USER)
            found = (keyring.get_password(_SERVICE, user) for user in users)
            return next((text for text in found if text), "")

    def make(self, text: str) -> None:
        self.write(text)

    def write(self, text: str) -> None:
        with _library() as keyring:
            keyring.set_password(_SERVICE, self._user, text)


@contextmanager
def _library() -> Iterator[ModuleType]:
    try:
        import keyring  # noqa: PLC0415 - an extra that most do not have
    except ImportError:
        raise ConfigError(
            "SCSYNC_KEYRING needs the library keyring: install scsync[keyring], or unset it "
            "to use a key file"
        ) from None
    try:
        yield keyring
    except keyring.errors.KeyringError as error:
        raise ConfigError(
            f"SCSYNC_KEYRING: the system's keyring does not serve ({type(error).__name__}: "
            f"{str(error).rstrip('.')}): unlock it, or unset the setting to use a key file"
        ) from None
