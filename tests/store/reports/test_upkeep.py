"""Views and indexes are made when they are missing or other, and only then."""

from uuid import uuid4

import pytest
from sqlalchemy import inspect
from structlog.testing import capture_logs

from store import migrate
from store.engine import Store
from store.errors import StoreError
from store.reports import CATALOG, indexes, views
from tests.store.reports.conftest import Desk


def test_a_view_is_made_anew_when_it_differs(store: Store) -> None:
    """Dropped, or spoilt by hand, it is back after the next start; the others are left alone."""
    spoilt = "CREATE VIEW report_agents_load AS SELECT 1 AS one"
    with store.begin() as tx:
        assert views.refresh(tx) == []
        tx.exec_driver_sql("DROP VIEW report_open_cases")
        tx.exec_driver_sql("DROP VIEW report_agents_load")
        tx.exec_driver_sql(spoilt)
    migrate.upgrade(store)
    with store.read() as tx:
        assert tx.exec_driver_sql("SELECT count(*) FROM report_open_cases").scalar_one() == 0
        assert tx.exec_driver_sql("SELECT count(closed_7) FROM report_agents_load").all() == [(0,)]


def test_views_of_others_are_left_alone(store: Store) -> None:
    """Only what bears our mark is ours to drop."""
    with store.begin() as tx:
        tx.exec_driver_sql("CREATE VIEW report_of_mine AS SELECT 1 AS one")
        views.drop(tx)
        assert len(views.refresh(tx)) == len(CATALOG)
        assert tx.exec_driver_sql("SELECT one FROM report_of_mine").scalar_one() == 1
        tx.exec_driver_sql("DROP VIEW report_of_mine")


STALE = "COMMENT ON VIEW report_open_cases IS 'x [scsync 0000000000000000]'"


def test_what_others_build_on_a_view_keeps_it_as_it_was(postgres_store: Store) -> None:
    """It is named, nothing else waits for it, and once it is gone the view is renewed."""
    store = postgres_store
    with store.begin() as tx:
        tx.exec_driver_sql("CREATE VIEW mine AS SELECT * FROM report_open_cases")
        tx.exec_driver_sql(STALE)
        tx.exec_driver_sql("DROP VIEW report_articles")
    with capture_logs() as lines:
        migrate.upgrade(store)
    with store.read() as tx:
        assert views.outdated(tx) == {"report_open_cases": ["mine"]}
        assert tx.exec_driver_sql("SELECT count(*) FROM mine").scalar_one() == 0
        assert tx.exec_driver_sql("SELECT count(*) FROM report_articles").scalar_one() == 0
    told = [line for line in lines if line["event"] == "view.kept"]
    assert [(one["view"], one["built_on_it"]) for one in told] == [("report_open_cases", ["mine"])]
    with store.begin() as tx:
        views.drop(tx)
        assert len(views.refresh(tx)) == len(CATALOG) - 1
        tx.exec_driver_sql("DROP VIEW mine")
    migrate.upgrade(store)
    with store.read() as tx:
        assert views.outdated(tx) == {}


def test_a_table_that_cannot_change_names_the_view_in_the_way(postgres_store: Store) -> None:
    """In one sentence, with what to do."""
    said = "waits for mine, built on report_open_cases: drop it"
    with postgres_store.engine.connect() as tx:  # nothing of it is committed
        tx.exec_driver_sql("CREATE VIEW mine AS SELECT * FROM report_open_cases")
        with pytest.raises(StoreError, match=said), views.explained(tx):
            tx.exec_driver_sql("ALTER TABLE cases DROP COLUMN subject")


