"""What a report's figures hang on is named, and what the org hides of it is told."""

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime
from itertools import zip_longest
from typing import Any

import pytest

from models import CATALOG as OBJECTS
from models.field_state import FieldState, FieldStatus
from store import fields, reports
from store.engine import Store
from store.reports import CATALOG
from tests.store.reports.conftest import Desk

Hidden = tuple[str, str]
"""A table and a column of it."""

_API_NAMES = {
    (str(model.table().name), one.column): f"{model.sobject}.{one.api_name}"
    for model in OBJECTS
    for one in model.fields()
}
# An org without Field Service has no territories: that work is then done in none is true.
_WITHOUT = {"WorkOrder.ServiceTerritoryId"}


@pytest.fixture(scope="module")
def copied(sqlite_desk: Desk) -> Iterator[sqlite3.Connection]:
    """The desk's store, to be spoilt column by column; in its views, it is always the same time."""
    with closing(sqlite3.connect(":memory:", isolation_level=None)) as copy:
        with sqlite_desk.store.read() as tx:
            tx.connection.driver_connection.backup(copy)  # type: ignore[union-attr]
        now = f"'{datetime.now(UTC):%Y-%m-%dT%H:%M:%S}.000Z'"
        for name, sql in copy.execute(
            "SELECT name, sql FROM sqlite_master WHERE type = 'view'"
        ).fetchall():
            copy.execute(f"DROP VIEW {name}")
            copy.execute(sql.replace("'now'", now))
        yield copy


def read_by(copied: sqlite3.Connection, view: str) -> set[Hidden]:
    """Ask SQLite which columns of records a view reads."""
    seen: set[Hidden] = set()

    def note(action: int, table: str | None, name: str | None, *_: Any) -> int:
        if action == sqlite3.SQLITE_READ:
            seen.add((str(table), str(name)))
        return sqlite3.SQLITE_OK

    copied.set_authorizer(note)
    copied.execute(f"EXPLAIN SELECT * FROM {view}")  # noqa: S608
    copied.set_authorizer(None)
    return {one for one in seen if one in _API_NAMES and one[1] != "id"}


def rows(copied: sqlite3.Connection, name: str) -> list[tuple[Any, ...]]:
    keys = ", ".join(one.name for one in CATALOG[name].columns[:3])
    return copied.execute(f"SELECT * FROM report_{name} ORDER BY {keys}").fetchall()  # noqa: S608


def is_falsified(copied: sqlite3.Connection, name: str, hidden: Hidden) -> bool:
    """Tell whether a report's figures differ once a column is empty, and not only by being empty."""
    before = rows(copied, name)
    copied.execute("BEGIN")
    copied.execute("UPDATE {} SET {} = NULL".format(*hidden))  # noqa: S608
    after = rows(copied, name)
    copied.execute("ROLLBACK")
    return any(
        cell != was and cell is not None
        for row, old in zip_longest(after, before, fillvalue=())
        for cell, was in zip_longest(row, old, fillvalue="no such row")
    )


@pytest.mark.parametrize("name", CATALOG)
def test_what_figures_hang_on_is_what_falsifies_them(copied: sqlite3.Connection, name: str) -> None:
    """Of all that the SQL reads; names that give way to Ids are still theirs."""
    read = {one: _API_NAMES[one] for one in read_by(copied, f"report_{name}")}
    hangs_on = set(CATALOG[name].hangs_on)
    assert hangs_on <= set(read.values())
    others = [one for one in read if read[one] not in hangs_on | _WITHOUT and one[1] != "name"]
    assert [read[one] for one in others if is_falsified(copied, name, one)] == []


@pytest.mark.parametrize("name", CATALOG)
def test_what_the_org_hides_is_told(store: Store, name: str) -> None:
    """And while it does, no figure that hangs on it is fresh."""
    report = CATALOG[name]
    mark = "INSERT INTO scsync_watermarks (sobject, finished_at) VALUES ('{}', '{}')"
    with store.begin() as tx:
        for source in report.sources:
            tx.exec_driver_sql(mark.format(source, "2026-01-02T00:00:00.000Z"))
        fields.keep(tx, [state("Case", "Subject", FieldStatus.FROZEN)])
        assert (reports.lacking(tx, name), reports.fresh(tx, name) is None) == ([], False)
        for one in report.hangs_on:
            sobject, field = one.split(".")
            fields.keep(tx, [state(sobject, field, FieldStatus.FROZEN)])
            assert (reports.lacking(tx, name), reports.fresh(tx, name)) == ([one], None)
            fields.keep(tx, [state(sobject, field, FieldStatus.ACTIVE)])
        assert reports.fresh(tx, name) is not None


def state(sobject: str, field: str, status: FieldStatus) -> FieldState:
    return FieldState(
        sobject=sobject,
        api_name=field,
        column_name=field.lower(),
        kind="text",
        status=str(status),
        since=datetime(2026, 1, 1, tzinfo=UTC),
    )
