"""The outbox: commands are appended, admitted to a lane, claimed one per lane, and settled.

Where commands are in flight, their claims carry a lease: who does not renew it is lost, and what
it was sending becomes unclear. `docs/outbox.md` draws the moves.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import (
    ColumnElement,
    Connection,
    FromClause,
    Select,
    String,
    and_,
    bindparam,
    delete,
    exists,
    func,
    insert,
    or_,
    select,
    update,
)
from sqlalchemy.dialects import postgresql, sqlite

from models.command import Op
from models.outbox import FAILED, IN_FLIGHT, OPEN, Attempt, CommandState, OutboxEntry
from store import dependencies
from store.errors import LeaseLost

_table = OutboxEntry.__table__  # type: ignore[attr-defined]
_attempts = Attempt.__table__  # type: ignore[attr-defined]
_NO_END = 2**62
REDIRECTED = "redirected"
"""The outcome in a command's history that is no attempt: its record was merged."""


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
    return dict(found.all())


def known(tx: Connection, ids: Iterable[str]) -> set[str]:
    """Tell which of these commands are there already."""
    return set(tx.execute(select(_table.c.id).where(_table.c.id.in_(list(ids)))).scalars())


def unadmitted(tx: Connection, limit: int) -> list[OutboxEntry]:
    """Take rows that other programs inserted and nobody has looked at."""
    return _entries(tx, select(_table).where(_new()).order_by(_table.c.seq).limit(limit))


def admit(tx: Connection, command_id: str, values: Mapping[str, Any]) -> None:
    """Put a checked row into its lane, unless somebody else has done so or it has moved on."""
    tx.execute(update(_table).where(_table.c.id == command_id, _new()).values(**values))


def hold(tx: Connection, command_id: str, *, waits_for: int) -> None:
    """Keep a command back until as many others are applied."""
    tx.execute(update(_table).where(_table.c.id == command_id).values(waits_for=waits_for))


def refuse(tx: Connection, command_id: str, code: str, message: str, *, now: datetime) -> None:
    """Reject a new row, with what waits for it."""
    refused = tx.execute(
        update(_table)
        .where(_table.c.id == command_id, _new())
        .values(
            state=CommandState.REJECTED,
            error_code=code,
            error_message=message,
            finished_at=now,
        )
    )
    if refused.rowcount:
        dependencies.fail(tx, command_id, now=now)


def redirect(tx: Connection, *, sobject: str, loser: str, survivor: str, now: datetime) -> int:
    """Have updates that wait for a merged record wait for its survivor, and note it in each.

    What is in flight is left alone, and so are deletes: the survivor is not what they were for.
    """
    rows = tx.execute(
        update(_table)
        .where(
            _table.c.lane == f"{sobject}/{loser}",
            _is_open(_table),
            _is(_table, CommandState.PENDING),
            _table.c.op == Op.UPDATE,
        )
        .values(
            record_id=survivor,
            lane=f"{sobject}/{survivor}",
            attempts=_table.c.attempts + 1,
        )
        .returning(_table.c.id, _table.c.attempts)
    ).all()
    notes = [
        {
            "command_id": command_id,
            "number": number,
            "started_at": now,
            "finished_at": now,
            "outcome": REDIRECTED,
            "error_code": "MERGED",
            "error_message": f"{sobject} {loser} was merged into {survivor}",
        }
        for command_id, number in rows
    ]
    if notes:
        tx.execute(insert(_attempts), notes)
    return len(notes)


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
        .where(
            _is_in_flight(_table),
            _is(_table, CommandState.SENDING),
            _table.c.lease_until < now,
        )
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


def renew(tx: Connection, *, owner: str, until: datetime) -> int:
    """Extend the leases of all that this owner has in flight."""
    renewed = tx.execute(
        update(_table)
        .where(_is_in_flight(_table), _table.c.lease_owner == owner)
        .values(lease_until=until)
    )
    return renewed.rowcount


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
    ours = (_table.c.id == entry.id, _table.c.lease_owner == owner)
    free = {"lease_owner": None, "lease_until": None}
    if entry.state == CommandState.UNCLEAR:
        tx.execute(update(_table).where(*ours).values(**free))
        return
    unsent = tx.execute(
        update(_table)
        .where(*ours, _table.c.state == CommandState.SENDING)
        .values(state=CommandState.PENDING, attempts=_table.c.attempts - 1, **free)
    )
    if unsent.rowcount:
        tx.execute(
            delete(_attempts).where(
                _attempts.c.command_id == entry.id, _attempts.c.number == entry.attempts
            )
        )


def has_due(tx: Connection, *, now: datetime) -> bool:
    """Tell whether a drain would find something to do."""
    lost = and_(_is_in_flight(_table), _table.c.lease_until < now)
    # One question each: every one has a small index of its own.
    return any(
        tx.execute(select(_table.c.id).where(condition).limit(1)).first()
        for condition in (_due(now), _new(), lost, _unclear(now))
    )


def unfinished(tx: Connection) -> int:
    """Count the commands that are still to be finished, due or not."""
    query = select(func.count()).select_from(_table).where(_is_open(_table))
    return int(tx.execute(query).scalar_one())


def get(tx: Connection, command_id: str) -> OutboxEntry | None:
    """Find a command; None for an id that is unknown or none at all."""
    if not _is_uuid(command_id):
        return None
    found = _entries(tx, select(_table).where(_table.c.id == command_id))
    return found[0] if found else None


