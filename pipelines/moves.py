"""What an operator does with commands: retry, edit, discard; the audit says who did it."""

from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Any, NamedTuple

from sqlalchemy import Connection

from models.edit import Edit
from models.outbox import FAILED, CommandState
from store import audit, revival
from store.engine import Store

RETRYABLE = FAILED
DISCARDABLE = (CommandState.PENDING, *FAILED)
_CHUNK = 1_000
"""Commands moved in one transaction: other writers get their turn in between."""


class Moved(NamedTuple):
    """Commands that were moved: those that were named, and what went along with them."""

    own: list[str]
    along: list[str]
    overwriting: int = 0
    """How many of them will win a conflict that they lost before."""


Move = Callable[[Connection, Sequence[str]], Moved]


def in_turns(store: Store, ids: Sequence[str], move: Move) -> Moved:
    """Move commands however many they are."""
    found = Moved([], [])
    for start in range(0, len(ids), _CHUNK):
        with store.begin() as tx:
            some = move(tx, ids[start : start + _CHUNK])
        found = Moved(
            found.own + some.own,
            found.along + some.along,
            found.overwriting + some.overwriting,
        )
    named = set(ids)
    own = [one for one in (*found.own, *found.along) if one in named]
    return found._replace(own=own, along=[one for one in found.along if one not in named])


def retry(
    tx: Connection,
    ids: Sequence[str],
    *,
    operator: str,
    now: datetime,
    overwrite: bool = False,
) -> Moved:
    """Return rejected or dead commands to the queue, and with each what failed for its sake."""
    overwriting = revival.overwrite(tx, ids) if overwrite else 0
    moved = _told_apart(ids, revival.revive(tx, ids), overwriting)
    detail = {"overwrite": True} if overwrite else None
    audit.note_all(tx, moved.own, act="command.retry", operator=operator, now=now, detail=detail)
    return moved


def edit(
    tx: Connection, ids: Sequence[str], change: Edit, *, operator: str, now: datetime
) -> Moved:
    """Change rejected or dead commands that an edit is about, and return them to the queue."""
    moved = Moved(*revival.edit(tx, ids, change))
    # Which fields, not what they hold: a customer's words stand in the command alone.
    detail: dict[str, Any] = {"fields": sorted(change.values), **change.manners}
    if change.renamed:
        detail["renamed"] = dict(change.renamed)
    if change.dropped:
        detail["dropped"] = sorted(change.dropped)
    audit.note_all(tx, moved.own, act="command.edit", operator=operator, now=now, detail=detail)
    return moved


def discard(tx: Connection, ids: Sequence[str], *, operator: str, now: datetime) -> Moved:
    """Give commands up for good; what waits for one of them is rejected."""
    moved = _told_apart(ids, revival.discard(tx, ids, now=now))
    audit.note_all(tx, moved.own, act="command.discard", operator=operator, now=now)
    return moved


def _told_apart(asked: Sequence[str], moved: Sequence[str], overwriting: int = 0) -> Moved:
    named = set(asked)
    own = [one for one in moved if one in named]
    return Moved(own, [one for one in moved if one not in named], overwriting)
