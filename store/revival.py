"""What people do with commands: send back to the queue what failed, change it, give it up."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, select, update

from models.outbox import FAILED, CommandState, Dependency, Ready
from store import dependencies, lanes, outbox
from store.conditions import commands, is_new

_links = Dependency.__table__  # type: ignore[attr-defined]


def revive(tx: Connection, ids: Sequence[str]) -> list[str]:
    """Return rejected or dead commands to the queue, and with each what failed for its sake.

    They are checked anew; a command whose parent is still failed is refused again by that check.
    """
    revived: list[str] = []
    wanted = [one for one in ids if outbox.is_command_id(one)]
    while wanted:
        found = _revived(tx, wanted)
        revived += found
        wanted = _fallen_with(tx, found)
    return revived


def edit(tx: Connection, command_id: str, fields: Mapping[str, Any]) -> list[str]:
    """Change fields of a rejected or dead command and return it to the queue."""
    revived = revive(tx, [command_id])
    if revived:
        entry = outbox.get(tx, command_id)
        known = entry.fields if entry and isinstance(entry.fields, dict) else {}
        tx.execute(
            update(commands)
            .where(commands.c.id == command_id)
            .values(fields={**known, **fields}, base=None)
        )
    return revived


def discard(tx: Connection, ids: Sequence[str], *, now: datetime) -> list[str]:
    """Give commands up for good, with what waits for them; not what is under way."""
    states = (CommandState.PENDING, *FAILED)
    gone = tx.execute(
        update(commands)
        .where(
            commands.c.id.in_([one for one in ids if outbox.is_command_id(one)]),
            commands.c.state.in_(states),
            commands.c.carrier.is_(None),
        )
        .values(state=CommandState.DISCARDED, finished_at=now, ready=int(Ready.BLOCKED))
        .returning(commands.c.id, commands.c.lane)
    ).all()
    freed = {lane for _, lane in gone if lane}
    for command_id, _ in gone:
        freed |= dependencies.fail(tx, command_id, now=now)
    lanes.refresh(tx, freed, now=now)
    return [command_id for command_id, _ in gone]


def refuse(tx: Connection, command_id: str, code: str, message: str, *, now: datetime) -> None:
    """Reject a new row, with what waits for it."""
    refused = tx.execute(
        update(commands)
        .where(commands.c.id == command_id, is_new())
        .values(
            state=CommandState.REJECTED,
            error_code=code[:80],
            error_message=message,
            finished_at=now,
        )
    )
    if refused.rowcount:
        lanes.refresh(tx, dependencies.fail(tx, command_id, now=now), now=now)


def _revived(tx: Connection, ids: Sequence[str]) -> list[str]:
    revived = tx.execute(
        update(commands)
        .where(commands.c.id.in_(ids), commands.c.state.in_(FAILED))
        .values(
            state=CommandState.PENDING,
            lane=None,
            ready=int(Ready.BLOCKED),
            waits_for=0,
            failures=0,
            alone=False,
            error_code=None,
            error_message=None,
            not_before=None,
            finished_at=None,
        )
        .returning(commands.c.id)
    )
    return list(revived.scalars())


def _fallen_with(tx: Connection, ids: Sequence[str]) -> list[str]:
    """Name the commands that were rejected because one of these had failed."""
    if not ids:
        return []
    found = tx.execute(
        select(commands.c.id)
        .join(_links, _links.c.command_id == commands.c.id)
        .where(
            _links.c.depends_on.in_(ids),
            commands.c.state == CommandState.REJECTED,
            commands.c.error_code == dependencies.FAILED_CODE,
        )
    )
    return list(dict.fromkeys(found.scalars()))
