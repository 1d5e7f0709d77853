"""By which indexes the outbox is asked: none of its questions may read a whole backlog."""

from datetime import UTC, datetime
from typing import Any

import pytest
from sqlalchemy import Select, select

from models.outbox import Ready
from store import claims, listing
from store.conditions import commands, is_in_flight, is_new, is_open, is_ready
from store.engine import Store

NOW = datetime(2026, 1, 31, 9, tzinfo=UTC)
QUESTIONS: dict[str, tuple[Select[Any], list[str]]] = {
    "what is due": (
        claims.due_query(NOW).limit(200),
        ["due", "new", "lane", "in_flight", "parent"],
    ),
    "what another program brought": (select(commands.c.id).where(is_new()), ["new"]),
    "what is open": (select(commands.c.id).where(is_open()), ["lane"]),
    "whose time has come": (
        select(commands.c.id).where(is_ready(Ready.TIMED), commands.c.not_before <= NOW),
        ["timed"],
    ),
    "who is lost": (
        select(commands.c.id).where(is_in_flight(), commands.c.lease_until < NOW),
        ["lease"],
    ),
    **{
        f"what was done to a record, {place}": (query, [index])
        for place, (query, index) in enumerate(
            zip(
                listing.record_queries("Case", "500000000000001AAA", limit=25),
                ("lane", "result", "finished", "finished", "finished"),
                strict=True,
            )
        )
    },
}


@pytest.mark.parametrize("question", QUESTIONS)
def test_sqlite_goes_by_the_index_that_was_made_for_it(question: str, sqlite_store: Store) -> None:
    """It knows no figures of the table, and might take another that begins with the state."""
    query, names = QUESTIONS[question]
    with sqlite_store.read() as tx:
        compiled = query.compile(tx.engine, compile_kwargs={"render_postcompile": True})
        values = compiled.construct_params()
        in_order = tuple(values[name] for name in compiled.positiontup or [])
        steps = tx.exec_driver_sql(f"EXPLAIN QUERY PLAN {compiled}", in_order).all()
    used = [step[-1].partition(" INDEX ")[2].split()[0] for step in steps if "INDEX" in step[-1]]
    assert [name.partition("_commands_")[2] for name in used] == names
