"""Sends what agents hand in, where no daemon does: as `scsync push` would, beside the answers."""

import threading
from typing import Final

import structlog

from models.linked_account import AccountState
from models.outbox import FINISHED
from pipelines.purpose import carried
from salesforce.errors import SalesforceError
from store import accounts, leases, orgs, outbox
from store.errors import StoreError
from worker.app import App

LOOK_AGAIN: Final = 1.0
"""Seconds between two looks, while something that was handed in here is open."""

log = structlog.get_logger()


class Sending:
    """One thread that drains the outbox while commands of this server are open.

    Where a daemon acts it leaves them to that; leases keep the two apart in any case.
    """

    def __init__(self, parts: App) -> None:
        self._parts = parts
        self._open: set[str] = set()
        self._lock = threading.Lock()
        self._wake = threading.Event()
        self._why: str | None = None
        self._thread = threading.Thread(target=carried(self._run), name="sending", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def stop(self, timeout: float) -> None:
        """Finish or hand back what is in flight."""
        self._parts.stopping.set()
        self._wake.set()
        if self._thread.is_alive():
            self._thread.join(timeout)

    def take(self, command_id: str) -> None:
        """See to it that this command is sent."""
        with self._lock:
            self._open.add(command_id)
        self._wake.set()

    def prospects(self) -> str:
        """Say who sends what is open, or what keeps it from being sent."""
        if self.is_left_to_a_daemon():
            return "a daemon runs and sends it"
        return self._why or "no daemon runs: this server sends it, while it runs"

    def is_left_to_a_daemon(self) -> bool:
        with self._parts.store.read() as tx:
            return leases.is_held(tx, orgs.SCHEDULER, now=self._parts.clock())

    def _run(self) -> None:
        while not self._parts.stopping.is_set():
            if not self._open:
                self._wake.wait()
            self._wake.clear()
            self._why = self._round()
            self._wake.wait(LOOK_AGAIN)

    def _round(self) -> str | None:
        """Drain once; give what keeps commands from being sent."""
        try:
            self._forget_finished()
            if not self._open or self.is_left_to_a_daemon():
                return None
            if rests := self._rests():
                return rests
            held_up = self._parts.pusher().drain().held_up
            self._forget_finished()
        except (StoreError, SalesforceError) as error:
            return _held_up(error)
        except Exception as error:
            log.exception("sending.failed")
            self._parts.watch.unforeseen(error)
            return "sending failed in a way that was not foreseen: the server's log says more"
        return _held_up(held_up) if held_up else None

    def _rests(self) -> str | None:
        """Say why the account makes no calls at all, if it makes none."""
        with self._parts.store.read() as tx:
            account = accounts.get(tx, self._parts.name)
        if account is None:
            return f"account {self._parts.name} is not linked: run scsync link"
        if account.state == AccountState.LINKED:
            return None
        if account.state == AccountState.SUSPENDED:
            return f"account {account.name} is suspended: scsync accounts resume lets it go on"
        return f"account {account.name} cannot work: {account.reason}"

    def _forget_finished(self) -> None:
        with self._lock:
            ids = set(self._open)
        with self._parts.store.read() as tx:
            states = outbox.standing(tx, ids) if ids else {}
        with self._lock:
            self._open -= {one for one in ids if states.get(one) in {None, *FINISHED}}


def _held_up(error: Exception) -> str:
    log.warning("sending.held_up", error=str(error))
    return f"not sent yet: {error}"
