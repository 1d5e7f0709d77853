"""One command's life so far: what it waits for, which others it has to do with, every attempt."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import Connection

from models.command import InvalidCommand, UnknownCommand
from models.outbox import Attempt, OutboxEntry
from pipelines.submit import read
from store import outbox, waits
from store.waits import Ahead, Wait

_FOLDED = re.compile(r"folded into the request of command (\S+)")


@dataclass(frozen=True, kw_only=True)
class Life:
    """A command with all that is known of it."""

    entry: OutboxEntry
    tries: Sequence[Attempt]
    stands: dict[str, Any]
    parents: dict[str, str | None]
    """What it depends on, and how that stands; None: it is gone."""
    wait: Wait | None
    ahead: Ahead | None
    folded_into: str | None
    """In whose request it travels, or travelled."""
    riders: list[str]
    now: datetime

    def document(self) -> dict[str, Any]:
        return {
            **self.entry.model_dump(mode="json", warnings=False),
            "stands": self.stands or None,
            "tries": [one.model_dump(mode="json") for one in self.tries],
            "parents": self.parents,
            "waits": self.wait,
            "ahead": self.ahead._asdict() if self.ahead else None,
            "folded_into": self.folded_into,
            "carries": self.riders,
        }


def known(tx: Connection, command_id: str) -> OutboxEntry:
    """Find a command; raises `UnknownCommand` for an id that names none."""
    entry = outbox.get(tx, command_id)
    if entry is None:
        raise UnknownCommand(f"there is no command {command_id}: see scsync commands list")
    return entry


def look(tx: Connection, command_id: str, *, now: datetime) -> Life:
    """Gather what is known of a command."""
    entry = known(tx, command_id)
    parents = _references(entry)
    states = waits.states(tx, parents)
    wait = waits.of(tx, entry.id, now=now)
    lane, place = entry.lane, entry.seq or 0
    tries = outbox.attempts(tx, entry.id)
    folded_into = entry.carrier or _carrier(tries)
    carrier = outbox.get(tx, folded_into) if folded_into else None
    return Life(
        entry=entry,
        tries=tries,
        stands=_standing(entry, carrier),
        parents={one: states.get(one) for one in parents},
        wait=wait,
        ahead=waits.ahead(tx, lane, place) if lane and wait else None,
        folded_into=folded_into,
        riders=waits.riders(tx, lane, entry.id) if lane and wait else [],
        now=now,
    )


def _carrier(tries: Sequence[Attempt]) -> str | None:
    """Name the command in whose request a finished one travelled."""
    told = _FOLDED.match(tries[-1].error_message or "") if tries else None
    return told[1] if told else None


def _standing(entry: OutboxEntry, carrier: OutboxEntry | None) -> dict[str, Any]:
    """Give what stands otherwise than this command asked; its carrier knows for those it took."""
    asked = entry.fields if isinstance(entry.fields, dict) else {}
    found = {**((carrier.stands if carrier else None) or {}), **(entry.stands or {})}
    return {name: value for name, value in found.items() if name in asked}


def _references(entry: OutboxEntry) -> list[str]:
    try:
        return list(dict.fromkeys(str(UUID(one)) for one in read(entry).references()))
    except InvalidCommand:
        return []  # a row that is no command; its rejection says so
