"""The key that encrypts tokens at rest: from the settings, or a file made at first start."""

import os
import stat
from pathlib import Path

from cryptography.fernet import Fernet

from config.settings import ConfigError, Settings

KEY_FILE = Path("scsync.key")
_MAKE_ONE = (
    'make one with: python -c "from cryptography.fernet import Fernet; '
    'print(Fernet.generate_key().decode())"'
)


def cipher(settings: Settings, path: Path | None = None) -> Fernet:
    """Give the cipher for tokens; raises `ConfigError` when the key is unusable."""
    if settings.secret_key:
        return _fernet(settings.secret_key.get_secret_value(), "SCSYNC_SECRET_KEY")
    path = path or _key_path(settings)
    _create(path)
    if stat.S_IMODE(path.stat().st_mode) & 0o077:
        raise ConfigError(f"{path} can be read by others; run: chmod 600 {path}")
    return _fernet(path.read_text().strip(), str(path))


def _key_path(settings: Settings) -> Path:
    """Beside a SQLite store, so that the two travel together; else in the working folder."""
    if settings.database_url.startswith("sqlite:///"):
        return Path(settings.database_url.removeprefix("sqlite:///")).with_suffix(".key")
    return KEY_FILE


def _create(path: Path) -> None:
    try:
        handle = os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600)
    except FileExistsError:
        return
    except OSError as error:
        raise ConfigError(
            f"cannot make the key file {path}: {error.strerror}; "
            f"set SCSYNC_SECRET_KEY ({_MAKE_ONE})"
        ) from None
    with os.fdopen(handle, "wb") as file:
        file.write(Fernet.generate_key())


def _fernet(key: str, origin: str) -> Fernet:
    try:
        return Fernet(key)
    except ValueError:
        raise ConfigError(f"{origin} is not a key; {_MAKE_ONE}") from None
