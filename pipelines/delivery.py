"""Delivery: a hand's commands written out, sent or looked for, and a verdict on each."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import structlog

from models import by_name
from models.command import Command, Op
from models.outbox import CommandState, Taken
from models.sobject import SObject
from pipelines import retry
from pipelines.clerk import action_of
from pipelines.conflicts import Conflicts
from pipelines.hand import Hand, command_of
from pipelines.parcels import Letter, Parcel
from pipelines.send import send
from pipelines.unclear import Looks
from salesforce.client import Client
from salesforce.errors import Consequence, Outdated, SalesforceError
from store import outbox
from store.claims import Settlement
from store.engine import Store
from store.errors import StoreError

Verdict = str | SalesforceError | Settlement
"""What became of one command: its record's id, what the org says instead, or the end of it."""
Verdicts = list[tuple[Letter, Verdict]]

log = structlog.get_logger()


@dataclass(frozen=True, kw_only=True)
class Delivery:
    """Where commands meet the org; raises `StoreError` alone."""

    client: Client
    store: Store
    looks: Looks
    conflicts: Conflicts
    allows: Callable[[str], bool]
    """Whether an action is enabled at this moment."""
    broken: Callable[[Taken, Exception], Settlement]
    """What a bug of ours means for a command."""
    unforeseen: Callable[[Exception], None] = lambda _: None
    """Who is told of a bug of ours."""

    def letters(self, hand: Hand) -> tuple[list[Letter], list[tuple[Taken, Settlement]]]:
        """Write out what is to be sent; what may not be, or cannot be written out, is set aside."""
        aside = self._disabled(hand.entries)
        stopped = {entry.id for entry, _ in aside}
        left = [entry for entry in hand.entries if entry.id not in stopped]
        commands = [(entry, command_of(entry)) for entry in left]
        records = self._records([command for _, command in commands])
        locks = self._locks(commands)
        letters: list[Letter] = []
        for entry, command in commands:
            try:
                fields = command.resolved(records)
                for one in hand.riders.get(entry.id, ()):
                    fields |= command_of(one).resolved(records)
            except KeyError as error:
                self.unforeseen(error)
                aside.append((entry, self.broken(entry, error)))
            else:
                letters.append(Letter(entry, command, fields, locks.get(entry.id)))
        return letters, aside

    def _disabled(self, entries: Sequence[Taken]) -> list[tuple[Taken, Settlement]]:
        """Refuse what was disabled since it was accepted; what was sent before is looked for."""
        fresh = [one for one in entries if one.state != CommandState.UNCLEAR]
        names = {one.id: action_of(Op(one.op), one.sobject) for one in fresh}
        allowed = {name: self.allows(name) for name in set(names.values())}
        return [(one, retry.disabled(names[one.id])) for one in fresh if not allowed[names[one.id]]]

    def send(self, parcel: Parcel) -> Verdicts:
        """Send a parcel; a request that is lost or refused as a whole says nothing of its rows."""
        return self._guarded(parcel.letters, lambda: self._sent(parcel))

    def look(self, letters: Sequence[Letter]) -> Verdicts:
        """Find out what became of commands whose replies were lost."""
        return self._guarded(letters, lambda: self._looked(letters))

    def _guarded(self, letters: Sequence[Letter], work: Callable[[], Verdicts]) -> Verdicts:
        try:
            return work()
        except SalesforceError as error:
            return [(one, error) for one in letters]
        except StoreError:
            raise
        except Exception as error:
            # A bug of ours must not hold up the others; whether anything was sent, a look tells.
            log.error("command.broken", exc_info=error)
            self.unforeseen(error)
            alone = len(letters) > 1
            return [(one, replace(self.broken(one.entry, error), alone=alone)) for one in letters]

    def _sent(self, parcel: Parcel) -> Verdicts:
        parcel, stopped = self._held_back(parcel)
        letters = parcel.letters
        try:
            found = send(parcel, self.client) if letters else []
        except SalesforceError as error:
            return stopped + [(one, _of_all(letters, error)) for one in letters]
        verdicts: Verdicts = list(zip(letters, found, strict=True))
        if len(letters) == 1 and isinstance(found[0], Outdated):
            verdicts = [(letters[0], self._again(parcel, found[0]))]
        return stopped + verdicts

    def _held_back(self, parcel: Parcel) -> tuple[Parcel, Verdicts]:
        """Hold back rows that somebody else has changed since."""
        letters = parcel.letters
        if not any(self.conflicts.needs_look(one, alone=len(letters) == 1) for one in letters):
            return parcel, []
        looked = self.conflicts.looked(letters)
        pairs = zip(letters, looked, strict=True)
        stopped: Verdicts = [(one, found) for one, found in pairs if isinstance(found, Outdated)]
        free = tuple(one for one in looked if isinstance(one, Letter))
        return replace(parcel, letters=free), stopped

    def _again(self, parcel: Parcel, refusal: Outdated) -> Verdict:
        """Look who was there first; if it was ourselves, the command may go all the same."""
        if refusal.code == "CONFLICT":
            return refusal
        (looked,) = self.conflicts.looked(parcel.letters)
        if isinstance(looked, Outdated):
            return looked
        (found,) = send(replace(parcel, letters=(looked,)), self.client)
        return found

    def _looked(self, letters: Sequence[Letter]) -> Verdicts:
        found = self.looks.at(letters)
        return [
            (one, retry.looked(what, one.entry) if isinstance(what, Settlement) else what)
            for one, what in zip(letters, found, strict=True)
        ]

    def _records(self, commands: Sequence[Command]) -> dict[str, str | None]:
        parents = [one for command in commands for one in command.references()]
        if not parents:
            return {}
        with self.store.read() as tx:
            return outbox.results(tx, parents)

    def _locks(self, commands: Sequence[tuple[Taken, Command]]) -> dict[str, str]:
        """Say which other record each write locks: as it names it, else as the store knows it."""
        found: dict[str, str] = {}
        unnamed: dict[type[SObject], dict[str, str]] = {}
        for entry, command in commands:
            model = _model(command.sobject)
            if model is None or model.lock_parent is None:
                continue
            named: Any = command.fields.get(model.lock_parent)
            if isinstance(named, str):
                found[entry.id] = named
            elif command.record_id:
                unnamed.setdefault(model, {})[command.record_id] = entry.id
        if len(commands) > 1 and unnamed:
            with self.store.read() as tx:
                for model, by_record in unnamed.items():
                    locks = outbox.lock_parents(tx, model, list(by_record))
                    found |= {by_record[record_id]: parent for record_id, parent in locks.items()}
        return found


def _of_all(letters: Sequence[Letter], error: SalesforceError) -> Verdict:
    """Say what a refusal of all means for each row: sent alone, each hears its own."""
    lost = error.outcome_unknown or retry.concerns_account(error)
    if len(letters) == 1 or lost or error.consequence in {Consequence.SOON, Consequence.LATER}:
        return error
    return Settlement(
        state=CommandState.PENDING,
        error_code=error.code or type(error).__name__,
        error_message=f"{len(letters)} were refused together; sent alone: {error}",
        counts=False,
        alone=True,
    )


def _model(sobject: str) -> type[SObject] | None:
    try:
        return by_name(sobject)
    except LookupError:
        return None  # an object that is written, and not read