def test_whoever_may_read_a_view_may_read_the_renewed_one(postgres_store: Store) -> None:
    """By name or as anybody, whether it was renewed alone or with all of them."""
    store, reader = postgres_store, f"reader_{uuid4().hex}"
    may = f"SELECT has_table_privilege('{reader}', 'report_{{}}', 'SELECT')"
    with store.begin() as tx:
        tx.exec_driver_sql(f"CREATE ROLE {reader}")
        tx.exec_driver_sql(f"GRANT SELECT ON report_open_cases TO {reader} WITH GRANT OPTION")
        tx.exec_driver_sql("GRANT SELECT ON report_articles TO PUBLIC")
    try:
        with store.begin() as tx:
            tx.exec_driver_sql(STALE)
            assert views.refresh(tx) == ["report_open_cases"]
            views.refresh(tx, views.drop(tx))
            granted = tx.exec_driver_sql(f"{may.format('open_cases')[:-2]} WITH GRANT OPTION')")
            assert granted.scalar_one() is True
            assert tx.exec_driver_sql(may.format("articles")).scalar_one() is True
            assert tx.exec_driver_sql(may.format("agents_load")).scalar_one() is False
    finally:
        with store.begin() as tx:
            tx.exec_driver_sql(f"DROP OWNED BY {reader}")
            tx.exec_driver_sql(f"DROP ROLE {reader}")


def test_no_index_is_made_before_a_first_load_is_over(store: Store) -> None:
    """Nor while a backfill runs: it would slow down what it waits for."""
    assert indexes.build(store) == []


def test_indexes_are_made_once(desk: Desk) -> None:
    """After the load, by whoever asks first; a second time there is nothing to do."""
    made = indexes.build(desk.store)
    assert "ix_report_cases_open" in made
    assert indexes.build(desk.store) == []
    with desk.store.read() as tx:
        assert indexes.missing(tx) == []


def test_an_index_that_was_left_half_made_is_made_again(postgres_desk: Desk) -> None:
    """As a crash in the middle of CREATE INDEX CONCURRENTLY leaves it."""
    store, name = postgres_desk.store, "ix_report_cases_open"
    indexes.build(store)
    with store.begin() as tx:
        tx.exec_driver_sql(
            f"UPDATE pg_index SET indisvalid = false WHERE indexrelid = '{name}'::regclass"  # noqa: S608
        )
    assert indexes.build(store) == [name]
    assert indexes.build(store) == []


def test_an_index_that_another_took_the_place_of_goes(desk: Desk) -> None:
    """Else every write would pay for what nobody reads."""
    store, old = desk.store, "ix_report_history_unclosed"
    indexes.build(store)
    with store.begin() as tx:
        tx.exec_driver_sql("DROP INDEX ix_report_history_returned")
        tx.exec_driver_sql(f"CREATE INDEX {old} ON record_history (changed_at)")
    assert indexes.build(store) == ["ix_report_history_returned"]
    with store.read() as tx:
        assert old not in {one["name"] for one in inspect(tx).get_indexes("record_history")}


# What each view goes by; `SCAN cases` would read a gigabyte of a million of them.
GOES_BY = {
    "open_cases": {"ix_report_cases_open"},
    "open_cases_by": {"ix_report_cases_open"},
    "cases_by_day": {"ix_report_cases_created_day", "ix_report_cases_closed_day"},
    "open_spells": {
        "ix_report_cases_open",
        "ix_report_cases_closed",
        "ix_report_history_returned",
    },
    "response_times": {"ix_report_cases_closed_month", "ix_report_comments_public"},
    "reopened_escalated": {"ix_report_cases_escalated", "ix_report_history_returned"},
    "milestones": {"ix_report_milestones_open"},
    "milestones_by_month": {"ix_report_milestones_month"},
    "cases_without_entitlement": {"ix_report_cases_open"},
    "service_contracts": {"ix_report_cases_open", "ix_report_cases_contract"},
    "work_orders": {"ix_report_work_orders_open"},
    "work_orders_by": {"ix_report_work_orders_open"},
    "agents_load": {
        "ix_report_cases_open",
        "ix_report_cases_closed",
        "ix_report_work_orders_open",
    },
}


@pytest.mark.parametrize("name", GOES_BY)
def test_sqlite_goes_by_the_indexes_that_were_made_for_it(sqlite_desk: Desk, name: str) -> None:
    """It knows no figures of the tables, and might take another."""
    indexes.build(sqlite_desk.store)
    with sqlite_desk.store.read() as tx:
        steps = tx.exec_driver_sql(f"EXPLAIN QUERY PLAN SELECT * FROM report_{name}").all()  # noqa: S608
    told = [step[-1] for step in steps]
    used = {line.partition(" INDEX ")[2].split()[0] for line in told if " INDEX " in line}
    assert used >= GOES_BY[name], told
    assert not [line for line in told if line in {"SCAN c", "SCAN cases", "SCAN w"}]
