"""Which command waits for which: released when the one is applied, failed when it fails."""

from collections import Counter
from collections.abc import Iterable, Sequence
from datetime import datetime

from sqlalchemy import Connection, delete, select, update
from sqlalchemy.dialects import postgresql, sqlite

from models.outbox import FAILED, CommandState, Dependency, OutboxEntry, Ready
from store.conditions import among

_table = Dependency.__table__  # type: ignore[attr-defined]
_commands = OutboxEntry.__table__  # type: ignore[attr-defined]

_FAILED = frozenset({*FAILED, CommandState.DISCARDED})
FAILED_CODE = "DEPENDENCY_FAILED"


def link(tx: Connection, command_id: str, parents: Iterable[str]) -> tuple[int, str | None]:
    """Write down what a command waits for.

    Returns how many of the parents are unfinished, and the first that is missing, has failed or
    was submitted later: commands that only wait for earlier ones never wait for each other.
    """
    wanted = list(parents)
    tx.execute(delete(_table).where(_table.c.command_id == command_id))
    if not wanted:
        return 0, None
    own = select(_commands.c.seq).where(_commands.c.id == command_id).scalar_subquery()
    query = select(_commands.c.id, _commands.c.state).where(
        _commands.c.id.in_(wanted), _commands.c.seq < own
    )
    if tx.dialect.name == "postgresql":
        # A parent that settles at this moment must see the link, or be seen to have settled.
        query = query.order_by(_commands.c.seq).with_for_update(read=True)
    states: dict[str, str] = dict(tx.execute(query).all())
    for parent in wanted:
        if states.get(parent, CommandState.DISCARDED) in _FAILED:
            return 0, parent
    waiting = [parent for parent in wanted if states[parent] != CommandState.APPLIED]
    insert = sqlite.insert if tx.dialect.name == "sqlite" else postgresql.insert
    if waiting:
        tx.execute(
            insert(_table).on_conflict_do_nothing(),
            [{"depends_on": parent, "command_id": command_id} for parent in waiting],
        )
    return len(waiting), None


def satisfy(tx: Connection, parents: Sequence[str]) -> set[str]:
    """Release a hold on every command that waited for one of these; give the lanes it concerns."""
    if not parents:
        return set()
    released = tx.execute(
        delete(_table).where(among(tx, _table.c.depends_on, parents)).returning(_table.c.command_id)
    )
    holds = Counter(released.scalars())
    freed: set[str] = set()
    for number in sorted(set(holds.values())):
        some = [command_id for command_id, held in holds.items() if held == number]
        rows = tx.execute(
            update(_commands)
            .where(_commands.c.id.in_(some), _commands.c.waits_for >= number)
            .values(waits_for=_commands.c.waits_for - number)
            .returning(_commands.c.lane, _commands.c.waits_for)
        )
        freed |= {lane for lane, waits_for in rows if lane and not waits_for}
    return freed


def fail(tx: Connection, parent: str, *, now: datetime) -> set[str]:
    """Reject what waited for a command that failed, and what waited for that; give their lanes."""
    failed, freed = [parent], set[str]()
    while failed:
        cause = failed.pop()
        waiting = select(_table.c.command_id).where(_table.c.depends_on == cause)
        rows = tx.execute(
            update(_commands)
            .where(_commands.c.id.in_(waiting), _commands.c.state == CommandState.PENDING)
            .values(
                state=CommandState.REJECTED,
                error_code=FAILED_CODE,
                error_message=f"command {cause}, which this one depends on, was not applied",
                finished_at=now,
                ready=int(Ready.BLOCKED),
            )
            .returning(_commands.c.id, _commands.c.lane)
        ).all()
        failed += [command_id for command_id, _ in rows]
        freed |= {lane for _, lane in rows if lane}
    return freed
