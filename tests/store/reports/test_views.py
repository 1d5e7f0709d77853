"""The views agree with the same figures, reckoned in plain Python from what the org holds."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from itertools import chain
from typing import Any

import pytest

from store import reports
from store.engine import Store
from store.reports import CATALOG
from tests.store.reports.conftest import NAMED_TWICE, Desk
from tests.store.reports.truth import REPORTS, Rows

HALF_A_CENT = 0.006  # averages and sums are rounded, or added in another order


def told(desk: Desk, name: str, *, where: dict[str, str] | None = None, **asked: Any) -> Rows:
    with desk.store.read() as tx:
        columns, rows = reports.rows(tx, name, where=(where or {}).items(), **asked)
    return [dict(zip([one.name for one in columns], row, strict=True)) for row in rows]


def moments(first: datetime, last: datetime) -> Iterator[datetime]:
    """Give one moment of each stretch in which nothing changes: at full seconds, and between."""
    yield first
    full = first.replace(microsecond=0) + timedelta(seconds=1)
    while full <= last:
        yield full
        yield min(full + timedelta(seconds=0.5), last)
        full += timedelta(seconds=1)


def sides(desk: Desk, name: str) -> tuple[Rows, Rows]:
    """Give what the view says, and what it should say: at the moment, if any, at which it agrees.

    It was read at some moment, and how long that takes is the machine's.
    """
    first = datetime.now(UTC)
    found = told(desk, name)
    if name == "open_spells":
        found = [row for row in found if row["id"] not in desk.truth.reopened]
    last = datetime.now(UTC)
    truths = (REPORTS[name](desk.truth, now) for now in moments(first, last))
    truth = next(truths)
    return found, next((one for one in chain([truth], truths) if agree(found, one)), truth)


def agree(found: Rows, truth: Rows) -> bool:
    ours, theirs = in_order(found, truth), in_order(truth, truth)
    return len(ours) == len(theirs) and all(
        [_near(a, b) for a, b in zip(mine, other, strict=True)] == mine
        for mine, other in zip(ours, theirs, strict=True)
    )


def in_order(rows: Rows, truth: Rows) -> list[list[Any]]:
    """Lay rows out by the columns that plain Python can reckon."""
    return sorted(([row[key] for key in truth[0]] for row in rows), key=repr) if truth else []


@pytest.mark.parametrize("name", CATALOG)
def test_a_view_says_what_the_org_holds(desk: Desk, name: str) -> None:
    """Row by row and column by column, whichever of them plain Python can reckon."""
    found, truth = sides(desk, name)
    assert truth, "the org has nothing of the kind: the comparison would be empty"
    never = {key for key in truth[0] if all(row[key] is None for row in truth)}
    assert not never, "of these nothing is proved: none has a value anywhere"
    ours, theirs = in_order(found, truth), in_order(truth, truth)
    assert len(ours) == len(theirs)
    for mine, other in zip(ours, theirs, strict=True):
        assert [_near(a, b) for a, b in zip(mine, other, strict=True)] == mine, (mine, other)


def _near(mine: Any, other: Any) -> Any:
    if isinstance(mine, float) and other is not None and abs(mine - other) < HALF_A_CENT:
        return mine
    return other


@pytest.mark.parametrize("name", CATALOG)
def test_a_view_says_how_fresh_it_is(desk: Desk, name: str) -> None:
    """By the watermark of what it counts, and of several the oldest."""
    with desk.store.read() as tx:
        query = "SELECT sobject, finished_at FROM scsync_watermarks"
        marks = {row[0]: row[1] for row in tx.exec_driver_sql(query)}
    stamps = [marks[source] for source in CATALOG[name].sources]
    oldest = min(datetime.fromisoformat(one) if isinstance(one, str) else one for one in stamps)
    assert {row["fresh_as_of"] for row in told(desk, name)} == {oldest}
    with desk.store.read() as tx:
        assert reports.fresh(tx, name) == oldest


def test_what_was_never_read_is_as_old_as_nothing(store: Store) -> None:
    """An empty report of an empty store is no answer, and says so."""
    with store.begin() as tx:
        assert reports.fresh(tx, "milestones") is None
        mark = "INSERT INTO scsync_watermarks (sobject, finished_at) VALUES ('{}', '{}')"
        tx.exec_driver_sql(mark.format("Case", "2026-01-02T00:00:00.000Z"))
        assert reports.fresh(tx, "milestones") is None
        tx.exec_driver_sql(mark.format("CaseMilestone", "2026-01-01T00:00:00.000Z"))
        assert reports.fresh(tx, "milestones") == datetime(2026, 1, 1, tzinfo=UTC)


def test_two_of_one_name_have_a_row_each(desk: Desk) -> None:
    """And each leads to its own cases alone, by its Id."""
    alike = {"dimension": "account", "value": NAMED_TWICE}
    rows = told(desk, "open_cases_by", where=alike)
    assert len({row["value_id"] for row in rows}) == len(rows) >= 2
    for row in rows:
        cases = told(desk, "open_cases", where={"account_id": row["value_id"]})
        assert (len(cases), {case["account"] for case in cases}) == (row["cases"], {NAMED_TWICE})


def test_tombstones_are_left_out(desk: Desk) -> None:
    """A deleted case is in no view, though its row is in the table."""
    with desk.store.read() as tx:
        query = f"SELECT count(*) FROM cases WHERE id = '{desk.deleted}' AND deleted_at IS NOT NULL"  # noqa: S608
        assert tx.exec_driver_sql(query).scalar_one() == 1
    for name in ("open_cases", "open_spells", "reopened_escalated", "cases_without_entitlement"):
        assert told(desk, name, where={"id": desk.deleted}) == []


def test_states_of_every_kind_are_told(desk: Desk) -> None:
    """The org is such that the comparison above saw them all."""
    states = {"active", "not begun", "expired", "exhausted"}
    assert {row["state"] for row in told(desk, "entitlements")} == states
    reasons = {row["reason"] for row in told(desk, "cases_without_entitlement")}
    assert reasons == {"none", "gone", "not begun", "expired"}
    states = {"on time", "at risk", "violated", "paused"}
    assert {row["state"] for row in told(desk, "milestones")} == states
    assert any(row["served_since"] for row in told(desk, "service_contracts"))
    assert {row["needs"] for row in told(desk, "articles")} >= {"publishing", "review"}


def test_stopping_a_case_mends_no_broken_promise(desk: Desk) -> None:
    """What was over before stays violated; what runs out while the clock stands does not."""
    stopped = [case["Id"] for case in desk.truth.open if case["IsStopped"]]
    rows = [row for row in told(desk, "milestones") if row["case_id"] in stopped]
    assert [row["state"] for row in rows] == ["violated", "paused"]
    assert all(row["minutes_left"] < 0 for row in rows)


def test_a_case_that_came_back_was_open_twice(desk: Desk) -> None:
    """What it was before lies in its history, the first closing included, which nobody saw."""
    first, second = told(desk, "open_spells", where={"id": desk.settled}, order="since")
    closings = [desk.settled_closed_at, desk.truth.cases[desk.settled]["ClosedDate"]]
    assert [first["until"], second["until"]] == closings
    assert first["since"] == desk.truth.cases[desk.settled]["CreatedDate"]
    assert first["until"] < second["since"] <= second["until"]
    (row,) = told(desk, "reopened_escalated", where={"id": desk.returned})
    assert (row["reopened"], row["is_closed"]) == (1, False)
    assert row["reopened_at"] is not None
