"""Push: due commands leave the outbox in parcels, one of each record at a time, each settled."""

import random
import threading
import time
from collections import Counter
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, suppress
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from functools import cached_property

import structlog
from sqlalchemy.exc import IntegrityError

from models.outbox import CommandState, KeyKind, Taken
from pipelines import retry
from pipelines.conflicts import Conflicts
from pipelines.delivery import Delivery, Verdict, Verdicts
from pipelines.describes import Describes
from pipelines.hand import Hand, take
from pipelines.ingesting import MOST as MOST_INGESTED
from pipelines.ingesting import Ingests, fits
from pipelines.keeper import SPAN, Held, kept
from pipelines.parcels import MOST, Letter, parcels
from pipelines.purpose import Purpose, spending
from pipelines.readback import ReadBack
from pipelines.submit import Desk
from pipelines.unclear import Looks
from pipelines.watch import NOBODY, Watch
from salesforce.client import Client
from salesforce.errors import Consequence, Drifted, NotFound, Outdated, SalesforceError
from store import claims, ingests
from store.claims import Settlement
from store.engine import Store
from store.errors import StoreContended
from store.ingests import Crowd

_SETTLED_AT_ONCE = 500
_LOOK_EVERY = timedelta(seconds=1)
"""How often a drain looks for what lost workers left, and for what has waited long enough."""
_FEW = 10
_AGAIN = frozenset({CommandState.PENDING, CommandState.UNCLEAR})

log = structlog.get_logger()


