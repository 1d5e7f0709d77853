"""What a record was is written down by whoever changes it: once, with it, and for chosen fields."""

from datetime import datetime
from typing import Any

import pytest
from sqlalchemy import select

from models import CATALOG
from models.case import Case
from models.columns import Kind
from models.field_state import FieldState, FieldStatus
from models.record_history import RecordHistory
from store import backfills, fields, history, records, reports
from store.engine import Store
from store.loading import load_csv
from tests.store.cases import BY_COLUMN, NOON, A, B, at, put, row

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


def test_what_moved_no_stamp_is_dated_by_its_reading(store: Store) -> None:
    """Nobody knows when it changed, nor who did it: not who edited the record long before."""
    by = (*FIELDS, BY_COLUMN["last_modified_by_id"])
    put(store, {**OPEN, "last_modified_by_id": A}, fields=by)
    fill(store, at(60), status="New", is_closed=False)
    put(
        store,
        {**OPEN, "status": "Old", "system_modstamp": at(90), "last_modified_by_id": A},
        fields=by,
        read_at=at(95),
    )
    table = RecordHistory.__table__  # type: ignore[attr-defined]
    with store.read() as tx:
        query = select(table.c.new_value, table.c.changed_at, table.c.changed_by_id)
        found = [tuple(one) for one in tx.execute(query.order_by(table.c.id))]
    assert found == [("New", at(60), None), ("Old", at(90), A)]


def test_a_column_that_is_filled_for_the_first_time_has_not_changed(store: Store) -> None:
    """While old rows are read for a field that was hidden, an empty value is none that was read.

    However it comes: by a filling, by a newer row, and after the reading has begun anew.
    """
    put(store, {"subject": "One"}, {"id": B, "subject": "Two"}, read_at=at(0))
    shown(store, "Status", "IsClosed", "IsEscalated", at=at(30))
    fill(store, at(60), status="Working", is_closed=False, is_escalated=True)
    with store.begin() as tx:
        backfills.plan(tx, "Case", "new fields: ClosedDate", now=at(70))
    moved = {"id": B, **OPEN, "is_escalated": True, "system_modstamp": at(80)}
    put(store, moved, fields=(*FIELDS, BY_COLUMN["is_escalated"]), read_at=at(85))
    assert noted(store) == []
    with store.read() as tx:
        _, rows = reports.rows(tx, "reopened_escalated")
        names = [one.name for one in reports.find("reopened_escalated").all_columns]
    told = [dict(zip(names, one, strict=True)) for one in rows]
    assert [(one["escalated_at"], one["reopened"]) for one in told] == [(None, 0)] * 2


def test_what_was_empty_in_the_org_has_changed(store: Store) -> None:
    """Of a field that was always shown; and of any, once the old rows have been read."""
    put(store, {"subject": "One"}, {"id": B, "subject": "Two"}, read_at=at(0))
    shown(store, "Status", at=at(-30), planned=at(10))
    fill(store, at(60), status="Working")
    shown(store, "Status", at=at(70))
    with store.begin() as tx:
        backfills.lead(tx, "Case", owner="me", now=at(71))
        backfills.finish(tx, "Case", owner="me", now=at(75))
    put(store, {"id": B, **OPEN, "system_modstamp": at(80)}, fields=FIELDS, read_at=at(85))
    statuses = [found[1:3] for found in noted(store) if found[0] == "status"]
    assert statuses == [(None, "Working")] * 2


def fill(store: Store, read_at: datetime, **values: Any) -> None:
    """Bring columns of a case up to date, its stamp being as it was."""
    chosen = tuple(BY_COLUMN[name] for name in ("id", "system_modstamp", *values))
    with store.begin() as tx:
        filled = row(store, chosen, **values)
        assert records.fill(tx, Case, chosen, [filled], read_at=read_at) == 1


def shown(store: Store, *names: str, at: datetime, planned: datetime | None = None) -> None:
    """Have the org show fields from a moment on, and old rows be read for them."""
    states = [
        FieldState(
            sobject="Case",
            api_name=field.api_name,
            column_name=field.column,
            kind=str(Kind.TEXT),
            status=FieldStatus.ACTIVE,
            since=at,
        )
        for field in Case.fields()
        if field.api_name in names
    ]
    with store.begin() as tx:
        fields.keep(tx, states)
        backfills.plan(tx, "Case", f"new fields: {', '.join(names)}", now=planned or at)


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
