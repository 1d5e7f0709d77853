"""Computed fields: refreshed round by round, the least fresh first, labelled with their age."""

from datetime import timedelta
from typing import Any

import pytest

from models import by_name
from pipelines.budget import Held
from store import records
from tests.pipelines.comparing import differences
from tests.pipelines.reading import Reader

SOBJECT = "Entitlement"


def _forge(reader: Reader) -> None:
    reader.sql("UPDATE entitlements SET status = 'Forged'")


def _forged(reader: Reader) -> int:
    with reader.store.read() as tx:
        query = "SELECT count(*) FROM entitlements WHERE status = 'Forged'"
        return int(tx.exec_driver_sql(query).scalar_one())


def test_a_sweep_brings_what_no_stamp_tells(reader: Reader) -> None:
    """Every row's computed fields are as the org has them, and nothing else was touched."""
    reader.pull(SOBJECT)
    _forge(reader)
    found = reader.refresh(SOBJECT)
    assert (found.is_whole, found.rows, found.written) == (True, found.rows, found.rows)
    assert found.rows == reader.count(SOBJECT) > 0
    assert differences(reader.org, reader.store, SOBJECT) == []
    assert reader.refresh(SOBJECT).written == 0


def test_a_sweep_brings_what_time_alone_changes(reader: Reader) -> None:
    """A promise is broken while nobody writes: no pull tells, no stamp moves."""
    (right,) = reader.org.run(lambda org: org.query_rows("SELECT Id FROM Entitlement LIMIT 1"))
    fields = {"Subject": "Promised", "EntitlementId": right["Id"]}
    case = reader.org.act("create", sobject="Case", fields=fields)
    query = f"SELECT Id FROM CaseMilestone WHERE CaseId = '{case}' ORDER BY TargetDate LIMIT 1"  # noqa: S608
    (promise,) = reader.org.run(lambda org: org.query_rows(query))
    reader.later(10)
    reader.pull("CaseMilestone")
    before = reader.row("CaseMilestone", promise["Id"])
    reader.later(3600)
    reader.pull("CaseMilestone")
    assert not before["is_violated"]
    assert not reader.row("CaseMilestone", promise["Id"])["is_violated"]
    reader.refresh("CaseMilestone")
    after = reader.row("CaseMilestone", promise["Id"])
    assert after["is_violated"]
    assert after["system_modstamp"] == before["system_modstamp"]


def test_a_sweep_brings_what_an_article_counts(sqlite_reader: Reader) -> None:
    """Cases are attached to it without a stamp of its versions."""
    reader = sqlite_reader
    reader.pull("Knowledge__kav")
    reader.sql("UPDATE knowledge_articles SET article_case_attach_count = -1")
    assert reader.refresh("Knowledge__kav").is_whole
    assert differences(reader.org, reader.store, "Knowledge__kav") == []


def test_rounds_go_on_where_the_last_one_ended(reader: Reader) -> None:
    """A few calls at a time, in a circle; the label is the begin of the last whole sweep."""
    reader.pull(SOBJECT)
    _forge(reader)
    total = reader.count(SOBJECT)
    first = reader.refresh(SOBJECT, 1, page_size=10)
    assert (first.calls, first.rows, _forged(reader)) == (1, 10, total - 10)
    mark = reader.mark(SOBJECT)
    began = mark.computed_started_at
    assert (mark.computed_through, began is not None) == (None, True)
    reader.later(100)
    rest = reader.refresh(SOBJECT, page_size=10)
    assert (rest.is_whole, rest.rows, _forged(reader)) == (True, total - 10, 0)
    mark = reader.mark(SOBJECT)
    assert (mark.computed_through, mark.computed_started_at) == (began, None)
    assert mark.computed_position is None
    reader.refresh(SOBJECT, 1, page_size=10)
    assert reader.mark(SOBJECT).computed_through == began


def test_a_crash_loses_no_place(sqlite_reader: Reader, monkeypatch: pytest.MonkeyPatch) -> None:
    """The place moves with the page's rows or not at all."""
    reader = sqlite_reader
    reader.pull(SOBJECT)
    _forge(reader)
    reader.refresh(SOBJECT, 1, page_size=10)
    before = reader.mark(SOBJECT).computed_position

    def crash(*_: Any, **__: Any) -> int:
        raise RuntimeError("killed")

    with monkeypatch.context() as patch:
        patch.setattr(records, "fill", crash)
        with pytest.raises(RuntimeError):
            reader.refresh(SOBJECT, 1, page_size=10)
    assert reader.mark(SOBJECT).computed_position == before
    reader.refresh(SOBJECT, page_size=10)
    assert _forged(reader) == 0


def test_a_row_of_another_stamp_is_left_to_the_pull(sqlite_reader: Reader) -> None:
    """What changed since the pull keeps its old contents together until the pull brings the new."""
    reader = sqlite_reader
    reader.pull(SOBJECT)
    row = reader.org.run(lambda org: org.query_rows("SELECT Id FROM Entitlement LIMIT 1"))[0]
    _forge(reader)
    reader.later(10)
    reader.org.act("update", sobject=SOBJECT, id=row["Id"], fields={"Name": "New"})
    reader.refresh(SOBJECT)
    assert reader.row(SOBJECT, row["Id"])["status"] == "Forged"
    assert _forged(reader) == 1
    reader.pull(SOBJECT)
    assert _forged(reader) == 0


def test_a_page_that_takes_too_long_becomes_smaller(sqlite_reader: Reader) -> None:
    """Formulas are dear: fewer rows a call, and still all of them."""
    reader = sqlite_reader
    reader.pull(SOBJECT)
    _forge(reader)
    late = {"status": 400, "code": "QUERY_TIMEOUT", "message": "Your query request ran too long"}
    reader.org.fault(match={"path": "FROM Entitlement "}, do=late, times=2)
    assert reader.refresh(SOBJECT, page_size=100).is_whole
    assert _forged(reader) == 0


def test_the_budget_stops_a_sweep_where_it_stands(sqlite_reader: Reader) -> None:
    """A call held back ends the round; what was refreshed stays, and so does the place."""
    reader = sqlite_reader
    reader.pull(SOBJECT)
    _forge(reader)
    total = reader.count(SOBJECT)
    left = iter([True, True])

    def gate(kind: str) -> None:
        if kind == "query" and not next(left, False):
            raise Held("no more", code="BUDGET_HELD", retry_after=timedelta(minutes=5))

    reader.client.close()
    reader.client = reader.new_client(before_call=gate)
    with pytest.raises(Held):
        reader.refresh(SOBJECT, page_size=5)
    assert _forged(reader) == total - 10


def test_an_object_without_computed_fields_costs_nothing(sqlite_reader: Reader) -> None:
    """Nothing to refresh is said without a call."""
    reader = sqlite_reader
    reader.pull("CaseComment")
    assert not reader.describes.plan(by_name("CaseComment")).computed
    assert reader.refresh("CaseComment").calls == 0
