"""Claims: due commands are taken one of each lane, under a lease, and settled by who holds it.

Who does not renew a lease is lost, and what it was sending becomes unclear. `docs/outbox.md` draws
the moves.
"""

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, NamedTuple

from sqlalchemy import (
    BindParameter,
    ColumnElement,
    Connection,
    Integer,
    Select,
    and_,
    bindparam,
    case,
    delete,
    exists,
    false,
    func,
    insert,
    literal,
    or_,
    select,
    true,
    union_all,
    update,
)

from models.columns import UtcDateTime
from models.outbox import IN_FLIGHT, Attempt, CommandState, Ready, Taken
from store import dead_letters, dependencies, lanes
from store.conditions import (
    Moment,
    among,
    commands,
    is_,
    is_free,
    is_in_flight,
    is_new,
    is_open,
    is_ready,
)

_attempts = Attempt.__table__  # type: ignore[attr-defined]
_NO_END = 2**62
_NAMED = "named by the command"
_NOBODY: Mapping[str, Sequence[Taken]] = {}
_COLUMNS = [commands.c[name] for name in Taken.columns()]
# Made once: to give an alias its columns takes longer than to ask the database.
_FIRST, _AHEAD, _FLYING, _SIBLING, _NEW = (
    commands.alias(name) for name in ("first", "ahead", "flying", "sibling", "new")
)
_NOW = bindparam("now", type_=UtcDateTime)
LOST = "the worker was lost before it could tell the outcome"


@dataclass(frozen=True, kw_only=True)
class Settlement:
    """How one attempt ended: the state it leads to, and why."""

    state: CommandState
    result_id: str | None = None
    error_code: str | None = None
    error_message: str | None = None
    not_before: datetime | None = None
    counts: bool = True
    """Whether the attempt counts against the cap: an unreachable org is no fault of a command."""
    alone: bool = False
    """Whether the next attempt is to travel by itself."""
    refused: bool = False
    """Whether the org has said no for certain."""
    key_kind: str | None = None
    """Another way to keep a create from happening twice, where the first did not serve."""


class _Ending(NamedTuple):
    """How one attempt ended."""

    command_id: str
    number: int
    code: str | None
    message: str | None


@dataclass(frozen=True, kw_only=True)
class Claim:
    """Who takes commands, until when, and how many."""

    owner: str
    now: datetime
    until: datetime
    limit: int


def claim(
    tx: Connection,
    claim: Claim,
    *,
    among: ColumnElement[bool] | None = None,
    is_single: Callable[[Taken], bool] = lambda _: False,
    most_single: int = 8,
    wakes: bool = True,
) -> list[Taken]:
    """Mark due commands as being sent, at most one of each lane, oldest first.

    Of those that travel each by itself only a few are taken: other drains take the others.
    """
    if wakes:
        lanes.wake(tx, now=claim.now)
    ordered = _DUE if among is None else due_query(_NOW, among)
    query = _locked(tx, ordered.limit(claim.limit))
    found = [Taken(*row) for row in tx.execute(query, {"now": claim.now})]
    single = [one.id for one in found if is_single(one)]
    left = set(single[most_single:])
    picked = [one for one in found if one.id not in left]
    return _take(tx, picked, claim, state=CommandState.SENDING, more_attempts=1)


def claim_unclear(
    tx: Connection, claim: Claim, *, jobs: Collection[str] | None = None
) -> list[Taken]:
    """Take commands whose answer was lost, of some jobs or of any, to find out about them."""
    unclear = _UNCLEAR if jobs is None else _UNCLEAR.where(commands.c.job_id.in_(jobs))
    query = _locked(tx, unclear.limit(claim.limit))
    picked = [Taken(*row) for row in tx.execute(query, {"now": claim.now})]
    return _take(tx, picked, claim, state=CommandState.UNCLEAR, more_attempts=0)


def behind(tx: Connection, ids: Sequence[str], *, now: datetime) -> list[Taken]:
    """Give the command right behind each of these in its lane, if it waits for nothing else."""
    values = {"ids": ids, "now": now}
    rows = tx.execute(_locked(tx, BEHIND), values) if ids else ()
    return [Taken(*row) for row in rows]


