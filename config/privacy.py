"""Files that hold secrets: nobody but their owner may read them."""

import errno
import stat
from pathlib import Path


def exposure(path: Path) -> str | None:
    """Say that others may read this file, and the remedy; None: only its owner may."""
    is_open = stat.S_IMODE(path.stat().st_mode) & (stat.S_IRWXG | stat.S_IRWXO)
    return f"can be read by others; run: chmod 600 {path}" if is_open else None


def read_private(path: Path) -> bytes:
    """Read a file of secrets; raises `OSError`, where others may read it, too."""
    if why := exposure(path):
        raise PermissionError(errno.EACCES, why, str(path))
    return path.read_bytes()
