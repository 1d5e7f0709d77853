"""Commands in pages: what is open, then what is finished, each the youngest first.

A page begins where the last one ended, not after so many rows: what comes in moves nothing.
"""

from collections.abc import Iterator
from datetime import datetime
from typing import Any, NamedTuple

from sqlalchemy import ColumnElement, Connection, func, or_, select

from models.outbox import OutboxEntry
from store.conditions import commands, is_open
from store.listing import Choice

_DEEP = 10_000  # open commands: to sort fewer takes some milliseconds


class Place(NamedTuple):
    """Where a page ended: among what is finished, and among what is open."""

    finished: tuple[datetime, int] | None = None
    open: int | None = None


class Page(NamedTuple):
    """Some commands, and where they end; None: there are no more."""

    entries: list[OutboxEntry]
    end: Place | None


def page(tx: Connection, choice: Choice, *, limit: int, after: Place = Place()) -> Page:  # noqa: B008 - frozen
    """Read the next commands that match.

    One that is finished meanwhile moves up, to where new ones come in: it may be met again on a
    first page, and is on none twice.
    """
    found: list[OutboxEntry] = []
    for condition, column in choice.parts():
        is_finished = column is commands.c.finished_at
        order = _finished_first() if is_finished else _open_first(tx)
        places = (
            select(commands.c.seq)
            .where(condition, *_beyond(after, is_finished=is_finished))
            .order_by(*order)
            .limit(limit + 1)
        )
        rows = tx.execute(select(commands).where(commands.c.seq.in_(places))).mappings()
        found += [OutboxEntry(**row) for row in rows]
    kept = _in_order(found)[:limit]
    return Page(kept, _end(kept, after) if len(found) > limit else None)


def _finished_first() -> tuple[ColumnElement[Any], ...]:
    # By an expression, which no index knows: SQLite would rather walk along all commands.
    return commands.c.finished_at.desc(), (commands.c.seq + 0).desc()


def _open_first(tx: Connection) -> tuple[ColumnElement[Any], ...]:
    """Sort what is open while it is little; of a deep backlog, walk along the queue.

    To walk past all that is finished takes as long as there is much of it, and to sort a backlog
    as long as it is deep: where it is deep, the first few steps of the walk are enough.
    """
    some = select(commands.c.seq).where(is_open()).limit(_DEEP).subquery()
    is_deep = tx.execute(select(func.count()).select_from(some)).scalar_one() == _DEEP
    return (commands.c.seq.desc(),) if is_deep else ((commands.c.seq + 0).desc(),)


def _beyond(after: Place, *, is_finished: bool) -> Iterator[ColumnElement[bool]]:
    column = commands.c.finished_at
    if is_finished:
        # One that another program inserted as finished at no time would be on every page.
        yield column.is_not(None)
    if is_finished and after.finished:
        moment, seq = after.finished
        # The first is implied by the second, and is what an index is entered by.
        yield column <= moment
        yield or_(column < moment, commands.c.seq < seq)
    if not is_finished and after.open is not None:
        yield commands.c.seq < after.open


def _in_order(found: list[OutboxEntry]) -> list[OutboxEntry]:
    """Put open ones first, by their place in the queue, then finished ones by when that was."""
    open_ = [one for one in found if one.finished_at is None]
    done = [one for one in found if one.finished_at is not None]
    open_.sort(key=_seq, reverse=True)
    done.sort(key=lambda one: (one.finished_at, _seq(one)), reverse=True)
    return open_ + done


def _seq(one: OutboxEntry) -> int:
    return one.seq or 0


def _end(kept: list[OutboxEntry], after: Place) -> Place:
    finished, open_ = after
    for one in kept:
        if one.finished_at:
            finished = (one.finished_at, _seq(one))
        else:
            open_ = one.seq
    return Place(finished, open_)
