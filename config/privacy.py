"""Files that hold secrets: nobody but their owner may read them.

As OpenSSH has it for keys: what belongs to somebody else, as a mounted secret of Docker or
Kubernetes does, is that one's to protect.
"""

import errno
import os
import stat
from pathlib import Path


def exposure(path: Path) -> str | None:
    """Say that others may read this file of ours, and the remedy; None: nobody else may."""
    found = path.stat()
    is_open = stat.S_IMODE(found.st_mode) & (stat.S_IRWXG | stat.S_IRWXO)
    if found.st_uid != os.geteuid():
        return None
    return f"can be read by others; run: chmod 600 {path}" if is_open else None


def read_private(path: Path) -> bytes:
    """Read a file of secrets; raises `OSError`, where others may read it, too."""
    if why := exposure(path):
        raise PermissionError(errno.EACCES, why, str(path))
    return path.read_bytes()
