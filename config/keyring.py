"""The operating system's keyring as the place of the keys; only where a setting asks for it."""

from importlib import import_module
from types import ModuleType

from cryptography.fernet import Fernet

from config.settings import ConfigError

_SERVICE, _USER = "scsync", "secret-key"


class Keyring:
    """One entry, called scsync, made when first wanted."""

    def __str__(self) -> str:
        return "the keyring's entry scsync"

    def read(self) -> str:
        text = _library().get_password(_SERVICE, _USER)
        if not text:
            text = Fernet.generate_key().decode()
            self.write(text)
        return str(text)

    def write(self, text: str) -> None:
        _library().set_password(_SERVICE, _USER, text)


def _library() -> ModuleType:
    try:
        return import_module("keyring")
    except ImportError:
        raise ConfigError(
            "SCSYNC_KEYRING needs the library keyring: install scsync[keyring], or unset it "
            "to use a key file"
        ) from None
