"""What a record was is written down by whoever changes it: once, with it, and for chosen fields."""

from typing import Any

import pytest
from sqlalchemy import select

from models import CATALOG
from models.case import Case
from models.record_history import RecordHistory
from store import history, records
from store.engine import Store
from store.loading import load_csv
from tests.store.cases import BY_COLUMN, NOON, A, at, put, row

NAMES = ("id", "system_modstamp", "is_deleted", "status", "is_closed", "closed_date", "subject")
FIELDS = tuple(BY_COLUMN[name] for name in NAMES)
OPEN = {"status": "Working", "is_closed": False, "subject": "One"}


def noted(store: Store) -> list[tuple[Any, ...]]:
    """Give the history as (field, before, after, changed at), in the order of the fields."""
    table = RecordHistory.__table__  # type: ignore[attr-defined]
    wanted = (table.c.field, table.c.old_value, table.c.new_value, table.c.changed_at)
    with store.read() as tx:
        return sorted(tuple(found) for found in tx.execute(select(*wanted)))


def test_a_first_load_leaves_no_history(store: Store) -> None:
    """What was not here before has not changed."""
    assert put(store, OPEN, fields=FIELDS) == 1
    assert noted(store) == []


def test_a_change_is_written_down_with_both_values(store: Store) -> None:
    """A closing bears its own date, whatever moved the stamp since; a subject is not kept."""
    put(store, OPEN, fields=FIELDS)
    closed = {"status": "Closed", "is_closed": True, "closed_date": at(60), "subject": "Two"}
    put(store, {**closed, "system_modstamp": at(90)}, fields=FIELDS, read_at=at(95))
    moment = "2026-03-01T12:01:00.000Z"
    assert noted(store) == [
        ("closed_date", None, moment, at(90)),
        ("is_closed", "false", "true", at(60)),
        ("status", "Working", "Closed", at(90)),
    ]


def test_a_page_read_again_leaves_no_second_row(store: Store) -> None:
    """Nor does an older one that comes late."""
    put(store, OPEN, fields=FIELDS)
    later = {**OPEN, "status": "New", "system_modstamp": at(5)}
    for read_at in (at(6), at(7)):
        put(store, later, fields=FIELDS, read_at=read_at)
    put(store, {**OPEN, "status": "Old", "system_modstamp": at(1)}, fields=FIELDS, read_at=at(8))
    assert [found[:3] for found in noted(store)] == [("status", "Working", "New")]


def test_bulk_writes_history_as_rest_does(store: Store) -> None:
    """Rows that come as CSV are compared by the same database."""
    put(store, OPEN, fields=FIELDS)
    page = (
        "Id,SystemModstamp,IsDeleted,Status,IsClosed,ClosedDate,Subject\n"
        f"{A},2026-03-01T12:00:09.000Z,false,New,false,,One\n"
    )
    with store.begin() as tx:
        load_csv(tx, Case, FIELDS, [page.encode()], read_at=at(10))
    assert [found[:3] for found in noted(store)] == [("status", "Working", "New")]


def dying(store: Store, written: tuple[Any, ...]) -> None:
    """Write a row, and die before it is committed."""
    with store.begin() as tx:
        records.upsert(tx, Case, FIELDS, [written], read_at=at(6))
        raise KeyboardInterrupt


def test_who_dies_leaves_neither_the_row_nor_its_history(store: Store) -> None:
    """Both stand in one transaction; whoever comes after writes both."""
    put(store, OPEN, fields=FIELDS)
    later = {**OPEN, "status": "New", "system_modstamp": at(5)}
    with pytest.raises(KeyboardInterrupt):
        dying(store, row(store, FIELDS, **later))
    assert noted(store) == []
    put(store, later, fields=FIELDS, read_at=at(7))
    assert len(noted(store)) == 1


def test_a_tombstone_keeps_its_history(store: Store) -> None:
    """What a record was does not go with it; being buried is no change of a field."""
    put(store, OPEN, fields=FIELDS)
    put(store, {**OPEN, "status": "New", "system_modstamp": at(5)}, fields=FIELDS, read_at=at(6))
    with store.begin() as tx:
        assert records.bury(tx, Case, [A], at=at(9)) == 1
    assert len(noted(store)) == 1


def test_what_is_chosen_exists() -> None:
    """A name that is no field would be kept by nobody, and nobody would notice."""
    chosen = {model.sobject: model for model in CATALOG if model.history}
    assert set(chosen) >= {"Case", "WorkOrder", "Entitlement", "ServiceContract"}
    for model in chosen.values():
        assert {field.api_name for field in history.fields(model)} == model.history


def test_triggers_are_made_anew_only_where_they_differ(store: Store) -> None:
    """A start that finds nothing to do does nothing; one that is gone is made again."""
    drop = {
        True: "DROP TRIGGER record_history_of_cases",
        False: "DROP FUNCTION record_history_of_cases() CASCADE",
    }
    with store.begin() as tx:
        assert history.refresh(tx) == []
        tx.exec_driver_sql(drop[store.is_sqlite])
        assert history.refresh(tx) == ["record_history_of_cases"]
    put(store, OPEN, fields=FIELDS, read_at=NOON)
    put(store, {**OPEN, "status": "New", "system_modstamp": at(5)}, fields=FIELDS, read_at=at(6))
    assert len(noted(store)) == 1
