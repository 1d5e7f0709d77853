"""Which actions are enabled, by the files as they stand now: a change needs no restart."""

import threading
from pathlib import Path

import structlog

from config.settings import ConfigError, Settings

log = structlog.get_logger()


class Allowed:
    """Answers by the settings, which are read again once one of their files has changed."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._seen = _stamps(settings.sources)
        self._turn = threading.Lock()

    def __call__(self, action: str) -> bool:
        with self._turn:
            seen = _stamps(self._settings.sources)
            if seen != self._seen:
                self._seen = seen
                self._reread()
            return self._settings.allows(action)

    def _reread(self) -> None:
        try:
            fresh = self._settings.anew()
        except ConfigError as error:
            # Half an edit must not stop the daemon: what was right before stays in force.
            log.warning("settings.not_reread", error=str(error))
            return
        if fresh.actions != self._settings.actions:
            log.info("actions.changed", actions=",".join(fresh.actions))
        self._settings = fresh


def _stamps(paths: tuple[Path, ...]) -> list[tuple[int, int, int] | None]:
    return [_stamp(path) for path in paths]


def _stamp(path: Path) -> tuple[int, int, int] | None:
    try:
        found = path.stat()
    except OSError:
        return None  # a file that is not there is a state like any other
    return found.st_mtime_ns, found.st_size, found.st_ino
