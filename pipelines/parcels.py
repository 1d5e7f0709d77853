"""Parcels: due commands that may go to the org in one request, sorted so that they do not collide.

Single rows where one is waiting and nobody else; Collections of up to two hundred of one kind
else. What met a lock, what has a flow of its own, and creates by the UI API's key go alone.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import NamedTuple

from models.command import Command, Conflict, Fields, Op
from models.outbox import KeyKind, Taken
from salesforce.values import PLAIN, Manner

MOST = 200
_KNOWLEDGE = "__kav"


@dataclass(frozen=True)
class Letter:
    """One command with what is to be sent: references resolved, riders' fields among its own."""

    entry: Taken
    command: Command
    fields: Fields
    parent: str | None = None

    @property
    def manner(self) -> Manner:
        command = self.command
        if not command.auto_assign and not command.allow_duplicates:
            return PLAIN
        return Manner(command.auto_assign, allow_duplicates=command.allow_duplicates)

    @property
    def guard(self) -> datetime | None:
        """The instant since which nobody else may have changed the record."""
        if self.command.on_conflict is Conflict.OVERWRITE:
            return None
        return self.command.expected_modstamp

    @property
    def key_field(self) -> str | None:
        """The external id that the record is written by, if it is."""
        if self.command.op in {Op.CREATE, Op.UPSERT} and self.command.external_id:
            return self.command.external_id_field
        return None


class Kind(NamedTuple):
    """What rows of one request have in common."""

    verb: Op
    sobject: str
    key_field: str | None
    manner: Manner


@dataclass(frozen=True)
class Parcel:
    """What travels in one request."""

    kind: Kind
    letters: tuple[Letter, ...]


def parcels(letters: Iterable[Letter], *, most: int = MOST) -> list[Parcel]:
    """Sort letters into parcels; the order between parcels is that of their first letters."""
    found: list[Parcel] = []
    shared: dict[Kind, list[Letter]] = {}
    for letter in letters:
        if goes_alone(letter.entry):
            found.append(Parcel(_kind(letter), (letter,)))
        else:
            shared.setdefault(_kind(letter), []).append(letter)
    for kind, some in shared.items():
        found += [Parcel(kind, tuple(part)) for part in _parted(_sorted(some), most)]
    places = {letter.entry.id: place for place, letter in enumerate(letters)}
    return sorted(found, key=lambda one: min(places[x.entry.id] for x in one.letters))


def goes_alone(entry: Taken) -> bool:
    """Tell whether a command travels in a request of its own."""
    if entry.alone or entry.op in {Op.PUBLISH, Op.ARCHIVE}:
        return True
    if entry.sobject.endswith(_KNOWLEDGE) and entry.op in {Op.UPDATE, Op.DELETE}:
        return True
    return entry.op == Op.CREATE and entry.key_kind == KeyKind.IDEMPOTENCY


def _kind(letter: Letter) -> Kind:
    key_field = letter.key_field
    verb = Op.UPSERT if key_field else letter.command.op
    return Kind(verb, letter.command.sobject, key_field, letter.manner)


def _sorted(letters: list[Letter]) -> list[Letter]:
    """Put siblings side by side: rows of one parent lock it once, not by turns."""
    return sorted(letters, key=lambda one: (one.parent or "", one.entry.seq))


def _parted(letters: Sequence[Letter], most: int) -> list[list[Letter]]:
    """Part them into requests, in none of which a key or a payload stands twice."""
    parts: list[tuple[set[str], list[Letter]]] = []
    for letter in letters:
        name = _identity(letter)
        for names, part in parts:
            if len(part) < most and name not in names:
                break
        else:
            names, part = set[str](), list[Letter]()
            parts.append((names, part))
        names.add(name)
        part.append(letter)
    return [part for _, part in parts]


def _identity(letter: Letter) -> str:
    """Say what two rows of one request may not have in common."""
    if letter.key_field:
        return (letter.command.external_id or "").lower()
    if letter.command.op is Op.CREATE:  # told apart by their contents, should the reply be lost
        return repr(sorted(letter.fields.items(), key=lambda item: item[0]))
    return letter.command.record_id or ""
