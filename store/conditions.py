"""Conditions on commands, in the words that both databases recognise their partial indexes by."""

import json
from collections.abc import Iterable
from datetime import datetime
from typing import Any, cast

from sqlalchemy import (
    ColumnElement,
    Connection,
    FromClause,
    Integer,
    String,
    Table,
    and_,
    any_,
    bindparam,
    func,
    literal,
    or_,
    select,
)
from sqlalchemy.dialects.postgresql import ARRAY

from models.outbox import IN_FLIGHT, OPEN, CommandState, OutboxEntry, Ready

commands = cast("Table", OutboxEntry.__table__)  # type: ignore[attr-defined]


def is_(state: CommandState, table: FromClause = commands) -> ColumnElement[bool]:
    # Spelled out, not bound: only so do both databases see which partial index serves.
    return table.c.state == bindparam(None, state.value, String, literal_execute=True)


def is_ready(ready: Ready, table: FromClause = commands) -> ColumnElement[bool]:
    """Choose what is pending and waits for this."""
    as_written = bindparam(None, int(ready), Integer, literal_execute=True)
    return and_(is_(CommandState.PENDING, table), table.c.ready == as_written)


def is_in_flight(table: FromClause = commands) -> ColumnElement[bool]:
    return is_one_of(IN_FLIGHT, table)


def is_open(table: FromClause = commands) -> ColumnElement[bool]:
    return is_one_of(OPEN, table)


def is_one_of(states: Iterable[CommandState], table: FromClause = commands) -> ColumnElement[bool]:
    values = [state.value for state in states]
    return table.c.state.in_(bindparam(None, values, String, expanding=True, literal_execute=True))


def is_new(table: FromClause = commands) -> ColumnElement[bool]:
    """Choose what another program inserted and nobody has looked at yet."""
    return and_(is_(CommandState.PENDING, table), table.c.lane.is_(None))


Moment = datetime | ColumnElement[datetime]
"""An instant, or the place in a statement made once where it is put."""


def is_free(now: Moment, table: FromClause = commands) -> ColumnElement[bool]:
    """Choose what nobody holds, or somebody who is lost."""
    return or_(table.c.lease_until.is_(None), table.c.lease_until < now)


def among(tx: Connection, column: ColumnElement[Any], wanted: Iterable[Any]) -> ColumnElement[bool]:
    """Choose by hundreds of ids at once, given as one value.

    To write them out and have them read one by one takes longer than to look them up.
    """
    if tx.dialect.name == "sqlite":
        listed = func.json_each(json.dumps([*wanted])).table_valued("value")
        return column.in_(select(listed.c.value))
    return column == any_(literal([*wanted], ARRAY(column.type)))
