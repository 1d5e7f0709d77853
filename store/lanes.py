"""Lanes: the commands of one record, one behind the other; only the first of each may be due.

`ready` says of each pending command what it waits for, and is brought up to date with every move.
It may say "due" of one that is not, which a claim finds out; never the other way round.
"""

import json
from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any

from sqlalchemy import (
    ARRAY,
    Connection,
    String,
    case,
    exists,
    func,
    insert,
    literal,
    select,
    true,
    update,
)

from models.command import Op
from models.outbox import Attempt, CommandState, Ready
from store.conditions import among, commands, is_, is_new, is_open, is_ready

_attempts = Attempt.__table__  # type: ignore[attr-defined]
REDIRECTED = "redirected"
"""The outcome in a command's history that is no attempt: its record was merged."""


def occupied(tx: Connection, lanes: Iterable[str]) -> set[str]:
    """Tell which lanes have an open command, and see to it that it stays so until we commit.

    Whoever appends to such a lane is behind that one: its settling will look for who comes next,
    and has to find the newcomer.
    """
    listed = _listed(tx, lanes)
    if tx.dialect.name == "sqlite":  # one writer at a time: nothing moves before we commit
        is_there = exists().where(commands.c.lane == listed.c.value, is_open())
        return set(tx.execute(select(listed.c.value).where(is_there)).scalars())
    last = (
        select(commands.c.lane)
        .where(commands.c.lane == listed.c.value, is_open())
        .order_by(commands.c.seq.desc())
        .limit(1)
        .with_for_update(read=True)
        .lateral("last")
    )
    return set(tx.execute(select(last.c.lane).select_from(listed.join(last, true()))).scalars())


def refresh(tx: Connection, lanes: Iterable[str], *, now: datetime) -> None:
    """Say of the first command of each lane what it waits for."""
    listed, first = _listed(tx, lanes), commands.alias("first")
    head = (
        select(func.min(first.c.seq))
        .where(first.c.lane == listed.c.value, is_open(first))
        .correlate(listed)
        .scalar_subquery()
    )
    heads = select(head).select_from(listed)
    these = [commands.c.seq.in_(heads), is_(CommandState.PENDING)]
    if tx.dialect.name == "postgresql":
        # Step by step: in one statement PostgreSQL would read all that is pending to join it.
        firsts = [seq for seq in tx.execute(heads).scalars() if seq is not None]
        # Locked in one order: two who refresh the same lanes do not wait for each other. No word
        # of the state: of a table that is new to it, PostgreSQL would take all pending for few.
        query = select(commands.c.seq, commands.c.state).where(among(tx, commands.c.seq, firsts))
        locked = tx.execute(query.order_by(commands.c.seq).with_for_update())
        pending = [seq for seq, state in locked if state == CommandState.PENDING]
        these = [among(tx, commands.c.seq, pending)]
    tx.execute(update(commands).where(*these).values(ready=_readiness(now)))


def wake(tx: Connection, *, now: datetime) -> None:
    """Let those be due whose time has come."""
    tx.execute(
        update(commands)
        .where(is_ready(Ready.TIMED), commands.c.not_before <= now)
        .values(ready=int(Ready.DUE))
    )


def overlooked(tx: Connection, limit: int = 1_000) -> list[str]:
    """Find lanes whose first command waits for nothing and is not known to be due: there are none.

    Reads all that is blocked; what it finds is a bug of ours, which `refresh` mends.
    """
    first = commands.alias("first")
    head = (
        select(func.min(first.c.seq))
        .where(first.c.lane == commands.c.lane, is_open(first))
        .scalar_subquery()
    )
    query = select(commands.c.lane).where(
        is_ready(Ready.BLOCKED),
        commands.c.lane.is_not(None),
        commands.c.waits_for == 0,
        commands.c.seq == head,
    )
    return list(tx.execute(query.limit(limit)).scalars())


def may_admit(tx: Connection) -> bool:
    """Tell whether to admit rows: one does at a time, the others need not do the same beside it."""
    if tx.dialect.name == "sqlite":
        return True
    found = tx.execute(select(func.pg_try_advisory_xact_lock(func.hashtext("scsync.admit"))))
    return bool(found.scalar_one())


def admit(tx: Connection, command_id: str, values: Mapping[str, Any], *, now: datetime) -> None:
    """Put a checked row into its lane, unless somebody else has done so or it has moved on."""
    occupied(tx, [values["lane"]])
    tx.execute(update(commands).where(commands.c.id == command_id, is_new()).values(**values))
    refresh(tx, [values["lane"]], now=now)


def hold(tx: Connection, command_id: str, *, waits_for: int) -> None:
    """Keep a command back until as many others are applied."""
    values: dict[str, Any] = {"waits_for": waits_for}
    if waits_for:
        values["ready"] = int(Ready.BLOCKED)
    tx.execute(update(commands).where(commands.c.id == command_id).values(**values))


def redirect(tx: Connection, *, sobject: str, loser: str, survivor: str, now: datetime) -> int:
    """Have updates that wait for a merged record wait for its survivor, and note it in each.

    What is in flight is left alone, and so are deletes: the survivor is not what they were for.
    """
    lanes = [f"{sobject}/{loser}", f"{sobject}/{survivor}"]
    occupied(tx, lanes[1:])
    rows = tx.execute(
        update(commands)
        .where(
            commands.c.lane == lanes[0],
            is_open(),
            is_(CommandState.PENDING),
            commands.c.op == Op.UPDATE,
            commands.c.carrier.is_(None),
        )
        .values(
            record_id=survivor,
            lane=lanes[1],
            attempts=commands.c.attempts + 1,
            ready=int(Ready.BLOCKED),
        )
        .returning(commands.c.id, commands.c.attempts)
    ).all()
    if rows:
        tx.execute(
            insert(_attempts),
            [
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
            ],
        )
        refresh(tx, lanes, now=now)
    return len(rows)


def _readiness(now: datetime) -> Any:
    return case(
        (commands.c.waits_for > 0, literal(int(Ready.BLOCKED))),
        (commands.c.not_before > now, literal(int(Ready.TIMED))),
        else_=literal(int(Ready.DUE)),
    )


def _listed(tx: Connection, lanes: Iterable[str]) -> Any:
    """Make a table of names, each of which is then looked up by itself, however deep its lane."""
    names = sorted(set(lanes))
    if tx.dialect.name == "sqlite":
        return func.json_each(json.dumps(names)).table_valued("value", name="listed")
    array = literal(names, ARRAY(String))
    return func.unnest(array).table_valued("value", name="listed").render_derived()
