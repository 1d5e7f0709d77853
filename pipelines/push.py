"""Push: due commands leave the outbox in parcels, one of each record at a time, each settled."""

import random
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from functools import cached_property

import structlog
from sqlalchemy.exc import IntegrityError

from models.outbox import CommandState, Taken
from pipelines import retry
from pipelines.conflicts import Conflicts
from pipelines.delivery import Delivery, Verdict, Verdicts
from pipelines.describes import Describes
from pipelines.hand import Hand, take
from pipelines.keeper import SPAN, Held, kept
from pipelines.parcels import MOST, Letter, parcels
from pipelines.purpose import Purpose, spending
from pipelines.readback import ReadBack
from pipelines.submit import Desk
from pipelines.unclear import Looks
from salesforce.client import Client
from salesforce.errors import Consequence, Outdated, SalesforceError
from store import claims
from store.claims import Settlement
from store.engine import Store

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
    read_back: ReadBack
    account: str
    clock: Callable[[], datetime]
    owner: str
    folds: bool = True
    stopping: Callable[[], bool] = lambda: False
    jitter: Callable[[], float] = random.random
    on_settled: Callable[[CommandState], None] | None = None

    def drain(self) -> Drained:
        """Apply what is due until nothing is, the account is in trouble, or we are to stop."""
        done = Drained()
        held = Held(self.clock)
        with spending(Purpose.PUSH), kept(lambda: self._renew(held)), self.read_back.open():
            while not self.stopping() and done.held_up is None:
                try:
                    hand = self._next(held)
                except SalesforceError as trouble:  # met while new rows were checked
                    return replace(done, held_up=trouble)
                if not hand.entries:
                    break
                done = self._delivered(hand, done, held)
        return done

    @cached_property
    def _delivery(self) -> Delivery:
        looks = Looks(
            client=self.client,
            store=self.store,
            describes=self.describes,
            account=self.account,
            clock=self.clock,
        )
        return Delivery(
            client=self.client,
            store=self.store,
            looks=looks,
            conflicts=Conflicts(client=self.client, store=self.store),
            broken=lambda entry, error: retry.broken(
                error, entry, now=self.clock(), jitter=self.jitter
            ),
        )

    def _next(self, held: Held) -> Hand:
        self.desk.admit()
        while True:
            now = self.clock()
            claim = claims.Claim(owner=self.owner, now=now, until=now + SPAN, limit=MOST)
            try:
                with self.store.begin() as tx:
                    hand = take(tx, claim, folds=self.folds)
            except IntegrityError:
                continue  # another worker took a command of the same record in this very moment
            held.extend(claim.until)
            return hand

    def _renew(self, held: Held) -> None:
        until = self.clock() + SPAN
        with self.store.begin() as tx:
            claims.renew(tx, owner=self.owner, until=until)
        held.extend(until)

    def _delivered(self, hand: Hand, done: Drained, held: Held) -> Drained:
        """Look for what is unclear, or send parcel by parcel; hand back what is not sent."""
        letters, aside = self._delivery.letters(hand)
        done = self._settled(aside, hand, done)
        if any(one.entry.state == CommandState.UNCLEAR for one in letters):
            return self._ended(self._delivery.look(letters), hand, done)
        waiting = parcels(letters)
        while waiting and not (done.held_up or self.stopping() or held.is_over()):
            parcel = waiting.pop(0)
            done = self._ended(self._delivery.send(parcel), hand, done)
        self._hand_back([letter.entry for one in waiting for letter in one.letters])
        return done

    def _ended(self, verdicts: Verdicts, hand: Hand, done: Drained) -> Drained:
        """Settle a parcel's rows, each by what the org said of it."""
        results = [
            (letter.entry, self._settlement(letter, verdict, hand)) for letter, verdict in verdicts
        ]
        done = self._settled(results, hand, done)
        for (letter, verdict), (_, result) in zip(verdicts, results, strict=True):
            if result.state is CommandState.APPLIED:
                sobject, command_id = letter.command.sobject, letter.entry.id
                self.read_back.add(sobject, result.result_id, command_id, letter.fields)
                self.read_back.look()
            if isinstance(verdict, SalesforceError) and retry.concerns_account(verdict):
                done = replace(done, held_up=verdict)
        return done

    def _settlement(self, letter: Letter, verdict: Verdict, hand: Hand) -> Settlement:
        entry = letter.entry
        if isinstance(verdict, Settlement):
            return verdict
        if isinstance(verdict, str):
            return Settlement(state=CommandState.APPLIED, result_id=verdict)
        if verdict.consequence is Consequence.CHANGED and not isinstance(verdict, Outdated):
            with suppress(SalesforceError):  # what the org says of the command counts, not this
                self.describes.get(entry.sobject, max_age=timedelta(0))
        found = retry.settlement(verdict, entry, now=self.clock(), jitter=self.jitter)
        if found.state is CommandState.REJECTED and hand.riders.get(entry.id):
            return retry.parted(found)
        return found

    def _settled(
        self, results: Sequence[tuple[Taken, Settlement]], hand: Hand, done: Drained
    ) -> Drained:
        if not results:
            return done
        with self.store.begin() as tx:
            now = self.clock()
            ours = claims.settle(tx, results, owner=self.owner, now=now, riders=hand.riders)
        for entry, result in results:
            riding = [one for one in hand.riders.get(entry.id, ()) if one.id in ours]
            for one in (entry, *riding):
                done = self._told(one, result, done, is_ours=one.id in ours)
        return done

    def _told(self, entry: Taken, result: Settlement, done: Drained, *, is_ours: bool) -> Drained:
        about = {"command": entry.id, "object": entry.sobject}
        if not is_ours:
            log.warning("command.taken_over", **about)
            return done
        state, error = result.state, result.error_code
        log.info("command.settled", state=state, error=error, attempt=entry.attempts, **about)
        if self.on_settled:
            self.on_settled(state)
        return done.plus(state)

    def _hand_back(self, entries: Sequence[Taken]) -> None:
        """Return commands that were marked but not sent."""
        if entries:
            with self.store.begin() as tx:
                claims.hand_back(tx, entries, owner=self.owner, now=self.clock())
