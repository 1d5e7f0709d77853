"""Which actions are enabled, by the files as they stand now: a change needs no restart."""

import threading

import structlog

from config.settings import ConfigError, Settings
from config.stamps import stamps

log = structlog.get_logger()


class Allowed:
    """Answers by the settings, which are read again once one of their files has changed."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._seen = settings.sources
        self._turn = threading.Lock()

    def __call__(self, action: str) -> bool:
        with self._turn:
            seen = stamps(self._seen)
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
        self._settings, self._seen = fresh, fresh.sources
