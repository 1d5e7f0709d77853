"""Waits: what each open command waits for, looked at without taking anything."""

from collections.abc import Iterable, Sequence
from datetime import datetime
from enum import StrEnum
from typing import Any, NamedTuple

from sqlalchemy import ColumnElement, Connection, and_, case, exists, func, or_, select

from models.outbox import CommandState, Ready, Taken
from store import claims, listing
from store.conditions import commands, is_, is_free, is_in_flight, is_new, is_open, is_ready

_COLUMNS = [commands.c[name] for name in Taken.columns()]


class Wait(StrEnum):
    """The first thing that keeps a command from being sent now; `due`: nothing does."""

    DUE = "due"
    SENDING = "sending"
    """A worker is at it."""
    LOOK = "look"
    """Its reply was lost, or its worker: the next push looks for it in the org."""
    UNCLEAR = "unclear"
    """It was looked for, and will be again at its time."""
    NEW = "new"
    """Another program inserted it, and nobody has checked it."""
    RIDES = "rides"
    """It travels in the request of another of its record."""
    DEPENDENCY = "dependency"
    RECORD = "record"
    """Another of its record comes first."""
    TIME = "time"
    UNCHECKED = "unchecked"
    """It was submitted after a row that nobody has checked, which may be of its record."""
    LOCK = "lock"
    """It met a lock, goes alone, and another of the same parent is under way."""


class Waiting(NamedTuple):
    """So many commands that wait for the same, the first time among theirs, and one of them."""

    wait: Wait
    commands: int
    until: datetime | None
    example: str


class Ahead(NamedTuple):
    """The command that comes first of a record, and how many come before one's own."""

    id: str
    op: str
    state: str
    commands: int


def every(tx: Connection, *, now: datetime) -> list[Waiting]:
    """Count all open commands by what they wait for."""
    wait = _wait(now)
    # What other programs wrote into a row that is not checked yet may be no instant.
    until = func.min(case((commands.c.lane.is_not(None), commands.c.not_before)))
    query = select(wait.label("wait"), func.count(), until, func.min(commands.c.seq))
    found = tx.execute(query.where(is_open()).group_by("wait")).all()
    ids = listing.ids_by_place(tx, [row[3] for row in found])
    return [Waiting(Wait(name), number, at, ids[place]) for name, number, at, place in found]


def due(tx: Connection, *, now: datetime, limit: int) -> list[Taken]:
    """Give what claims would take now, one of each lane, in their order; nothing is taken."""
    woken = select(*_COLUMNS).where(
        is_ready(Ready.TIMED), commands.c.not_before <= now, _wait(now) == Wait.DUE
    )
    rows = [*tx.execute(claims.due_query(now).limit(limit)), *tx.execute(woken.limit(limit))]
    found = [Taken(*row) for row in rows]
    return sorted(found, key=lambda one: (-one.priority, one.seq))[:limit]


def behind(tx: Connection, ids: Sequence[str], *, now: datetime) -> list[Taken]:
    """Give the commands right behind these that a claim would look at for folding."""
    rows = tx.execute(claims.BEHIND, {"ids": ids, "now": now}) if ids else ()
    return [Taken(*row) for row in rows]


def unclear(tx: Connection, *, now: datetime) -> list[Taken]:
    """Give what a drain would look for in the org now."""
    query = select(*_COLUMNS).where(_is_to_be_looked_for(now))
    return [Taken(*row) for row in tx.execute(query.order_by(commands.c.seq))]


def of(tx: Connection, command_id: str, *, now: datetime) -> Wait | None:
    """Say what one command waits for; None: it is finished."""
    query = select(_wait(now)).where(commands.c.id == command_id, is_open())
    found = tx.execute(query).scalar_one_or_none()
    return Wait(found) if found else None


def ahead(tx: Connection, lane: str, place: int) -> Ahead | None:
    """Name the first open command of a record, if it is before this place."""
    before = (commands.c.lane == lane, is_open(), commands.c.seq < place)
    query = select(commands.c.id, commands.c.op, commands.c.state).where(*before)
    first = tx.execute(query.order_by(commands.c.seq).limit(1)).first()
    if first is None:
        return None
    number = tx.execute(select(func.count()).select_from(commands).where(*before)).scalar_one()
    return Ahead(*first, number)


def riders(tx: Connection, lane: str, command_id: str) -> list[str]:
    """Name what travels in this command's request."""
    query = select(commands.c.id).where(
        commands.c.lane == lane, is_open(), commands.c.carrier == command_id
    )
    return list(tx.execute(query.order_by(commands.c.seq)).scalars())


def states(tx: Connection, ids: Iterable[str]) -> dict[str, str]:
    """Say how commands stand."""
    query = select(commands.c.id, commands.c.state).where(commands.c.id.in_(list(ids)))
    return dict(tx.execute(query).all())


def _wait(now: datetime) -> Any:
    """Write the first thing that a command waits for, as SQL."""
    return case(*[(condition, str(wait)) for wait, condition in _conditions(now)], else_=Wait.DUE)


def _conditions(now: datetime) -> Iterable[tuple[Wait, ColumnElement[bool]]]:
    front, new, sibling = (commands.alias(name) for name in ("front", "new", "sibling"))
    first_of_lane = (
        select(func.min(front.c.seq))
        .where(front.c.lane == commands.c.lane, is_open(front))
        .scalar_subquery()
    )
    oldest_new = select(func.min(new.c.seq)).where(is_new(new)).scalar_subquery()
    of_parent = exists().where(sibling.c.parent == commands.c.parent, is_in_flight(sibling))
    yield Wait.LOOK, _is_to_be_looked_for(now)
    yield Wait.SENDING, and_(is_in_flight(), ~is_free(now))
    yield Wait.UNCLEAR, is_(CommandState.UNCLEAR)
    yield Wait.NEW, is_new()
    yield Wait.RIDES, commands.c.carrier.is_not(None)
    yield Wait.DEPENDENCY, commands.c.waits_for > 0
    yield Wait.RECORD, commands.c.seq > first_of_lane
    yield Wait.TIME, and_(is_ready(Ready.TIMED), commands.c.not_before > now)
    yield Wait.UNCHECKED, commands.c.seq > oldest_new
    yield Wait.LOCK, and_(commands.c.alone, of_parent)


def _is_to_be_looked_for(now: datetime) -> ColumnElement[bool]:
    is_time = or_(commands.c.not_before.is_(None), commands.c.not_before <= now)
    return and_(is_in_flight(), is_free(now), or_(is_(CommandState.SENDING), is_time))
