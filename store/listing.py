"""Listings: commands chosen by state, object, error code and age, and counted by their causes.

No question reads the whole table: what is finished is found by its state and when that was, what
is open by the index of its lane.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, NamedTuple

from sqlalchemy import ColumnElement, Connection, Select, and_, func, select, union_all

from models.outbox import FINISHED, OPEN, CommandState, OutboxEntry
from store.conditions import commands, is_, is_one_of, is_open

_LONG_AGO = datetime.min.replace(tzinfo=UTC)


@dataclass(frozen=True, kw_only=True)
class Choice:
    """Which commands: all that match; none named is any.

    A command's age counts from when it was finished, or, while it is open, submitted.
    """

    states: tuple[CommandState, ...] = ()
    sobject: str | None = None
    code: str | None = None
    before: datetime | None = None
    after: datetime | None = None

    def parts(self) -> Iterator[tuple[ColumnElement[bool], Any]]:
        """Give conditions that an index serves each, with the column that the age counts from."""
        states = self.states or tuple(CommandState)
        for state in states:
            # Of two conditions on the state, the first is the one that a partial index bears.
            if state in FINISHED:
                finished = is_one_of(FINISHED) & is_(state)
                yield self._of(finished, commands.c.finished_at)
        if still := [state for state in states if state in OPEN]:
            condition = is_open() if len(still) == len(OPEN) else is_open() & is_one_of(still)
            yield self._of(condition, commands.c.submitted_at)

    def _of(
        self, states: ColumnElement[bool], since: ColumnElement[datetime]
    ) -> tuple[ColumnElement[bool], ColumnElement[datetime]]:
        found = [states]
        if self.sobject is not None:
            found.append(func.lower(commands.c.sobject) == self.sobject.lower())
        if self.code is not None:
            found.append(commands.c.error_code == self.code)
        if self.before is not None:
            found.append(since < self.before)
        if self.after is not None:
            found.append(since > self.after)
        return and_(*found), since


class Cause(NamedTuple):
    """Commands of one state and object with one error, word for word."""

    state: str
    sobject: str
    error_code: str | None
    error_message: str | None
    commands: int
    oldest: datetime | None
    example: int
    """The place of one of them in the order of submission."""


def since(entry: OutboxEntry) -> datetime | None:
    """Say from when a command's age counts; None where another program wrote no instant."""
    moment: Any = entry.finished_at or entry.submitted_at
    return moment if isinstance(moment, datetime) else None


def latest(tx: Connection, choice: Choice, *, limit: int) -> list[OutboxEntry]:
    """List commands that match, the youngest first."""
    # First which, then what they hold: to sort whole rows of a deep backlog takes its time, and so
    # does to make entries of all that might have been among the youngest.
    parts = []
    for condition, column in choice.parts():
        order = [commands.c.seq.desc()]
        if column is commands.c.finished_at:
            order.insert(0, column.desc())
        place = select(
            commands.c.seq, func.coalesce(column, commands.c.submitted_at).label("since")
        )
        parts.append(select(place.where(condition).order_by(*order).limit(limit).subquery()))
    some = union_all(*parts).subquery()
    youngest = select(some.c.seq).order_by(some.c.since.desc(), some.c.seq.desc()).limit(limit)
    rows = tx.execute(select(commands).where(commands.c.seq.in_(youngest))).mappings()
    found = [OutboxEntry(**row) for row in rows]
    return sorted(found, key=lambda one: (since(one) or _LONG_AGO, one.seq or 0), reverse=True)


def of_record(tx: Connection, sobject: str, record_id: str, *, limit: int) -> list[OutboxEntry]:
    """List a record's commands, the youngest first."""
    found: dict[str, OutboxEntry] = {}
    for query in record_queries(sobject, record_id, limit=limit):
        entries = (OutboxEntry(**row) for row in tx.execute(query).mappings())
        found |= {entry.id: entry for entry in entries}
    return sorted(found.values(), key=lambda one: one.seq or 0, reverse=True)[:limit]


def record_queries(sobject: str, record_id: str, *, limit: int) -> Iterator[Select[Any]]:
    """Ask for a record's commands, each question by an index.

    What is open is found by its lane, what was applied by its result; of what failed or was given
    up, which is less by far, all is looked through.
    """
    ended = [state for state in FINISHED if state is not CommandState.APPLIED]
    named = commands.c.record_id == record_id
    lane = is_open() & (commands.c.lane == f"{sobject}/{record_id}")
    yield select(commands).where(lane).order_by(commands.c.seq.desc()).limit(limit)
    applied = (commands.c.result_id == record_id) & commands.c.result_id.is_not(None)
    # By an expression: SQLite would rather walk through all commands than sort these.
    youngest = (commands.c.seq + 0).desc()
    yield select(commands).where(applied).order_by(youngest).limit(limit)
    for state in ended:
        failed = is_one_of(FINISHED) & is_(state) & named
        yield select(commands).where(failed).order_by(commands.c.finished_at.desc()).limit(limit)


def ids(tx: Connection, choice: Choice) -> list[str]:
    """Name all commands that match."""
    found: list[str] = []
    for condition, _ in choice.parts():
        found += tx.execute(select(commands.c.id).where(condition)).scalars()
    return found


def number(tx: Connection, choice: Choice) -> int:
    """Count commands that match."""
    found = 0
    for condition, _ in choice.parts():
        found += tx.execute(
            select(func.count()).select_from(commands).where(condition)
        ).scalar_one()
    return found


def causes(tx: Connection, choice: Choice) -> Iterator[Cause]:
    """Count commands that match by state, object, error code and message."""
    by = (commands.c.state, commands.c.sobject, commands.c.error_code, commands.c.error_message)
    for condition, column in choice.parts():
        query = select(*by, func.count(), func.min(column), func.min(commands.c.seq))
        for row in tx.execute(query.where(condition).group_by(*by)):
            yield Cause(*row)


def ids_with_messages(tx: Connection, choice: Choice) -> Iterator[tuple[str, str | None]]:
    """Name all commands that match, each with what its error says."""
    for condition, _ in choice.parts():
        query = select(commands.c.id, commands.c.error_message).where(condition)
        yield from (tuple(row) for row in tx.execute(query))


def fields(tx: Connection, ids: Iterable[str]) -> dict[str, Any]:
    """Give what these commands are to write."""
    query = select(commands.c.id, commands.c.fields).where(commands.c.id.in_(list(ids)))
    return dict(tx.execute(query).all())


def ids_by_place(tx: Connection, places: Iterable[int]) -> dict[int, str]:
    """Name commands by their places in the order of submission."""
    query = select(commands.c.seq, commands.c.id).where(commands.c.seq.in_(list(places)))
    return dict(tx.execute(query).all())
