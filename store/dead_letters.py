"""Dead letters: what others are told when commands are given up, and when none is left."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlalchemy import Connection, select

from models.event import EventType
from models.incident import IncidentKind
from models.outbox import FINISHED, CommandState
from store import events, incidents
from store.conditions import commands, is_, is_one_of

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from models.outbox import Taken
    from store.claims import Settlement

MOST_NAMED = 50
"""Commands that one event names; it counts them all."""


def tell(tx: Connection, dead: Sequence[tuple[Taken, Settlement]], *, now: datetime) -> None:
    """Note that commands are dead, in the transaction that buries them."""
    if not dead:
        return
    named = [
        {
            "id": entry.id,
            "op": entry.op,
            "sobject": entry.sobject,
            "error_code": found.error_code,
            "attempts": entry.attempts,
        }
        for entry, found in dead[:MOST_NAMED]
    ]
    events.note(tx, EventType.COMMANDS_DEAD, {"total": len(dead), "commands": named}, now=now)
    entry, found = dead[0]
    first = f"{entry.op} of {entry.sobject} by command {entry.id}: {found.error_code}"
    incidents.open_(tx, IncidentKind.DEAD_COMMANDS, f"the first: {first}", now=now)


def clear(tx: Connection, *, now: datetime) -> None:
    """Close the incident once no command is dead any more."""
    dead = select(commands.c.id).where(is_one_of(FINISHED), is_(CommandState.DEAD)).limit(1)
    if tx.execute(dead).first() is None:
        incidents.close(tx, IncidentKind.DEAD_COMMANDS, now=now)
