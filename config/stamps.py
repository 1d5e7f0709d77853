"""Which version of a file is there: what tells that somebody has written it since."""

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import NamedTuple


class Stamp(NamedTuple):
    """What differs once a file was written, or put in another's place."""

    written_ns: int
    size: int
    inode: int


Stamps = Mapping[Path, Stamp | None]
"""Files as they stood at one moment; None: it was not there, which is a state like any other."""


def stamps(paths: Iterable[Path]) -> Stamps:
    return {path: _stamp(path) for path in paths}


def _stamp(path: Path) -> Stamp | None:
    try:
        found = path.stat()
    except OSError:
        return None
    return Stamp(found.st_mtime_ns, found.st_size, found.st_ino)