def _behind() -> Select[Any]:
    ids: BindParameter[Sequence[str]] = bindparam("ids", expanding=True)
    following = (
        select(func.min(_AHEAD.c.seq))
        .where(_AHEAD.c.lane == _FIRST.c.lane, _AHEAD.c.seq > _FIRST.c.seq, is_open(_AHEAD))
        .correlate(_FIRST)
        .scalar_subquery()
    )
    return select(*_COLUMNS).where(
        commands.c.seq.in_(select(following).where(_FIRST.c.id.in_(ids))),
        commands.c.seq < func.coalesce(_oldest_new(), _NO_END),
        is_(CommandState.PENDING),
        commands.c.waits_for == 0,
        ~commands.c.alone,
        or_(commands.c.not_before.is_(None), commands.c.not_before <= _NOW),
        commands.c.carrier.is_(None),
    )


def ride(tx: Connection, riding: Mapping[str, Sequence[Taken]]) -> None:
    """Write down, by carrier, in whose request each of these travels: till that is settled."""
    pairs = [{"id_": one.id, "by": carrier} for carrier, some in riding.items() for one in some]
    if pairs:
        statement = update(commands).where(commands.c.id == bindparam("id_"))
        tx.execute(statement.values(carrier=bindparam("by", type_=commands.c.carrier.type)), pairs)


def riders(tx: Connection, carriers: Sequence[Taken]) -> dict[str, list[Taken]]:
    """Give what travelled in these commands' requests, by carrier, in order."""
    found: dict[str, list[Taken]] = {}
    if carriers:
        query = select(*_COLUMNS).where(
            commands.c.lane.in_([one.lane for one in carriers]),
            is_open(),
            commands.c.carrier.in_([one.id for one in carriers]),
        )
        for row in tx.execute(query.order_by(commands.c.seq)):
            one = Taken(*row)
            found.setdefault(one.carrier or "", []).append(one)
    return found


def expire(tx: Connection, *, now: datetime) -> int:
    """Declare unclear what a lost worker was sending."""
    lost = tx.execute(
        update(commands)
        .where(is_in_flight(), is_(CommandState.SENDING), commands.c.lease_until < now)
        .values(state=CommandState.UNCLEAR, lease_owner=None, lease_until=None)
        .returning(commands.c.id, commands.c.attempts)
    ).all()
    _end(
        tx,
        [_Ending(command_id, number, None, LOST) for command_id, number in lost],
        outcome=CommandState.UNCLEAR,
        now=now,
    )
    return len(lost)


def renew(tx: Connection, *, owner: str, until: datetime) -> int:
    """Extend the leases of all that this owner has in flight."""
    renewed = tx.execute(
        update(commands)
        .where(is_in_flight(), commands.c.lease_owner == owner)
        .values(lease_until=until)
    )
    return renewed.rowcount


def settle(
    tx: Connection,
    results: Sequence[tuple[Taken, Settlement]],
    *,
    owner: str,
    now: datetime,
    riders: Mapping[str, Sequence[Taken]] = _NOBODY,
) -> set[str]:
    """Record how attempts ended, and with each how those ended that travelled in its request.

    Gives the ids of those that were still ours to settle, riders among them.
    """
    ours = _ours(tx, [entry.id for entry, _ in results], owner)
    settled = [(entry, found) for entry, found in results if entry.id in ours]
    for state in dict.fromkeys(found.state for _, found in settled):
        _move(tx, [pair for pair in settled if pair[1].state is state], state, now)
    applied = [entry.id for entry, found in settled if found.state is CommandState.APPLIED]
    for entry, found in settled:
        riding = riders.get(entry.id, ())
        if found.state is CommandState.APPLIED:
            applied += _fold(tx, entry, riding, owner=owner, now=now)
        elif found.state is not CommandState.UNCLEAR:
            _let_go(tx, riding)
    freed = dependencies.satisfy(tx, applied)
    for entry, found in settled:
        if found.state in {CommandState.REJECTED, CommandState.DEAD}:
            freed |= dependencies.fail(tx, entry.id, now=now)
    dead_letters.tell(tx, [one for one in settled if one[1].state is CommandState.DEAD], now=now)
    lanes.refresh(tx, {entry.lane for entry, _ in settled if entry.lane} | freed, now=now)
    return ours | set(applied)


