"""What people do with commands: send back to the queue what failed, change it, give it up."""

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Connection, bindparam, select, update

from models.command import Conflict, Fields
from models.edit import Edit
from models.outbox import FAILED, CommandState, Dependency, Ready
from store import dependencies, lanes, outbox
from store.conditions import commands, is_new

_links = Dependency.__table__  # type: ignore[attr-defined]
_CHUNK = 1_000  # ids in one statement
_NO_BASE: Mapping[str, Any] = {"expected_modstamp": None, "base": None}

CONFLICTS = frozenset({"CONFLICT", "NO_BASIS", "ENTITY_FAILED_IFLASTMODIFIED_ON_UPDATE"})
"""What a command is refused with that was guarded against changes by others."""


def revive(tx: Connection, ids: Sequence[str]) -> list[str]:
    """Return rejected or dead commands to the queue, and with each what failed for its sake.

    They are checked anew; a command whose parent is still failed is refused again by that check.
    """
    revived: list[str] = []
    wanted = [one for one in ids if outbox.is_command_id(one)]
    while wanted:
        found = [one for some in _chunks(wanted) for one in _revived(tx, some)]
        revived += found
        wanted = [one for some in _chunks(found) for one in _fallen_with(tx, some)]
    return revived


def overwrite(tx: Connection, ids: Sequence[str]) -> int:
    """Have commands that were refused for a conflict win it when they are revived."""
    number = 0
    for some in _chunks([one for one in ids if outbox.is_command_id(one)]):
        changed = tx.execute(
            update(commands)
            .where(
                commands.c.id.in_(some),
                _stands(CommandState.REJECTED),
                commands.c.error_code.in_(CONFLICTS),
            )
            .values(on_conflict=Conflict.OVERWRITE, **_NO_BASE)
        )
        number += changed.rowcount
    return number


def edit(tx: Connection, ids: Sequence[str], change: Edit) -> tuple[list[str], list[str]]:
    """Change rejected or dead commands that an edit is about, and return them to the queue.

    Names those, and what went along because it had failed for their sake. What was guarded by what
    the store knew is guarded by what the store knows now.
    """
    wanted = [one for one in ids if outbox.is_command_id(one)]
    found = {row.id: row for some in _chunks(wanted) for row in _failed(tx, some)}
    asked = {one: change.of(_fields(row)) for one, row in found.items()}
    revived = revive(tx, [one for one, fields in asked.items() if fields is not None])
    edited = [one for one in revived if asked.get(one) is not None]
    guards_anew: dict[bool, list[dict[str, Any]]] = {False: [], True: []}
    for one in edited:
        was_guarded = found[one].on_conflict and found[one].error_code in CONFLICTS
        anew = bool(was_guarded or change.manners.get("on_conflict"))
        guards_anew[anew].append({"its_id": one, "its_fields": asked[one]})
    for anew, rows in guards_anew.items():
        values = {**change.manners, "base": None, **(_NO_BASE if anew else {})}
        _write(tx, rows, values)
    return edited, [one for one in revived if asked.get(one) is None]


def discard(tx: Connection, ids: Sequence[str], *, now: datetime) -> list[str]:
    """Give commands up for good, with what waits for them; not what is under way."""
    wanted = [one for one in ids if outbox.is_command_id(one)]
    gone = [row for some in _chunks(wanted) for row in _discarded(tx, some, now)]
    freed = {lane for _, lane in gone if lane}
    for some in _chunks([command_id for command_id, _ in gone]):
        for parent in _awaited(tx, some):
            freed |= dependencies.fail(tx, parent, now=now)
    lanes.refresh(tx, freed, now=now)
    return [command_id for command_id, _ in gone]


def refuse(tx: Connection, command_id: str, code: str, message: str, *, now: datetime) -> bool:
    """Reject a new row, with what waits for it; False when somebody else has looked at it."""
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
    return refused.rowcount == 1


def _failed(tx: Connection, ids: Sequence[str]) -> Sequence[Any]:
    columns = (commands.c.id, commands.c.fields, commands.c.on_conflict, commands.c.error_code)
    query = select(*columns).where(commands.c.id.in_(ids), _stands(*FAILED))
    return tx.execute(query).all()


def _fields(row: Any) -> Fields:
    """Give a command's fields; what another program wrote may be none."""
    return row.fields if isinstance(row.fields, dict) else {}


def _write(tx: Connection, rows: Sequence[Mapping[str, Any]], values: Mapping[str, Any]) -> None:
    if rows:
        own = commands.c.id == bindparam("its_id")
        change = update(commands).where(own).values(fields=bindparam("its_fields"), **values)
        tx.execute(change, rows)


def _chunks(ids: Sequence[str]) -> Iterator[Sequence[str]]:
    for start in range(0, len(ids), _CHUNK):
        yield ids[start : start + _CHUNK]


def _discarded(tx: Connection, ids: Sequence[str], now: datetime) -> Sequence[Any]:
    return tx.execute(
        update(commands)
        .where(
            commands.c.id.in_(ids),
            _stands(CommandState.PENDING, *FAILED),
            commands.c.carrier.is_(None),
        )
        .values(state=CommandState.DISCARDED, finished_at=now, ready=int(Ready.BLOCKED))
        .returning(commands.c.id, commands.c.lane)
    ).all()


def _awaited(tx: Connection, ids: Sequence[str]) -> list[str]:
    """Name those of these that others wait for."""
    query = select(_links.c.depends_on).where(_links.c.depends_on.in_(ids)).distinct()
    return list(tx.execute(query).scalars())


def _revived(tx: Connection, ids: Sequence[str]) -> list[str]:
    revived = tx.execute(
        update(commands)
        .where(commands.c.id.in_(ids), _stands(*FAILED))
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
    waited = select(_links.c.command_id).where(_links.c.depends_on.in_(ids))
    found = tx.execute(
        select(commands.c.id).where(
            commands.c.id.in_(waited),
            _stands(CommandState.REJECTED),
            commands.c.error_code == dependencies.FAILED_CODE,
        )
    )
    return list(found.scalars())


def _stands(*states: CommandState) -> ColumnElement[bool]:
    # As an expression, which no index knows: by its own lights SQLite would look through all
    # commands that ever failed for each few that are named.
    return commands.c.state.concat("").in_(states)
