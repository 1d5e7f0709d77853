"""Where a throwaway server stands: under which account, in which directory."""

import os
import pwd
import shutil
import stat
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

GONE_WITHIN = 60.0  # seconds


@dataclass(frozen=True)
class Account:
    """An existing, unprivileged user of the machine."""

    name: str
    uid: int
    gid: int

    def can_reach(self, path: Path) -> bool:
        """Whether every folder down to the path lets this account through."""
        return all(self._may(0o1, place) for place in (path, *path.parents) if place.is_dir())

    def _may(self, bit: int, place: Path) -> bool:
        status = place.stat()
        if status.st_uid == self.uid:
            return bool(status.st_mode & (bit << 6))
        if status.st_gid == self.gid:
            return bool(status.st_mode & (bit << 3))
        return bool(stat.S_IMODE(status.st_mode) & bit)


def unprivileged_account() -> Account | None:
    """Whom PostgreSQL runs as: none other than oneself, unless one is root, which it refuses."""
    if os.geteuid() != 0:
        return None
    for name in ("postgres", "_postgres", "nobody"):
        try:
            entry = pwd.getpwnam(name)
        except KeyError:
            continue
        return Account(name, entry.pw_uid, entry.pw_gid)
    raise LookupError("running as root on a machine with neither a postgres nor a nobody user")


@contextmanager
def throwaway_directory(account: Account | None = None) -> Iterator[Path]:
    """Give a directory of the account's own that is gone afterwards."""
    directory = Path(tempfile.mkdtemp(prefix="scsync-test-", dir=_root_for(account)))
    try:
        if account is not None:
            os.chown(directory, account.uid, account.gid)
        yield directory
    finally:
        _remove(directory)


def _remove(directory: Path) -> None:
    """Remove it, though what a killed server had started may write to it for a moment yet."""
    deadline = time.monotonic() + GONE_WITHIN
    while time.monotonic() < deadline:
        with suppress(OSError):
            shutil.rmtree(directory)
            return
        time.sleep(0.05)
    shutil.rmtree(directory)


def _root_for(account: Account | None) -> Path:
    preferred = Path(tempfile.gettempdir()).resolve()
    if account is None or account.can_reach(preferred):
        return preferred
    return Path("/tmp")  # noqa: S108  # mkdtemp makes the name; root's own TMPDIR may be closed
