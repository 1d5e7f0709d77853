"""Rehearsal: what a submission would lead to, in requests."""

import json
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field

from models.outbox import CommandState, KeyKind, Taken
from pipelines.chunks import Chunk
from pipelines.clerk import DOCUMENTS
from pipelines.hand import command_of
from pipelines.intake import parts
from pipelines.parcels import MOST, Kind, Letter, parcels
from store.outbox import Row


@dataclass
class Calls:
    """Requests of one kind: how many, for how many commands, and how creates are kept single."""

    kind: Kind
    calls: int = 0
    commands: int = 0
    kept_single: Counter[KeyKind] = field(default_factory=Counter)


@dataclass
class Rehearsal:
    """What a submission would lead to, were it alone in the queue."""

    commands: int = 0
    repeated: int = 0
    kinds: dict[Kind, Calls] = field(default_factory=dict)

    @property
    def calls(self) -> int:
        return sum(one.calls for one in self.kinds.values())

    def add(self, commands: int, fresh: Chunk) -> None:
        """Count commands, and the requests for those that are new, as many as go in one hand."""
        self.commands += commands
        self.repeated += commands - len(fresh.ids)
        for hand in parts(_letters(fresh), MOST):
            for parcel in parcels(hand):
                found = self.kinds.setdefault(parcel.kind, Calls(parcel.kind))
                found.calls += 1
                found.commands += len(parcel.letters)
                kept = [one.entry.key_kind for one in parcel.letters]
                found.kept_single.update(KeyKind(one) for one in kept if one)


def _letters(chunk: Chunk) -> Iterator[Letter]:
    """Make letters of commands that nobody has stored."""
    columns = {name: chunk.column(name) for name in Row._fields}
    for place, row in enumerate(zip(*columns.values(), strict=True)):
        values = dict(zip(columns, row, strict=True))
        values |= {name: json.loads(values[name] or "null") for name in DOCUMENTS}
        values |= {"seq": place, "state": CommandState.PENDING}
        values |= {"priority": 0, "allow_duplicates": bool(values["allow_duplicates"])}
        entry = Taken._make(values.get(name) for name in Taken.columns())
        yield Letter(entry, command_of(entry), entry.fields, entry.parent)