def hand_back(tx: Connection, entries: Sequence[Taken], *, owner: str, now: datetime) -> None:
    """Undo claims whose request was never sent."""
    ids = [entry.id for entry in entries]
    if not ids:
        return
    ours = (among(tx, commands.c.id, ids), commands.c.lease_owner == owner)
    free = {"lease_owner": None, "lease_until": None}
    unsent = tx.execute(
        update(commands)
        .where(*ours, is_(CommandState.SENDING))
        .values(state=CommandState.PENDING, attempts=commands.c.attempts - 1, job_id=None, **free)
        .returning(commands.c.id)
    )
    back = set(unsent.scalars())
    tx.execute(update(commands).where(*ours).values(**free))
    freed = {one.lane for one in entries if one.id in back and one.lane}
    riding = (commands.c.lane.in_(freed), is_open(), commands.c.carrier.in_(back))
    tx.execute(update(commands).where(*riding).values(carrier=None))
    gone = [{"id_": one.id, "number_": one.attempts} for one in entries if one.id in back]
    if gone:
        tx.execute(
            delete(_attempts).where(
                _attempts.c.command_id == bindparam("id_"),
                _attempts.c.number == bindparam("number_"),
            ),
            gone,
        )
    lanes.refresh(tx, freed, now=now)


def due_query(now: Moment, among: ColumnElement[bool] | None = None) -> Select[Any]:
    """Choose what may be sent now, at most one of each lane, the urgent first, then the oldest."""
    return _in_order(select(*_COLUMNS).where(is_due(now), among if among is not None else true()))


def _in_order(due: Select[Any]) -> Select[Any]:
    return due.order_by(commands.c.priority.desc(), commands.c.seq)


def has_due(tx: Connection, *, now: datetime) -> bool:
    """Tell whether a drain would find something to do."""
    return waiting(tx, now=now, most=1) > 0


def waiting(tx: Connection, *, now: datetime, most: int) -> int:
    """Count what a drain would find to do, up to so many."""
    found: int = tx.execute(WAITING, {"now": now, "most": most}).scalar_one()
    return found


def _waiting() -> Select[Any]:
    lost = and_(is_in_flight(), commands.c.lease_until < _NOW)
    timed = and_(is_ready(Ready.TIMED), commands.c.not_before <= _NOW)
    most = bindparam("most", type_=Integer)
    # One part each: every one has a small index of its own. In order what is due, though nobody
    # asks for it: SQLite would go by `seq` through all that waits.
    conditions = (is_new(), timed, lost, _unclear(_NOW))
    parts = [_in_order(select(commands.c.id).where(is_due(_NOW)))]
    parts += (select(commands.c.id).where(one) for one in conditions)
    together = union_all(*(select(part.limit(most).subquery()) for part in parts)).subquery()
    return select(func.count()).select_from(select(together).limit(most).subquery())


def note_job(tx: Connection, ids: Sequence[str], job_id: str | None, *, owner: str) -> int:
    """Write down by which Bulk job commands travel, before they do."""
    noted = tx.execute(
        update(commands)
        .where(commands.c.id.in_(ids), commands.c.lease_owner == owner)
        .values(job_id=job_id)
    )
    return noted.rowcount


def is_claimed(tx: Connection, sobject: str, record_id: str, *, other_than: str) -> bool:
    """Tell whether another create has brought this record about; no two look at once."""
    if tx.dialect.name == "postgresql":
        tx.execute(select(func.pg_advisory_xact_lock(func.hashtext(f"{sobject}/{record_id}"))))
    query = select(commands.c.id).where(
        commands.c.result_id == record_id, commands.c.op == "create", commands.c.id != other_than
    )
    return tx.execute(query.limit(1)).first() is not None


def note_result(tx: Connection, command_id: str, record_id: str) -> None:
    """Write down what record a create has brought about, before it is settled."""
    tx.execute(update(commands).where(commands.c.id == command_id).values(result_id=record_id))


def note_standing(tx: Connection, found: Mapping[str, Mapping[str, Any]]) -> None:
    """Write down, by command, which fields stand otherwise than was asked."""
    statement = update(commands).where(commands.c.id == bindparam("id_"))
    tx.execute(
        statement.values(stands=bindparam("found", type_=commands.c.stands.type)),
        [{"id_": command_id, "found": dict(stands)} for command_id, stands in found.items()],
    )


