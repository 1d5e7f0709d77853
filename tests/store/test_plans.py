"""By which indexes the outbox is asked: none of its questions may read a whole backlog."""

from datetime import UTC, datetime
from typing import Any
from uuid import uuid4

import pytest
from sqlalchemy import Connection, Select, event, select, update

from models.outbox import CommandState, Ready
from store import claims, listing, outbox
from store.claims import Claim
from store.conditions import commands, is_in_flight, is_new, is_open, is_ready
from store.engine import Store

NOW = datetime(2026, 1, 31, 9, tzinfo=UTC)
QUESTIONS: dict[str, tuple[Select[Any], list[str]]] = {
    "what is due": (
        claims.due_query(NOW).limit(200),
        ["due", "new", "lane", "in_flight", "parent"],
    ),
    # The last is of what is in flight, too: whichever of the two it takes is small.
    "what there is to do": (
        claims.WAITING,
        ["due", "new", "lane", "in_flight", "parent", "new", "timed", "lease", "parent"],
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
        asked: list[tuple[str, Any]] = []
        event.listen(tx, "before_cursor_execute", lambda *said: asked.append(said[2:4]))
        tx.execute(query, {"now": NOW, "most": 1})
        (statement, values), *_ = asked
        steps = tx.exec_driver_sql(f"EXPLAIN QUERY PLAN {statement}", values).all()
    used = [step[-1].partition(" INDEX ")[2].split()[0] for step in steps if "INDEX" in step[-1]]
    assert [name.partition("_commands_")[2] for name in used] == names


@pytest.mark.parametrize("before", ["nothing", "as many, applied"])
def test_postgresql_claims_from_a_backlog_in_order_and_sorts_nothing(
    before: str, postgres_store: Store
) -> None:
    """Whatever its figures say of the conditions, and of a table that was another one before."""
    many = outbox._MANY
    with postgres_store.begin() as tx:
        if before != "nothing":
            outbox.append(tx, _updates(many), now=NOW)
            tx.execute(update(commands).values(state=CommandState.APPLIED, finished_at=NOW))
            outbox.take_stock(tx, added=many)
        outbox.append(tx, _updates(many), now=NOW)
        outbox.take_stock(tx, added=many)
        asked: list[tuple[str, Any]] = []
        event.listen(tx, "before_cursor_execute", lambda *said: asked.append(said[2:4]))
        claims.claim(tx, Claim(owner="worker", now=NOW, until=NOW, limit=200))
        claiming = next(_plan(tx, *one) for one in asked if one[0].startswith("SELECT"))
    assert "Index Scan using ix_scsync_commands_due" in claiming
    assert "Sort" not in claiming


def test_a_backlog_that_has_just_come_is_counted_at_once(postgres_store: Store) -> None:
    """Before that, PostgreSQL takes what waits for none, and reads it all to find what is due."""
    counted = "SELECT reltuples FROM pg_class WHERE relname = 'scsync_commands'"
    many = outbox._MANY + 7  # a number that no other test leaves: it outlives a rollback
    with postgres_store.begin() as tx:
        outbox.append(tx, _updates(many), now=NOW)
        assert tx.exec_driver_sql(counted).scalar_one() != many
        outbox.take_stock(tx, added=many)
        assert tx.exec_driver_sql(counted).scalar_one() == many


def _updates(count: int) -> outbox.Columns:
    ids = [f"500{place:015d}" for place in range(count)]
    return {
        "id": [str(uuid4()) for _ in ids],
        "op": ["update"] * count,
        "sobject": ["Case"] * count,
        "record_id": list(ids),
        "fields": ['{"Subject": "waiting"}'] * count,
        "lane": [f"Case/{one}" for one in ids],
        "ready": [int(Ready.DUE)] * count,
    }


def _plan(tx: Connection, statement: str, values: Any) -> str:
    return "\n".join(tx.exec_driver_sql(f"EXPLAIN {statement}", values).scalars())


def test_the_oldest_command_of_each_state_is_found_by_indexes(sqlite_store: Store) -> None:
    """A scrape asks for it every few seconds: no step reads the table itself."""
    with sqlite_store.read() as tx:
        asked: list[tuple[str, Any]] = []
        event.listen(tx, "before_cursor_execute", lambda *said: asked.append(said[2:4]))
        outbox.oldest(tx)
        steps = [
            step[-1]
            for statement, values in list(asked)
            for step in tx.exec_driver_sql(f"EXPLAIN QUERY PLAN {statement}", values)
        ]
    read = [step for step in steps if step.startswith(("SCAN", "SEARCH"))]
    assert len(read) >= len(asked) // 2
    assert [step for step in read if "INDEX" not in step] == []