def results(tx: Connection, ids: Iterable[str]) -> dict[str, str | None]:
    """Give the records that these commands made."""
    wanted = list(ids)
    found = tx.execute(select(_table.c.id, _table.c.result_id).where(_table.c.id.in_(wanted)))
    return dict(found.all())


def attempts(tx: Connection, command_id: str) -> list[Attempt]:
    rows = tx.execute(
        select(_attempts).where(_attempts.c.command_id == command_id).order_by(_attempts.c.number)
    ).mappings()
    return [Attempt(**row) for row in rows]


def counts(tx: Connection) -> dict[str, int]:
    """Count commands by state."""
    rows = tx.execute(select(_table.c.state, func.count()).group_by(_table.c.state))
    return dict(rows.all())


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
    if not _is_uuid(command_id):
        return False
    revived = tx.execute(
        update(_table)
        .where(_table.c.id == command_id, _table.c.state.in_(FAILED))
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


def edit(tx: Connection, command_id: str, fields: Mapping[str, Any]) -> bool:
    """Change fields of a rejected or dead command and return it to the queue."""
    if not revive(tx, command_id):
        return False
    entry = get(tx, command_id)
    known = entry.fields if entry and isinstance(entry.fields, dict) else {}
    tx.execute(update(_table).where(_table.c.id == command_id).values(fields={**known, **fields}))
    return True


def discard(tx: Connection, command_id: str, *, now: datetime) -> bool:
    """Give a command up for good, with what waits for it."""
    if not _is_uuid(command_id):
        return False
    states = (CommandState.PENDING, *FAILED)
    gone = tx.execute(
        update(_table)
        .where(_table.c.id == command_id, _table.c.state.in_(states))
        .values(state=CommandState.DISCARDED, finished_at=now)
    )
    if gone.rowcount:
        dependencies.fail(tx, command_id, now=now)
    return gone.rowcount == 1


def _is_uuid(text: str) -> bool:
    # PostgreSQL raises for a comparison with anything else.
    try:
        UUID(text)
    except ValueError:
        return False
    return True


def _new(table: FromClause = _table) -> ColumnElement[bool]:
    return and_(_is(table, CommandState.PENDING), table.c.lane.is_(None))


def _unclear(now: datetime) -> ColumnElement[bool]:
    return and_(
        _is_in_flight(_table),
        _is(_table, CommandState.UNCLEAR),
        or_(_table.c.lease_until.is_(None), _table.c.lease_until < now),
        or_(_table.c.not_before.is_(None), _table.c.not_before <= now),
    )


def _due(now: datetime) -> ColumnElement[bool]:
    new, flying, ahead = (_table.alias(name) for name in ("new", "flying", "ahead"))
    # Nobody knows yet which record a new row is about: what was submitted after it waits for that.
    oldest_new = select(func.min(new.c.seq)).where(_new(new)).scalar_subquery()
    first_of_lane = (
        select(func.min(ahead.c.seq))
        .where(ahead.c.lane == _table.c.lane, _is_open(ahead))
        .scalar_subquery()
    )
    return and_(
        _is(_table, CommandState.PENDING),
        _table.c.lane.is_not(None),
        _table.c.waits_for == 0,
        or_(_table.c.not_before.is_(None), _table.c.not_before <= now),
        _table.c.seq < func.coalesce(oldest_new, _NO_END),
        _table.c.seq == first_of_lane,
        ~exists().where(flying.c.lane == _table.c.lane, _is_in_flight(flying)),
    )


def _is(table: FromClause, state: CommandState) -> ColumnElement[bool]:
    # Spelled out, not bound: only so do both databases see which partial index serves.
    return table.c.state == bindparam(None, state.value, String, literal_execute=True)


def _is_in_flight(table: FromClause) -> ColumnElement[bool]:
    return _is_one_of(table, IN_FLIGHT)


def _is_open(table: FromClause) -> ColumnElement[bool]:
    return _is_one_of(table, OPEN)


def _is_one_of(table: FromClause, states: Iterable[CommandState]) -> ColumnElement[bool]:
    values = [state.value for state in states]
    return table.c.state.in_(bindparam(None, values, String, expanding=True, literal_execute=True))


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
    if more_attempts:
        _begin(tx, entries, claim)
    return entries


def _locked(tx: Connection, query: Select[Any]) -> Select[Any]:
    # SQLite ignores SKIP LOCKED, and needs none: BEGIN IMMEDIATE lets one writer in.
    return query.with_for_update(skip_locked=True) if tx.dialect.name == "postgresql" else query


def _begin(tx: Connection, entries: list[OutboxEntry], claim: Claim) -> None:
    begun = [
        {
            "command_id": entry.id,
            "number": entry.attempts,
            "started_at": claim.now,
            "outcome": entry.state,
            "worker": claim.owner,
        }
        for entry in entries
    ]
    tx.execute(insert(_attempts), begun)


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
        .values(
            finished_at=now,
            outcome=outcome,
            # Where a lost reply was found to have been a success, why it was unclear stays told.
            error_code=code or _attempts.c.error_code,
            error_message=message or _attempts.c.error_message,
        )
    )


def _entries(tx: Connection, query: Select[Any]) -> list[OutboxEntry]:
    return [OutboxEntry(**row) for row in tx.execute(query).mappings()]
