"""Migrations make the shape that the models describe, once, whoever starts first."""

import json
import subprocess
import sys
from contextlib import closing
from typing import Any
from uuid import UUID

import pytest
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext
from sqlalchemy import text
from sqlmodel import SQLModel

from store import migrate, migrating
from store.engine import Store
from store.errors import StoreTooNew

BY_HAND = "ix_scsync_commands_due"  # a descending index, which autogenerate cannot compare


def _ours(item: Any, name: str | None, kind: str, _reflected: object, _other: object) -> bool:
    del item
    return not (kind == "index" and name == BY_HAND)


def test_the_tables_are_those_of_the_models(database_url: str) -> None:
    """Nothing is left for autogenerate to do, on either database."""
    with closing(Store(database_url)) as store, _upgraded(store).read() as tx:
        context = MigrationContext.configure(
            tx,
            opts={
                "version_table": migrate.VERSION_TABLE,
                "compare_type": True,
                "include_object": _ours,
            },
        )
        assert compare_metadata(context, SQLModel.metadata) == []
        found = tx.execute(text(_INDEX[store.is_sqlite]), {"name": BY_HAND})
        assert found.scalar_one() == 1


def _upgraded(store: Store) -> Store:
    migrate.upgrade(store)
    return store


_INDEX = {
    True: "SELECT count(*) FROM sqlite_master WHERE type = 'index' AND name = :name",
    False: "SELECT count(*) FROM pg_indexes WHERE indexname = :name",
}


def test_the_head_is_the_newest_revision() -> None:
    """A store that has it is not looked at any further."""
    assert migrating.head() == migrate.HEAD


def test_an_up_to_date_store_needs_no_alembic(sqlite_store_url: str) -> None:
    """Every command would wait for it to load."""
    command = [sys.executable, "-c", f"{UPGRADE}assert 'alembic' not in sys.modules"]
    found = subprocess.run([*command, sqlite_store_url], check=True, capture_output=True, text=True)
    assert json.loads(found.stdout) == [migrate.HEAD, migrate.HEAD]


def test_an_upgrade_is_done_once(database_url: str) -> None:
    """The second upgrade finds nothing to do, and what was stored stands."""
    with closing(Store(database_url)) as store:
        before, after = migrate.upgrade(store)
        assert (before, after) == (None, migrate.upgrade(store)[0])
        with store.begin() as tx:
            tx.execute(text("INSERT INTO scsync_leases (name) VALUES ('kept')"))
        assert migrate.upgrade(store) == (after, after)
        with store.read() as tx:
            assert tx.execute(text("SELECT name FROM scsync_leases")).scalars().all() == ["kept"]


UPGRADE = """
import json, sys
from store import migrate
from store.engine import Store
print(json.dumps(migrate.upgrade(Store(sys.argv[1]))))
"""


def test_processes_that_start_at_once_take_turns(database_url: str) -> None:
    """Two processes upgrade an empty database: one does it, the other finds it done."""
    command = [sys.executable, "-c", UPGRADE, database_url]
    started = [subprocess.Popen(command, stdout=subprocess.PIPE) for _ in range(2)]
    answers = [json.loads(process.communicate(timeout=60)[0]) for process in started]
    assert [process.returncode for process in started] == [0, 0]
    head = answers[0][1]
    assert sorted(answers, key=str) == sorted([[None, head], [head, head]], key=str)


def test_a_store_of_a_newer_program_is_refused(store: Store) -> None:
    """An unknown revision is left alone, and the message says what to do."""
    with store.begin() as tx:
        (known,) = tx.execute(text("SELECT version_num FROM scsync_schema")).scalars()
        tx.execute(text("UPDATE scsync_schema SET version_num = '9999'"))
    try:
        with pytest.raises(StoreTooNew, match=r"9999.*newer\s+scsync"):
            migrate.upgrade(store)
    finally:
        with store.begin() as tx:
            tx.execute(text("UPDATE scsync_schema SET version_num = :known"), {"known": known})


def test_three_columns_are_enough_for_a_command(store: Store) -> None:
    """Any program may insert op, sobject and fields by plain SQL; the database does the rest."""
    insert = "INSERT INTO scsync_commands (op, sobject, fields) VALUES ('create', 'Case', '{}')"
    for _ in range(3):
        with store.begin() as tx:
            tx.exec_driver_sql(insert)
    with store.read() as tx:
        rows = tx.exec_driver_sql("SELECT * FROM scsync_commands ORDER BY seq").mappings().all()
    assert [UUID(str(row["id"])).version for row in rows] == [4, 4, 4]
    assert rows[1]["seq"] - rows[0]["seq"] == rows[2]["seq"] - rows[1]["seq"] == 1
    assert {(row["state"], row["attempts"], row["priority"]) for row in rows} == {("pending", 0, 0)}
    assert all(row["submitted_at"] and row["lane"] is None for row in rows)
