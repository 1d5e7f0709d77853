"""Push: due commands leave the outbox, one of each record at a time, and each is settled."""

import random
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

import structlog
from sqlalchemy.exc import IntegrityError

from models.command import Command
from models.outbox import CommandState, OutboxEntry
from pipelines import retry
from pipelines.describes import Describes
from pipelines.keeper import SPAN, Held, kept
from pipelines.purpose import Purpose, spending
from pipelines.readback import ReadBack
from pipelines.send import send
from pipelines.submit import Desk, command_of
from pipelines.unclear import resolve
from salesforce.client import Client
from salesforce.errors import Consequence, SalesforceError
from store import outbox
from store.engine import Store
from store.errors import LeaseLost, StoreError
from store.outbox import Settlement

BATCH = 8
"""Commands marked as being sent at once by one drain: what a lost worker leaves to verify."""

log = structlog.get_logger()


@dataclass(frozen=True, kw_only=True)
class Drained:
    """What a drain did; `held_up` is the trouble of the account that ended it early."""

    settled: dict[CommandState, int] = field(default_factory=dict)
    held_up: SalesforceError | None = None

    @property
    def total(self) -> int:
        return sum(self.settled.values())

    def plus(self, state: CommandState) -> "Drained":
        return replace(self, settled={**self.settled, state: self.settled.get(state, 0) + 1})


@dataclass(frozen=True, kw_only=True)
class Pusher:
    """One account's pushes: the parts, and under which name it holds commands."""

    client: Client
    store: Store
    describes: Describes
    desk: Desk
    clock: Callable[[], datetime]
    owner: str
    stopping: Callable[[], bool] = lambda: False
    jitter: Callable[[], float] = random.random
    on_settled: Callable[[CommandState], None] | None = None

    def drain(self) -> Drained:
        """Apply what is due until nothing is, the account is in trouble, or we are to stop."""
        done = Drained()
        held = Held(self.clock)
        read_back = ReadBack(
            client=self.client, store=self.store, describes=self.describes, clock=self.clock
        )
        with spending(Purpose.PUSH), kept(lambda: self._renew(held)):
            while not self.stopping() and done.held_up is None:
                try:
                    entries = self._next(held)
                except SalesforceError as trouble:  # met while new rows were checked
                    done = replace(done, held_up=trouble)
                    break
                if not entries:
                    break
                done = self._settle_all(entries, done, read_back, held)
            read_back.flush()
        return done

    def _next(self, held: Held) -> list[OutboxEntry]:
        """Take up lost commands first: their records wait for them."""
        self.desk.admit()
        while True:
            now = self.clock()
            claim = outbox.Claim(owner=self.owner, now=now, until=now + SPAN, limit=BATCH)
            try:
                with self.store.begin() as tx:
                    outbox.expire(tx, now=now)
                    entries = outbox.claim_unclear(tx, claim) or outbox.claim(tx, claim)
            except IntegrityError:
                continue  # another worker took a command of the same record in this very moment
            held.extend(claim.until)
            return entries

    def _renew(self, held: Held) -> None:
        until = self.clock() + SPAN
        with self.store.begin() as tx:
            outbox.renew(tx, owner=self.owner, until=until)
        held.extend(until)

    def _settle_all(
        self, entries: list[OutboxEntry], done: Drained, read_back: ReadBack, held: Held
    ) -> Drained:
        for place, entry in enumerate(entries):
            if self.stopping() or held.is_over():
                self._hand_back(entries[place:])
                return done
            with structlog.contextvars.bound_contextvars(command=entry.id, object=entry.sobject):
                result, trouble = self._attempt(entry)
                done = self._settle(entry, result, done, read_back)
            if trouble:
                self._hand_back(entries[place + 1 :])
                return replace(done, held_up=trouble)
        return done

    def _attempt(self, entry: OutboxEntry) -> tuple[Settlement, SalesforceError | None]:
        try:
            command = command_of(entry)
            parents = self._parents(command)
            if entry.state == CommandState.UNCLEAR:
                found = resolve(command, client=self.client, parents=parents)
                return retry.looked(found, entry), None
            record_id = send(command, client=self.client, parents=parents)
        except SalesforceError as error:
            return self._refused(entry, error)
        except StoreError:
            raise
        except Exception as error:
            # A bug of ours must not hold up the others; whether anything was sent, a look tells.
            log.error("command.broken", exc_info=error)
            return retry.broken(error, entry, now=self.clock(), jitter=self.jitter), None
        return Settlement(state=CommandState.APPLIED, result_id=record_id), None

    def _refused(
        self, entry: OutboxEntry, error: SalesforceError
    ) -> tuple[Settlement, SalesforceError | None]:
        if error.consequence is Consequence.CHANGED:
            with suppress(SalesforceError):  # what the org says of the command counts, not this
                self.describes.get(entry.sobject, max_age=timedelta(0))
        settlement = retry.settlement(error, entry, now=self.clock(), jitter=self.jitter)
        return settlement, error if retry.concerns_account(error) else None

    def _parents(self, command: Command) -> dict[str, str | None]:
        parents = command.references()
        if not parents:
            return {}
        with self.store.read() as tx:
            return outbox.results(tx, parents)

    def _settle(
        self, entry: OutboxEntry, result: Settlement, done: Drained, read_back: ReadBack
    ) -> Drained:
        try:
            with self.store.begin() as tx:
                outbox.settle(tx, entry, result, owner=self.owner, now=self.clock())
        except LeaseLost:
            log.warning("command.taken_over")
            return done
        log.info(
            "command.settled", state=result.state, error=result.error_code, attempt=entry.attempts
        )
        if result.state is CommandState.APPLIED:
            read_back.add(entry.sobject, result.result_id)
        if self.on_settled:
            self.on_settled(result.state)
        return done.plus(result.state)

    def _hand_back(self, entries: list[OutboxEntry]) -> None:
        """Return commands that were marked but not sent."""
        with self.store.begin() as tx:
            for entry in entries:
                outbox.hand_back(tx, entry, owner=self.owner)
