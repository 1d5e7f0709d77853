"""Doorbells of the outbox: a few drains at a time over all processes, none of them piling up.

A bell is a lease, rung by whoever has something to announce. The drain that answers it keeps it
until there is nothing left to do. A bell nobody answers falls silent by itself and is rung anew.
"""

from collections.abc import Callable
from datetime import timedelta
from uuid import uuid4

import structlog
from sqlalchemy import Connection

from models.linked_account import AccountState
from pipelines import retry
from pipelines.keeper import SPAN, kept
from pipelines.parcels import MOST
from pipelines.push import Drained
from store import accounts, claims, leases
from worker.app import App

SLOTS = 8
"""Requests in flight at once over all processes: Salesforce answers a write in 0.1 to 1 s."""

log = structlog.get_logger()


class Bells:
    """One account's bells."""

    def __init__(self, app: App) -> None:
        self._app = app

    def sweep(self, send: Callable[[int, str], object]) -> int:
        """Ring as many bells as there is work for; return how many were rung."""
        now = self._app.clock()
        with self._app.store.read() as tx:
            account = accounts.get(tx, self._app.name)
            if account and account.state != AccountState.LINKED:
                return 0  # suspended, or its grant is dead: commands are kept
            waiting = claims.waiting(tx, now=now, most=SLOTS * MOST)
        return self.ring(send, wanted=-(-waiting // MOST)) if waiting else 0

    def ring(self, send: Callable[[int, str], object], *, wanted: int = SLOTS) -> int:
        """Ring so many of the bells that are silent."""
        rung: list[tuple[int, str]] = []
        with self._app.store.begin() as tx:
            for slot in range(SLOTS):
                bell = uuid4().hex
                if len(rung) < wanted and self._hold(tx, slot, bell):
                    rung.append((slot, bell))
        for slot, bell in rung:
            send(slot, bell)
        return len(rung)

    def answer(self, slot: int, bell: str) -> Drained | None:
        """Drain the outbox while holding the bell; None when another answers it by now."""
        if not self._renew(slot, bell):
            return None
        with kept(lambda: self._renew(slot, bell)):
            drained = self._app.pusher().drain()
        if drained.held_up:
            log.warning("push.held_up", error=str(drained.held_up))
            # While we keep it, nobody can ring it: an account in trouble is left in peace.
            self._renew(slot, bell, span=retry.pause(drained.held_up))
        else:
            self._drop(slot, bell)
        return drained

    def _renew(self, slot: int, bell: str, span: timedelta = SPAN) -> bool:
        with self._app.store.begin() as tx:
            return leases.renew(tx, _name(slot), owner=bell, now=self._app.clock(), span=span)

    def _drop(self, slot: int, bell: str) -> None:
        with self._app.store.begin() as tx:
            leases.drop(tx, _name(slot), owner=bell)

    def _hold(self, tx: Connection, slot: int, bell: str) -> bool:
        return leases.hold(tx, _name(slot), owner=bell, now=self._app.clock(), span=SPAN)


def _name(slot: int) -> str:
    return f"push/{slot}"