def _unclear(now: Moment) -> ColumnElement[bool]:
    return and_(
        is_in_flight(),
        is_(CommandState.UNCLEAR),
        is_free(now),
        or_(commands.c.not_before.is_(None), commands.c.not_before <= now),
    )


def _oldest_new() -> Any:
    # Nobody knows yet which record a new row is about: what was submitted after it waits for that.
    return select(func.min(_NEW.c.seq)).where(is_new(_NEW)).scalar_subquery()


def is_due(now: Moment) -> ColumnElement[bool]:
    first_of_lane = (
        select(func.min(_AHEAD.c.seq))
        .where(_AHEAD.c.lane == commands.c.lane, is_open(_AHEAD))
        .scalar_subquery()
    )
    # Not NOT EXISTS: PostgreSQL would join, and look through all that is in flight for each row.
    in_flight = (
        select(func.min(_FLYING.c.seq))
        .where(_FLYING.c.lane == commands.c.lane, is_in_flight(_FLYING))
        .scalar_subquery()
    )
    # What met a lock goes by itself, and not while anything of its parent is under way.
    undisturbed = ~exists().where(_SIBLING.c.parent == commands.c.parent, is_in_flight(_SIBLING))
    free = and_(
        commands.c.seq == first_of_lane,
        in_flight.is_(None),
        or_(~commands.c.alone, commands.c.parent.is_(None), undisturbed),
        is_free(now),
    )
    return and_(
        is_ready(Ready.DUE),
        commands.c.seq < func.coalesce(_oldest_new(), _NO_END),
        # A CASE, because PostgreSQL takes each of these for rare: it would look for the few among
        # all that waits and sort them, where the first of the index in order will do.
        case((free, true()), else_=false()),
    )


def _take(
    tx: Connection,
    picked: Sequence[Taken],
    claim: Claim,
    *,
    state: CommandState,
    more_attempts: int,
) -> list[Taken]:
    """Take hold of commands that this transaction has locked: they are as they were read."""
    if not picked:
        return []
    ids = [one.id for one in picked]
    tx.execute(
        update(commands)
        .where(among(tx, commands.c.id, ids))
        .values(
            state=state,
            attempts=commands.c.attempts + more_attempts,
            lease_owner=claim.owner,
            lease_until=claim.until,
        )
    )
    if more_attempts:
        _begin(tx, ids, claim)
    taken = [one._replace(state=state, attempts=one.attempts + more_attempts) for one in picked]
    return sorted(taken, key=lambda one: (-one.priority, one.seq))


def _locked(tx: Connection, query: Select[Any]) -> Select[Any]:
    # SQLite ignores SKIP LOCKED, and needs none: BEGIN IMMEDIATE lets one writer in.
    if tx.dialect.name != "postgresql":
        return query
    return query.with_for_update(skip_locked=True, of=commands)


def _begin(tx: Connection, ids: Sequence[str], claim: Claim) -> None:
    begun = select(
        commands.c.id,
        commands.c.attempts,
        literal(claim.now, UtcDateTime),
        commands.c.state,
        literal(claim.owner),
    ).where(among(tx, commands.c.id, ids))
    names = ["command_id", "number", "started_at", "outcome", "worker"]
    tx.execute(insert(_attempts).from_select(names, begun))


def _ours(tx: Connection, ids: Sequence[str], owner: str) -> set[str]:
    query = select(commands.c.id).where(
        among(tx, commands.c.id, ids),
        commands.c.lease_owner == owner,
        commands.c.state.in_(IN_FLIGHT),
    )
    if tx.dialect.name == "postgresql":
        query = query.order_by(commands.c.seq).with_for_update()
    return set(tx.execute(query).scalars())


