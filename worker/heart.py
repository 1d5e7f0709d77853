"""The heart: a process says every few seconds that it lives, to the store and to systemd."""

import threading
from datetime import timedelta

import structlog

from models.process import Role
from store import processes
from store.errors import StoreError
from worker import supervisor
from worker.app import App

BEAT = 5.0  # s
_KEEP = timedelta(hours=1)
"""How long the row of a process that was killed tells of it."""

log = structlog.get_logger()


class Heart:
    """Beats in a thread of its own, from the start of a process to its end."""

    def __init__(self, app: App, role: Role, *, every: float = BEAT) -> None:
        self._app = app
        self._role = role
        self._every = every
        self._started_at = app.clock()
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._keep_beating, name="heart", daemon=True)

    def start(self) -> None:
        self.beat()
        supervisor.tell("READY=1")
        self._thread.start()

    def stop(self) -> None:
        """Stop, and take the row along: who leaves is not missed."""
        supervisor.tell("STOPPING=1")
        self._over.set()
        self._thread.join(timeout=BEAT)
        try:
            with self._app.store.begin(relaxed=True) as tx:
                processes.leave(tx, self._app.process)
        except StoreError as error:
            log.warning("process.row_left", error=str(error))

    def beat(self) -> None:
        """Say once that this process lives."""
        now = self._app.clock()
        with self._app.store.begin(relaxed=True) as tx:
            processes.beat(tx, self._app.process, self._role, started_at=self._started_at, now=now)
            processes.forget(tx, now - _KEEP)

    def _keep_beating(self) -> None:
        while not self._over.wait(self._every):
            supervisor.tell("WATCHDOG=1")
            try:
                self.beat()
            except StoreError as error:
                log.warning("heart.unheard", error=str(error))
            except Exception as error:
                log.exception("heart.unheard")
                self._app.watch.unforeseen(error)
