"""Conditions and orders are taken by name and by kind, and refused with what there is."""

from datetime import date
from typing import Any

import pytest

from store import reports
from store.reports import BadQuestion
from tests.store.reports.conftest import Desk


def ask(
    desk: Desk, name: str = "open_cases", *, where: dict[str, str] | None = None, **asked: Any
) -> list[dict[str, Any]]:
    with desk.store.read() as tx:
        columns, rows = reports.rows(tx, name, where=(where or {}).items(), **asked)
    return [dict(zip([one.name for one in columns], row, strict=True)) for row in rows]


def lasting(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Leave out what changes by itself: a case may become a day older between two questions."""
    return [{key: row[key] for key in row if not key.startswith("age_")} for row in rows]


def old(rows: list[dict[str, Any]]) -> list[str]:
    return [row["id"] for row in rows if row["age_days"] >= 10 and not row["is_escalated"]]


def test_conditions_choose_as_they_say(desk: Desk) -> None:
    """Text, numbers, flags, instants, days and nothing at all, on both databases."""
    aged = ask(desk)
    every = lasting(aged)

    def chosen(**where: str) -> list[dict[str, Any]]:
        return lasting(ask(desk, where=where))

    assert [row for row in every if row["priority"] == "High"] == chosen(priority="High")
    found = ask(desk, where={"age_days>=": "10", "is_escalated": "false"})
    assert [row["id"] for row in found] in (old(aged), old(ask(desk)))
    moment = every[3]["created_date"]
    assert len(ask(desk, where={"created_date<": moment.isoformat()})) == 3
    assert [row for row in every if row["owner"] is None] == chosen(owner="")
    assert [row for row in every if row["owner"]] == chosen(**{"owner!=": ""})
    days = ask(desk, "cases_by_day", where={"day>=": "2026-01-01"}, order="day")
    assert [row["day"] for row in days] == sorted(row["day"] for row in days)
    assert days[0]["day"] >= date(2026, 1, 1)


def test_conditions_on_one_column_hold_together(desk: Desk) -> None:
    """With one sign as well: each of them leaves rows out, of counts and tallies too."""
    expected = [row for row in ask(desk) if row["status"] not in {"Escalated", "Working"}]
    both = [("status!=", "Escalated"), ("status!=", "Working")]
    with desk.store.read() as tx:
        _, rows = reports.rows(tx, "open_cases", where=both)
        assert [row[0] for row in rows] == [row["id"] for row in expected] != []
        assert reports.count(tx, "open_cases", where=both) == len(expected)
        _, tallied = reports.tally(tx, "open_cases", "status", where=both)
        assert sum(number for _, number in tallied) == len(expected)
        assert (
            reports.count(tx, "open_cases", where=[("status", "Escalated"), ("status", "Closed")])
            == 0
        )


def test_pages_follow_each_other(desk: Desk) -> None:
    """The count is that of all pages."""
    every = lasting(ask(desk, order="priority"))
    assert every == sorted(every, key=lambda row: (row["priority"] or "~", row["id"]))
    with desk.store.read() as tx:
        assert reports.count(tx, "open_cases") == len(every)
    pages = [ask(desk, order="priority", limit=7, offset=7 * n) for n in range(3)]
    assert lasting([row for page in pages for row in page]) == every[:21]


@pytest.mark.parametrize(
    ("asked", "said"),
    [
        ({"where": {"colour": "red"}}, "no column colour: id, case_number"),
        ({"where": {"age_days": "old"}}, "age_days takes a whole number of 64 bits, not 'old'"),
        ({"where": {"age_days": "9" * 20}}, "age_days takes a whole number of 64 bits, not '999"),
        ({"where": {"age_days<": f"-{2**63 + 1}"}}, "age_days takes a whole number of 64 bits"),
        ({"where": {"created_date>=": "0001-01-01T00:00:00+14:00"}}, "an instant with its zone"),
        ({"where": {"created_date<": "9999-12-31T23:59:59-14:00"}}, "an instant with its zone"),
        ({"where": {"subject": "a\0b"}}, "subject takes a text without NUL"),
        ({"name": "response_times", "where": {"average_hours>": "inf"}}, "takes a number"),
        ({"where": {"created_date": "2026-01-01"}}, "an instant with its zone"),
        ({"where": {"is_escalated": "maybe"}}, "true or false"),
        ({"where": {"id; DROP TABLE cases": "x"}}, "is no condition"),
        ({"where": {"age_days>": ""}}, "needs a value"),
        ({"order": "age_days; --"}, "is no order"),
        (
            {"name": "open_spells", "where": {"since<=": "2020-03-01T09:00:00Z"}},
            "open_spells reaches back 100 days, since 2020-03-01 lies before",
        ),
        (
            {"name": "open_spells", "where": {"until>": "2020-03-01T09:00:00Z"}},
            "or for the backlog",
        ),
        ({"name": "closed_cases"}, "there is no report closed_cases: open_cases"),
    ],
)
def test_what_will_not_do_is_refused_by_name(
    sqlite_desk: Desk, asked: dict[str, Any], said: str
) -> None:
    """Nothing of what is asked reaches the database but as a bound value."""
    with pytest.raises(BadQuestion, match=said.replace("'", ".")):
        ask(sqlite_desk, **asked)