def _fold(
    tx: Connection, carrier: Taken, riding: Sequence[Taken], *, owner: str, now: datetime
) -> list[str]:
    """Settle what travelled in an applied command's request."""
    if not riding:
        return []
    folded = tx.execute(
        update(commands)
        .where(
            commands.c.id.in_([one.id for one in riding]),
            commands.c.carrier == carrier.id,
            is_(CommandState.PENDING),
        )
        .values(
            state=CommandState.APPLIED,
            attempts=commands.c.attempts + 1,
            result_id=commands.c.record_id,
            error_code=None,
            error_message=None,
            finished_at=now,
            carrier=None,
            ready=int(Ready.BLOCKED),
        )
        .returning(commands.c.id, commands.c.attempts)
    ).all()
    tx.execute(
        insert(_attempts),
        [
            {
                "command_id": command_id,
                "number": number,
                "started_at": now,
                "finished_at": now,
                "outcome": CommandState.APPLIED,
                "error_message": f"folded into the request of command {carrier.id}",
                "worker": owner,
            }
            for command_id, number in folded
        ],
    )
    return [command_id for command_id, _ in folded]


def _let_go(tx: Connection, riding: Sequence[Taken]) -> None:
    if riding:
        ids = [one.id for one in riding]
        tx.execute(update(commands).where(commands.c.id.in_(ids)).values(carrier=None))


def _move(
    tx: Connection,
    results: Sequence[tuple[Taken, Settlement]],
    state: CommandState,
    now: datetime,
) -> None:
    final = state not in {CommandState.PENDING, CommandState.UNCLEAR}
    statement = update(commands).values(
        state=state,
        finished_at=now if final else None,
        job_id=None if state is not CommandState.UNCLEAR else commands.c.job_id,
        lease_owner=None,
        lease_until=None,
        ready=int(Ready.BLOCKED),
    )
    for found, ids in _alike(results).items():
        values: dict[str, Any] = {
            "result_id": commands.c.record_id if found.result_id else None,
            "not_before": found.not_before,
            "key_kind": found.key_kind,
            "alone": found.alone or None,
            "failures": commands.c.failures + 1 if found.counts and not final else None,
            "refusals": commands.c.refusals + 1 if found.refused else None,
        }
        values = {name: value for name, value in values.items() if value is not None}
        values |= {"error_code": found.error_code, "error_message": found.error_message}
        tx.execute(statement.where(among(tx, commands.c.id, ids)).values(values))
    made = [
        {"id_": entry.id, "result": found.result_id}
        for entry, found in results
        if found.result_id and found.result_id != entry.record_id
    ]
    if made:
        row = update(commands).where(commands.c.id == bindparam("id_"))
        tx.execute(row.values(result_id=bindparam("result")), made)
    ends = [
        _Ending(entry.id, entry.attempts, found.error_code, found.error_message)
        for entry, found in results
    ]
    _end(tx, ends, outcome=state, now=now)


def _alike(results: Sequence[tuple[Taken, Settlement]]) -> dict[Settlement, list[str]]:
    """Put together what ended in the same way, as two hundred updates do as a rule.

    A record that came of it is left out, unless it is the one that the command names.
    """
    found: dict[Settlement, list[str]] = {}
    for entry, one in results:
        is_named = one.result_id is not None and one.result_id == entry.record_id
        alike = replace(one, result_id=_NAMED if is_named else None)
        found.setdefault(alike, []).append(entry.id)
    return found


def _end(tx: Connection, ends: Sequence[_Ending], *, outcome: CommandState, now: datetime) -> None:
    alike: dict[tuple[int, str | None, str | None], list[str]] = {}
    for one in ends:
        alike.setdefault((one.number, one.code, one.message), []).append(one.command_id)
    statement = update(_attempts).values(finished_at=now, outcome=outcome)
    for (number, code, message), ids in alike.items():
        # Where a lost reply was found to have been a success, why it was unclear stays told.
        told = {"error_code": code, "error_message": message}
        told = {name: value for name, value in told.items() if value is not None}
        these = (among(tx, _attempts.c.command_id, ids), _attempts.c.number == number)
        tx.execute(statement.where(*these).values(told))


# Made once: to write such a statement out takes longer than to have it answered.
_DUE = due_query(_NOW)
_UNCLEAR = select(*_COLUMNS).where(_unclear(_NOW))
BEHIND = _behind()
"""The commands right behind those of `ids`, as of `now`, without taking hold of them."""
WAITING = _waiting()
"""Counts what a drain would find to do as of `now`, up to `most`."""