@dataclass(frozen=True, kw_only=True)
class Drained:
    """What a drain did; `held_up` is the trouble of the account that ended it early."""

    settled: dict[CommandState, int] = field(default_factory=dict)
    held_up: SalesforceError | None = None

    @property
    def total(self) -> int:
        return sum(self.settled.values())

    def plus(self, state: CommandState, number: int = 1) -> "Drained":
        so_far = self.settled.get(state, 0)
        return replace(self, settled={**self.settled, state: so_far + number})


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
    ingest_above: int = 0
    """How many due commands of one kind go by Bulk; 0: none ever."""
    bulk_rests: threading.Event = field(default_factory=threading.Event)
    """Set once the org has refused a job: the rest of this process's life goes without."""
    stopping: Callable[[], bool] = lambda: False
    jitter: Callable[[], float] = random.random
    on_settled: Callable[[CommandState], None] | None = None
    watch: Watch = NOBODY

    def drain(self) -> Drained:
        """Apply what is due until nothing is, the account is in trouble, or we are to stop."""
        done = Drained()
        held = Held(self.clock)
        with spending(Purpose.PUSH), kept(lambda: self._renew(held)), self.read_back.open():
            looked: datetime | None = None
            while not self.stopping() and done.held_up is None:
                try:
                    if refused := self.desk.admit():
                        done = done.plus(CommandState.REJECTED, refused)
                except SalesforceError as trouble:  # met while new rows were checked
                    return replace(done, held_up=trouble)
                crowd = self._crowd()
                looks = looked is None or self.clock() - looked >= _LOOK_EVERY
                looked = self.clock() if looks else looked
                hand = self._next(held, crowd, looks=looks)
                if hand.entries:
                    done = self._delivered(hand, done, held, crowd)
                elif looks:
                    break
                else:
                    looked = None  # nothing is left but what a look may bring
        return done

    def _ingests(self, held: Held | None = None) -> Ingests:
        is_over = held.is_over if held else lambda: False
        return Ingests(
            client=self.client,
            store=self.store,
            clock=self.clock,
            owner=self.owner,
            is_over=lambda: self.stopping() or is_over(),
        )

    @cached_property
    def _delivery(self) -> Delivery:
        looks = Looks(
            client=self.client,
            store=self.store,
            describes=self.describes,
            ingests=self._ingests(),
            account=self.account,
            clock=self.clock,
        )
        return Delivery(
            client=self.client,
            store=self.store,
            looks=looks,
            conflicts=Conflicts(
                client=self.client, store=self.store, account=self.account, clock=self.clock
            ),
            allows=self.desk.allows,
            broken=lambda entry, error: retry.broken(
                error, entry, now=self.clock(), jitter=self.jitter
            ),
            unforeseen=self.watch.unforeseen,
        )

    def _crowd(self) -> Crowd | None:
        """Find commands that are so many that a Bulk job serves them better."""
        if not self.ingest_above or self.bulk_rests.is_set():
            return None
        with self.store.read() as tx:
            return ingests.crowd(tx, above=self.ingest_above, now=self.clock())

    def _next(self, held: Held, crowd: Crowd | None, *, looks: bool) -> Hand:
        began = time.perf_counter()
        while True:
            now = self.clock()
            most = MOST_INGESTED if crowd else MOST
            claim = claims.Claim(owner=self.owner, now=now, until=now + SPAN, limit=most)
            try:
                with self.store.begin() as tx:
                    if crowd:
                        hand = Hand(entries=ingests.claim(tx, claim, crowd))
                    else:
                        hand = take(tx, claim, folds=self.folds, looks=looks)
            except (IntegrityError, StoreContended):
                continue  # another worker took a command of the same record in this very moment
            held.extend(claim.until)
            self._claimed(hand, time.perf_counter() - began)
            return hand

    def _claimed(self, hand: Hand, seconds: float) -> None:
        traces = self.watch.traces(one.trace for one in hand.entries)
        self.watch.done("command.claim", seconds, traces, commands=len(hand.entries))

    def _renew(self, held: Held) -> None:
        until = self.clock() + SPAN
        if held.is_over():
            return  # who slept through it takes nothing back: it may be somebody else's by now
        self.store.write(lambda tx: claims.renew(tx, owner=self.owner, until=until))
        held.extend(until)

    def _delivered(
        self, hand: Hand, done: Drained, held: Held, crowd: Crowd | None = None
    ) -> Drained:
        """Look for what is unclear, or send parcel by parcel; hand back what is not sent."""
        letters, aside = self._delivery.letters(hand)
        done = self._settled(aside, hand, done)
        if crowd:
            done, letters = self._by_bulk(crowd, letters, hand, done, held)
        if any(one.entry.state == CommandState.UNCLEAR for one in letters):
            with self._doing("command.look", letters):
                done = self._ended(self._delivery.look(letters), hand, done)
            self._clear_jobs(hand)
            return done
        waiting = parcels(letters)
        while waiting and not (done.held_up or self.stopping() or held.is_over()):
            parcel = waiting.pop(0)
            with self._doing("command.send", parcel.letters):
                done = self._ended(self._delivery.send(parcel), hand, done)
        self._hand_back([letter.entry for one in waiting for letter in one.letters])
        return done

    def _doing(self, name: str, letters: Sequence[Letter]) -> AbstractContextManager[object]:
        traces = self.watch.traces(one.entry.trace for one in letters)
        sobject = letters[0].command.sobject if letters else ""
        return self.watch.doing(name, traces, object=sobject, commands=len(letters))

    def _by_bulk(
        self, crowd: Crowd, letters: list[Letter], hand: Hand, done: Drained, held: Held
    ) -> tuple[Drained, list[Letter]]:
        """Send a crowd as one job; give back what has to travel otherwise."""
        fitting = [one for one in letters if fits(one)]
        jobs = self._ingests(held)
        try:
            with self._doing("command.ingest", letters):
                verdicts = jobs.send(crowd, fitting)
        except SalesforceError as error:
            if retry.concerns_account(error):
                return self._ended([(one, error) for one in letters], hand, done), []
            log.warning("ingest.refused", object=crowd.sobject, why=str(error))
            self.bulk_rests.set()
            return done, letters
        return self._ended(verdicts, hand, done), [one for one in letters if not fits(one)]

    def _clear_jobs(self, hand: Hand) -> None:
        for job_id in {one.job_id for one in hand.entries if one.job_id}:
            self._ingests().cleared(job_id)

    def _ended(self, verdicts: Verdicts, hand: Hand, done: Drained) -> Drained:
        """Settle rows, each by what the org said of it, some hundreds in a transaction."""
        for start in range(0, len(verdicts), _SETTLED_AT_ONCE):
            done = self._ended_together(verdicts[start : start + _SETTLED_AT_ONCE], hand, done)
        return done

    def _ended_together(self, verdicts: Verdicts, hand: Hand, done: Drained) -> Drained:
        results = [
            (letter.entry, self._settlement(letter, verdict, hand)) for letter, verdict in verdicts
        ]
        done = self._settled(results, hand, done)
        for (letter, verdict), (_, result) in zip(verdicts, results, strict=True):
            if result.state is CommandState.APPLIED:
                sobject, command_id = letter.command.sobject, letter.entry.id
                traced = letter.entry.trace
                self.read_back.add(sobject, result.result_id, command_id, letter.fields, traced)
            if isinstance(verdict, SalesforceError) and retry.concerns_account(verdict):
                done = replace(done, held_up=verdict)
        self.read_back.look()
        return done

    def _settlement(self, letter: Letter, verdict: Verdict, hand: Hand) -> Settlement:
        entry = letter.entry
        if isinstance(verdict, Settlement):
            return verdict
        if isinstance(verdict, str):
            return Settlement(state=CommandState.APPLIED, result_id=verdict)
        if entry.key_kind == KeyKind.IDEMPOTENCY and isinstance(verdict, Drifted | NotFound):
            return retry.unkeyed(verdict)
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
        now = self.clock()
        with self.watch.doing("command.settle", commands=len(results)):
            ours = self.store.write(
                lambda tx: claims.settle(tx, results, owner=self.owner, now=now, riders=hand.riders)
            )
        is_many = len(results) > _FEW
        for entry, result in results:
            riding = [one for one in hand.riders.get(entry.id, ()) if one.id in ours]
            for one in (entry, *riding):
                done = self._told(one, result, done, is_ours=one.id in ours, is_many=is_many)
        self._counted(results)
        if is_many:
            states = Counter(str(result.state) for _, result in results)
            log.info("commands.settled", object=results[0][0].sobject, **states)
        return done

    def _counted(self, results: Sequence[tuple[Taken, Settlement]]) -> None:
        """Count attempts by how they ended, and by what cause those are made again that are."""
        kinds = Counter(
            (entry.sobject, entry.op, str(found.state), found.error_code)
            for entry, found in results
        )
        for (sobject, op, state, code), number in kinds.items():
            self.watch.count("attempts", number, object=sobject, op=op, outcome=state)
            if state in _AGAIN:
                self.watch.count("retries", number, object=sobject, code=code or "")

    def _told(
        self,
        entry: Taken,
        result: Settlement,
        done: Drained,
        *,
        is_ours: bool,
        is_many: bool,
    ) -> Drained:
        about = {"command": entry.id, "object": entry.sobject}
        if not is_ours:
            log.warning("command.taken_over", **about)
            return done
        state, error = result.state, result.error_code
        # Of hundreds that went well one line tells; each of the others has its own.
        if not is_many or state is not CommandState.APPLIED:
            log.info("command.settled", state=state, error=error, attempt=entry.attempts, **about)
        if self.on_settled:
            self.on_settled(state)
        return done.plus(state)

    def _hand_back(self, entries: Sequence[Taken]) -> None:
        """Return commands that were marked but not sent."""
        if entries:
            now = self.clock()
            self.store.write(lambda tx: claims.hand_back(tx, entries, owner=self.owner, now=now))
