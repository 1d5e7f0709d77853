"""Columns are added while the store is at work, once, whoever else adds them at the same time."""

import subprocess
import sys
from contextlib import closing
from datetime import UTC, datetime

import pytest
from sqlalchemy import inspect

from models.case import Case
from models.columns import Kind
from models.dynamic import make
from models.field_state import FieldState, FieldStatus
from store import fields, migrate
from store.engine import Store

ADD = """
import sys
from models.case import Case
from models.columns import Kind
from store import fields
from store.engine import Store

fields._PATIENCE = "60s"  # the other may be slow to commit what it has added
store = Store(sys.argv[1])
sys.stdout.write("ready\\n")
sys.stdout.flush()
sys.stdin.readline()
with store.begin() as tx:
    fields.add_columns(tx, Case, [(f"added_{n}__c", Kind.TEXT) for n in range(40)])
"""


def test_processes_that_add_the_same_columns_at_once_agree(database_url: str) -> None:
    """Each column is there once, and nobody meets an error."""
    with closing(Store(database_url)) as store:
        migrate.upgrade(store)
        command = [sys.executable, "-c", ADD, database_url]
        pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "text": True}
        started = [subprocess.Popen(command, **pipes) for _ in range(2)]  # type: ignore[call-overload]
        for process in started:
            assert process.stdout.readline() == "ready\n"
        for process in started:
            process.stdin.write("go\n")
            process.stdin.flush()
        for process in started:
            process.communicate(timeout=60)
        assert [process.returncode for process in started] == [0, 0]
        names = [column["name"] for column in inspect(store.engine).get_columns("cases")]
        assert sum(name.startswith("added_") for name in names) == 40


def test_a_column_has_the_type_of_its_kind(database_url: str) -> None:
    """Each kind gets the very type that a column of a model has."""
    with closing(Store(database_url)) as store:
        migrate.upgrade(store)
        with store.begin() as tx:
            fields.add_columns(tx, Case, [(f"of_{kind}__c", kind) for kind in Kind])
        found = {
            one["name"]: str(one["type"]) for one in inspect(store.engine).get_columns("cases")
        }
    models = {
        "of_text__c": "description",
        "of_instant__c": "closed_date",
        "of_flag__c": "is_closed",
    }
    assert {name: found[name] for name in models} == {
        name: found[like] for name, like in models.items()
    }
    assert found["of_number__c"] == "NUMERIC"
    assert found["of_whole__c"] == "BIGINT"
    assert found["of_day__c"] == "DATE"


def test_a_table_in_use_does_not_hold_everybody_up(
    postgres_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """After some patience the addition gives way, so that readers behind it go on."""
    with closing(Store(postgres_url)) as store:
        migrate.upgrade(store)
        with monkeypatch.context() as patch, store.read() as reading:
            patch.setattr(fields, "_PATIENCE", "100ms")
            reading.exec_driver_sql("SELECT 1 FROM cases")
            with pytest.raises(fields.TableBusy), store.begin() as tx:
                fields.add_columns(tx, Case, [("late__c", Kind.TEXT)])
        with store.begin() as tx:
            fields.add_columns(tx, Case, [("late__c", Kind.TEXT)])


def test_a_table_is_made_once(database_url: str) -> None:
    """An object that no migration knows gets its table; asked again, it stands."""
    model = make("Invoice__c")
    with closing(Store(database_url)) as store:
        for _ in range(2):
            with store.begin() as tx:
                fields.create_table(tx, model)
        names = {column["name"] for column in inspect(store.engine).get_columns("invoice__c")}
        assert {"id", "system_modstamp", "extra", "deleted_at"} <= names


def test_what_is_remembered_of_a_field_is_replaced(store: Store) -> None:
    """A field has one state, the last one; the version of the object moves with it."""
    with store.begin() as tx:
        before = fields.version(tx, "Case")
        fields.keep(tx, [_state(FieldStatus.ACTIVE, 1), _state(FieldStatus.ACTIVE, 1, "B__c")])
        between = fields.version(tx, "Case")
        fields.keep(tx, [_state(FieldStatus.FROZEN, 2)])
        after = fields.version(tx, "Case")
        assert [one.status for one in fields.known(tx, "Case")] == ["frozen", "active"]
        assert fields.known(tx, "Contact") == []
    assert len({before, between, after}) == 3


def _state(status: FieldStatus, day: int, name: str = "A__c") -> FieldState:
    return FieldState(
        sobject="Case",
        api_name=name,
        column_name=name.lower(),
        kind=str(Kind.TEXT),
        added=True,
        status=status,
        since=datetime(2026, 3, day, tzinfo=UTC),
    )
