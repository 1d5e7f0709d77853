"""Finished commands cleared away by age: their numbers stay, and what others need of them."""

import re
from typing import Any

from sqlalchemy import event, text

from models.outbox import FAILED, OPEN, CommandState
from store import listing, outbox, tallies
from store.listing import Choice
from tests.cli.conftest import Desk
from tests.cli.outbox import ago, command, put, states, store_of


def rows_of(desk: Desk, query: str) -> list[tuple[Any, ...]]:
    store = store_of(desk)
    with store.read() as tx:
        found = [tuple(row) for row in tx.execute(text(query))]
    store.close()
    return found


def test_the_old_are_deleted_and_counted(place: Desk) -> None:
    """With their attempts; the young, the failed and the open stay; a second purge adds up."""
    old, young = ago(days=40), ago(days=20)
    put(
        place,
        *(command(state="applied", at=old) for _ in range(1_500)),
        *(command(state="discarded", at=old, sobject="WorkOrder", error_code="X") for _ in "12"),
        command(state="rejected", at=old, error_code="X"),
        command(state="applied", at=young),
        command(at=old),
    )
    done = place.run("commands", "purge", "--older-than", "30d", "--yes")
    assert (done.code, done.out) == (0, "purged: 1,500 applied, 2 discarded\n")
    assert sorted(states(place).values()) == ["applied", "pending", "rejected"]
    assert rows_of(place, "SELECT count(*) FROM scsync_attempts") == [(2,)]
    again = place.run("commands", "purge", "--older-than", "10d", "--state", "applied", "--json")
    assert again.document() == {"purged": {"applied": 1}, "kept": 0}
    kept = (
        "SELECT sobject, op, state, error_code, sum(commands) FROM scsync_tallies GROUP BY 1,2,3,4"
    )
    assert sorted(rows_of(place, kept)) == [
        ("Case", "update", "applied", "", 1_501),
        ("WorkOrder", "update", "discarded", "X", 2),
    ]
    assert "purged: 1,501 applied, 2 discarded" in place.run("status").out
    assert place.run("status", "--json").document()["purged"]["applied"] == 1_501


def test_the_failed_go_only_by_name(place: Desk) -> None:
    """They wait for a person, who may say that nobody will come."""
    put(place, *(command(state=state, at=ago(days=9), error_code="E") for state in FAILED))
    assert place.run("commands", "purge", "--older-than", "8d").out.startswith("purged: 0 applied")
    words = ["--state", "rejected", "--state", "dead"]
    done = place.run("commands", "purge", "--older-than", "8d", *words)
    assert done.out == "purged: 1 rejected, 1 dead\n"


def test_what_an_open_command_depends_on_stays(place: Desk) -> None:
    """Named by `depends_on`, or by a value that is its record; it goes when they are finished."""
    first, second, third = (command(state="applied", at=ago(days=9)) for _ in range(3))
    fields = {"ParentId": {"$command": second["id"].upper()}, "CommentBody": "x"}
    put(place, first, second, third, command(depends_on=[first["id"]]), command(fields=fields))
    done = place.run("commands", "purge", "--older-than", "1d")
    assert done.out == "purged: 1 applied, 0 discarded\n2 stay: open commands depend on them\n"
    assert {first["id"], second["id"]} < states(place).keys()
    place.run("commands", "discard", "--state", "pending")
    assert place.run("commands", "purge", "--older-than", "1d").out.startswith("purged: 2 applied")


def test_a_key_is_forgotten_with_its_command(place: Desk) -> None:
    """As the help says: the same key is a new command then."""
    put(place, command(state="applied", at=ago(days=9), idempotency_key="order-1"))
    place.run("commands", "purge", "--older-than", "1d")
    put(place, command(idempotency_key="order-1"))
    assert list(states(place).values()) == ["pending"]
    assert "idempotency keys are forgotten" in place.run("commands", "purge", "--help").out


def test_no_listing_reads_the_whole_table(bare: Desk) -> None:
    """Each question goes by an index, whatever it asks for."""
    put(bare, *(command(state=state) for state in CommandState for _ in range(300)))
    store = store_of(bare)
    asked: list[tuple[str, Any]] = []
    event.listen(
        store.engine, "before_cursor_execute", lambda *given: asked.append((given[2], given[3]))
    )
    old, young = {"before": ago(days=3)}, {"after": ago(minutes=15)}
    with store.begin() as tx:
        for states_ in ((), (CommandState.PENDING,), OPEN, FAILED, (CommandState.APPLIED,)):
            for more in ({}, old, young, {"code": "X", "sobject": "Case", **old}):
                choice = Choice(states=states_, **more)
                listing.latest(tx, choice, limit=20)
                listing.ids(tx, choice)
                list(listing.causes(tx, choice))
        outbox.counts(tx)
        tallies.forget(tx, CommandState.APPLIED, before=ago(days=3))
        for query, values in [one for one in asked if one[0].startswith("SELECT")]:
            plan = tx.exec_driver_sql(f"EXPLAIN QUERY PLAN {query}", values)
            steps = [str(row[3]) for row in plan]
            scans = [step for step in steps if re.fullmatch(r"SCAN scsync_commands( AS .*)?", step)]
            assert scans == [], query
    assert len(asked) > 100
    store.close()
