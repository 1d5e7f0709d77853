"""The outbox: commands are appended, admitted to a lane, claimed one per lane, and settled."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import (
    ColumnElement,
    Connection,
    Select,
    and_,
    delete,
    exists,
    func,
    insert,
    or_,
    select,
    update,
)
from sqlalchemy.dialects import postgresql, sqlite

from models.outbox import IN_FLIGHT, Attempt, CommandState, OutboxEntry
from store import dependencies
from store.errors import LeaseLost

_table = OutboxEntry.__table__  # type: ignore[attr-defined]
_attempts = Attempt.__table__  # type: ignore[attr-defined]


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


@dataclass(frozen=True, kw_only=True)
class Claim:
    """Who takes commands, until when, and how many."""

    owner: str
    now: datetime
    until: datetime
    limit: int


def append(tx: Connection, rows: Sequence[Mapping[str, Any]]) -> None:
    """Add commands; one whose id or idempotency key is there already is left as it stands."""
    if not rows:
        return
    statement = sqlite.insert if tx.dialect.name == "sqlite" else postgresql.insert
    tx.execute(statement(_table).on_conflict_do_nothing(), list(rows))


def by_key(tx: Connection, keys: Iterable[str]) -> dict[str, str]:
    """Find the commands that bear these idempotency keys."""
    found = tx.execute(
        select(_table.c.idempotency_key, _table.c.id).where(
            _table.c.idempotency_key.in_(list(keys))
        )
    )
    return dict(found.tuples().all())


def unadmitted(tx: Connection, limit: int) -> list[OutboxEntry]:
    """Take rows that other programs inserted and nobody has looked at."""
    query = select(_table).where(_table.c.state == CommandState.PENDING, _table.c.lane.is_(None))
    return _entries(tx, query.order_by(_table.c.seq).limit(limit))


def admit(tx: Connection, command_id: str, **values: Any) -> None:
    """Put a checked row into its lane, unless it has moved on meanwhile."""
    waiting = _table.c.state == CommandState.PENDING
    tx.execute(update(_table).where(_table.c.id == command_id, waiting).values(**values))


def refuse(tx: Connection, command_id: str, code: str, message: str, *, now: datetime) -> None:
    """Reject a row that was never sent."""
    tx.execute(
        update(_table)
        .where(_table.c.id == command_id, _table.c.state == CommandState.PENDING)
        .values(
            state=CommandState.REJECTED,
            error_code=code,
            error_message=message,
            finished_at=now,
        )
    )
    dependencies.fail(tx, command_id, now=now)


def claim(tx: Connection, claim: Claim) -> list[OutboxEntry]:
    """Mark due commands as being sent, at most one of each lane, oldest first."""
    due = select(_table.c.id).where(_due(claim.now))
    ordered = due.order_by(_table.c.priority.desc(), _table.c.seq)
    return _take(tx, ordered, claim, state=CommandState.SENDING, more_attempts=1)


def claim_unclear(tx: Connection, claim: Claim) -> list[OutboxEntry]:
    """Take commands whose answer was lost, to find out what became of them."""
    unclear = select(_table.c.id).where(_unclear(claim.now))
    return _take(tx, unclear, claim, state=CommandState.UNCLEAR, more_attempts=0)


def expire(tx: Connection, *, now: datetime) -> int:
    """Declare unclear what a lost worker was sending."""
    lost = tx.execute(
        update(_table)
        .where(_table.c.state == CommandState.SENDING, _table.c.lease_until < now)
        .values(state=CommandState.UNCLEAR, lease_owner=None, lease_until=None)
        .returning(_table.c.id, _table.c.attempts)
    ).all()
    for command_id, number in lost:
        _end(
            tx,
            command_id,
            number,
            now=now,
            outcome=CommandState.UNCLEAR,
            message="the worker was lost before it could tell the outcome",
        )
    return len(lost)


def settle(
    tx: Connection, entry: OutboxEntry, settlement: Settlement, *, owner: str, now: datetime
) -> None:
    """Record how an attempt ended; raises `LeaseLost` when the command is no longer ours."""
    final = settlement.state not in {CommandState.PENDING, CommandState.UNCLEAR}
    settled = tx.execute(
        update(_table)
        .where(
            _table.c.id == entry.id,
            _table.c.lease_owner == owner,
            _table.c.state.in_(IN_FLIGHT),
        )
        .values(
            state=settlement.state,
            result_id=settlement.result_id or _table.c.result_id,
            error_code=settlement.error_code,
            error_message=settlement.error_message,
            not_before=settlement.not_before or _table.c.not_before,
            finished_at=now if final else None,
            failures=_table.c.failures + int(settlement.counts and not final),
            lease_owner=None,
            lease_until=None,
        )
    )
    if not settled.rowcount:
        raise LeaseLost(f"command {entry.id} was taken over")
    _end(
        tx,
        entry.id,
        entry.attempts,
        now=now,
        outcome=settlement.state,
        code=settlement.error_code,
        message=settlement.error_message,
    )
    if settlement.state is CommandState.APPLIED:
        dependencies.satisfy(tx, entry.id)
    elif final:
        dependencies.fail(tx, entry.id, now=now)


def hand_back(tx: Connection, entry: OutboxEntry, *, owner: str) -> None:
    """Undo a claim whose request was never sent."""
    unsent = tx.execute(
        update(_table)
        .where(
            _table.c.id == entry.id,
            _table.c.lease_owner == owner,
            _table.c.state == CommandState.SENDING,
        )
        .values(
            state=CommandState.PENDING,
            attempts=_table.c.attempts - 1,
            lease_owner=None,
            lease_until=None,
        )
    )
    if unsent.rowcount:
        tx.execute(
            delete(_attempts).where(
                _attempts.c.command_id == entry.id, _attempts.c.number == entry.attempts
            )
        )
    tx.execute(
        update(_table)
        .where(_table.c.id == entry.id, _table.c.lease_owner == owner)
        .values(lease_owner=None, lease_until=None)
    )


def has_due(tx: Connection, *, now: datetime) -> bool:
    """Tell whether a drain would find something to do."""
    new = and_(_table.c.state == CommandState.PENDING, _table.c.lane.is_(None))
    lost = and_(_table.c.state.in_(IN_FLIGHT), _table.c.lease_until < now)
    # One question each: every one has a small index of its own.
    return any(
        tx.execute(select(_table.c.id).where(condition).limit(1)).first()
        for condition in (_due(now), new, lost, _unclear(now))
    )


def unfinished(tx: Connection) -> int:
    """Count the commands that are still to be finished, due or not."""
    open_states = (CommandState.PENDING, *IN_FLIGHT)
    return int(
        tx.execute(
            select(func.count()).select_from(_table).where(_table.c.state.in_(open_states))
        ).scalar_one()
    )


def get(tx: Connection, command_id: str) -> OutboxEntry | None:
    found = _entries(tx, select(_table).where(_table.c.id == command_id))
    return found[0] if found else None


def results(tx: Connection, ids: Iterable[str]) -> dict[str, str | None]:
    """Give the records that these commands made."""
    wanted = list(ids)
    found = tx.execute(select(_table.c.id, _table.c.result_id).where(_table.c.id.in_(wanted)))
    return dict(found.tuples().all())


def attempts(tx: Connection, command_id: str) -> list[Attempt]:
    rows = tx.execute(
        select(_attempts).where(_attempts.c.command_id == command_id).order_by(_attempts.c.number)
    ).mappings()
    return [Attempt(**row) for row in rows]


def counts(tx: Connection) -> dict[str, int]:
    """Count commands by state."""
    rows = tx.execute(select(_table.c.state, func.count()).group_by(_table.c.state))
    return dict(rows.tuples().all())


def listing(
    tx: Connection,
    *,
    state: str | None = None,
    sobject: str | None = None,
    code: str | None = None,
    limit: int = 50,
) -> list[OutboxEntry]:
    """List the newest commands that match."""
    query = select(_table)
    for column, value in (
        (_table.c.state, state),
        (_table.c.sobject, sobject),
        (_table.c.error_code, code),
    ):
        if value is not None:
            query = query.where(column == value)
    return _entries(tx, query.order_by(_table.c.seq.desc()).limit(limit))


def revive(tx: Connection, command_id: str) -> bool:
    """Return a rejected or dead command to the queue; it is checked anew."""
    revived = tx.execute(
        update(_table)
        .where(_table.c.id == command_id, _table.c.state.in_(["rejected", "dead"]))
        .values(
            state=CommandState.PENDING,
            lane=None,
            waits_for=0,
            failures=0,
            error_code=None,
            error_message=None,
            not_before=None,
            finished_at=None,
        )
    )
    return revived.rowcount == 1


def discard(tx: Connection, command_id: str, *, now: datetime) -> bool:
    """Give a command up for good."""
    states = [CommandState.PENDING, CommandState.REJECTED, CommandState.DEAD]
    gone = tx.execute(
        update(_table)
        .where(_table.c.id == command_id, _table.c.state.in_(states))
        .values(state=CommandState.DISCARDED, finished_at=now)
    )
    if gone.rowcount:
        dependencies.fail(tx, command_id, now=now)
    return gone.rowcount == 1


def _unclear(now: datetime) -> ColumnElement[bool]:
    return and_(
        _table.c.state == CommandState.UNCLEAR,
        or_(_table.c.lease_until.is_(None), _table.c.lease_until < now),
        or_(_table.c.not_before.is_(None), _table.c.not_before <= now),
    )


def _due(now: datetime) -> ColumnElement[bool]:
    other = _table.alias("other")
    ahead = or_(
        other.c.state.in_(IN_FLIGHT),
        and_(other.c.state == CommandState.PENDING, other.c.seq < _table.c.seq),
    )
    in_the_way = exists().where(
        other.c.lane == _table.c.lane,
        other.c.id != _table.c.id,
        other.c.state.in_((CommandState.PENDING, *IN_FLIGHT)),
        ahead,
    )
    return and_(
        _table.c.state == CommandState.PENDING,
        _table.c.lane.is_not(None),
        _table.c.waits_for == 0,
        or_(_table.c.not_before.is_(None), _table.c.not_before <= now),
        ~in_the_way,
    )


def _take(
    tx: Connection,
    query: Select[Any],
    claim: Claim,
    *,
    state: CommandState,
    more_attempts: int,
) -> list[OutboxEntry]:
    picked = tx.execute(_locked(tx, query.limit(claim.limit))).scalars().all()
    if not picked:
        return []
    rows = tx.execute(
        update(_table)
        .where(_table.c.id.in_(picked))
        .values(
            state=state,
            attempts=_table.c.attempts + more_attempts,
            lease_owner=claim.owner,
            lease_until=claim.until,
        )
        .returning(*_table.c)
    ).mappings()
    entries = sorted(
        (OutboxEntry(**row) for row in rows), key=lambda entry: (-entry.priority, entry.seq or 0)
    )
    for entry in entries if more_attempts else ():
        _begin(tx, entry, claim)
    return entries


def _locked(tx: Connection, query: Select[Any]) -> Select[Any]:
    # SQLite ignores SKIP LOCKED, and needs none: BEGIN IMMEDIATE lets one writer in.
    return query.with_for_update(skip_locked=True) if tx.dialect.name == "postgresql" else query


def _begin(tx: Connection, entry: OutboxEntry, claim: Claim) -> None:
    tx.execute(
        insert(_attempts).values(
            command_id=entry.id,
            number=entry.attempts,
            started_at=claim.now,
            outcome=entry.state,
            worker=claim.owner,
        )
    )


def _end(
    tx: Connection,
    command_id: str,
    number: int,
    *,
    now: datetime,
    outcome: str,
    code: str | None = None,
    message: str | None = None,
) -> None:
    tx.execute(
        update(_attempts)
        .where(_attempts.c.command_id == command_id, _attempts.c.number == number)
        .values(finished_at=now, outcome=outcome, error_code=code, error_message=message)
    )


def _entries(tx: Connection, query: Select[Any]) -> list[OutboxEntry]:
    return [OutboxEntry(**row) for row in tx.execute(query).mappings()]
