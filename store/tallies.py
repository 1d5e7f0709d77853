"""Tallies: finished commands are cleared away by their age, and how many there were is kept."""

from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from datetime import UTC, date, datetime
from typing import Any, NamedTuple
from uuid import UUID

from sqlalchemy import Connection, String, cast, delete, func, or_, select
from sqlalchemy.dialects import postgresql, sqlite

from models.command import REFERENCE
from models.outbox import FINISHED, Attempt, CommandState, Dependency
from models.tally import Tally
from store.conditions import commands, is_, is_one_of, is_open
from store.engine import Store

_table = Tally.__table__  # type: ignore[attr-defined]
_attempts = Attempt.__table__  # type: ignore[attr-defined]
_links = Dependency.__table__  # type: ignore[attr-defined]

DONE = (CommandState.APPLIED, CommandState.DISCARDED)
"""What nobody will come back to; the failed ones wait for a person."""
_CHUNK = 1_000

Place = tuple[datetime, int]


class Forgotten(NamedTuple):
    """How many commands were cleared away, and where to go on; None: there are no more."""

    commands: int
    reached: Place | None


def forget(
    tx: Connection,
    state: CommandState,
    *,
    before: datetime,
    beyond: Place | None = None,
    limit: int = _CHUNK,
) -> Forgotten:
    """Clear away the oldest commands that ended so before an instant, and add them to the tallies.

    With them go their attempts and their idempotency keys. What an open command depends on stays.
    """
    if state not in FINISHED:
        raise ValueError(f"what is {state} is not finished")
    rows = _oldest(tx, state, before, beyond, limit)
    if not rows:
        return Forgotten(0, None)
    kept = _needed(tx)
    gone = [row for row in rows if row.id not in kept]
    _delete(tx, [row.id for row in gone])
    _count(tx, ((row.finished_at, row.sobject, row.op, state, row.error_code) for row in gone))
    last = rows[-1]
    return Forgotten(len(gone), (last.finished_at, last.seq))


def clear(
    store: Store,
    state: CommandState,
    *,
    before: datetime,
    noted: Callable[[Connection, int], None],
) -> int:
    """Forget all of one state that ended before an instant, in short transactions.

    Each that forgets some notes how many.
    """
    number, reached = 0, None
    while True:
        with store.begin() as tx:
            found = forget(tx, state, before=before, beyond=reached)
            if found.commands:
                noted(tx, found.commands)
        number, reached = number + found.commands, found.reached
        if reached is None:
            return number


def totals(tx: Connection) -> dict[str, int]:
    """Count, by state, the commands that were cleared away."""
    query = select(_table.c.state, func.sum(_table.c.commands)).group_by(_table.c.state)
    return {state: int(number) for state, number in tx.execute(query)}


def _oldest(
    tx: Connection, state: CommandState, before: datetime, beyond: Place | None, limit: int
) -> Sequence[Any]:
    names = ("id", "seq", "sobject", "op", "error_code", "finished_at")
    place = (commands.c.finished_at, commands.c.seq)
    query = select(*(commands.c[name] for name in names)).where(
        is_one_of(FINISHED), is_(state), commands.c.finished_at < before
    )
    if beyond:
        at, seq = beyond
        after = or_(commands.c.finished_at > at, commands.c.seq > seq)
        query = query.where(commands.c.finished_at >= at, after)
    query = query.order_by(*place).limit(limit)
    if tx.dialect.name == "postgresql":
        # Whoever depends on one of these from now on finds it gone; whoever does so at this
        # moment holds it.
        query = query.with_for_update(skip_locked=True)
    return tx.execute(query).all()


def _needed(tx: Connection) -> set[str]:
    """Name the commands whose records open ones refer to."""
    refers = cast(commands.c.fields, String).contains(REFERENCE, autoescape=True)
    query = select(commands.c.depends_on, commands.c.fields).where(
        is_open(), or_(commands.c.depends_on.is_not(None), refers)
    )
    return {name for row in tx.execute(query) for given in row for name in _names(given)}


def _names(given: Any) -> Iterable[str]:
    """Give whatever may be a command's id in what a row says of others."""
    match given:
        case str():
            with suppress(ValueError):
                yield str(UUID(given))
        case list():
            for one in given:
                yield from _names(one)
        case dict():
            for one in given.values():
                if isinstance(one, dict) and REFERENCE in one:
                    yield from _names(one[REFERENCE])


def _delete(tx: Connection, ids: Sequence[str]) -> None:
    tx.execute(delete(_attempts).where(_attempts.c.command_id.in_(ids)))
    for column in (_links.c.depends_on, _links.c.command_id):
        tx.execute(delete(_links).where(column.in_(ids)))
    tx.execute(delete(commands).where(commands.c.id.in_(ids)))


def _count(tx: Connection, ends: Iterable[tuple[datetime, str, str, str, str | None]]) -> None:
    found: Counter[tuple[date, str, str, str, str]] = Counter(
        (at.astimezone(UTC).date(), sobject, op, str(state), code or "")
        for at, sobject, op, state, code in ends
    )
    if not found:
        return
    names = ("day", "sobject", "op", "state", "error_code")
    insert = sqlite.insert if tx.dialect.name == "sqlite" else postgresql.insert
    statement = insert(_table)
    more = _table.c.commands + statement.excluded.commands
    tx.execute(
        statement.on_conflict_do_update(index_elements=names, set_={"commands": more}),
        [{**dict(zip(names, kind, strict=True)), "commands": n} for kind, n in found.items()],
    )
