"""History through a pull: a change leaves one row, whatever dies meanwhile."""

from datetime import datetime, timedelta
from typing import Any

import pytest

from emulator.org import Org
from store import reports
from tests.pipelines.reading import Reader


class Killed(BaseException):
    """As sudden as a signal: nothing of ours catches it."""


def changes(reader: Reader, record_id: str) -> list[tuple[Any, ...]]:
    query = (
        "SELECT field, old_value, new_value FROM record_history"  # noqa: S608
        f" WHERE record_id = '{record_id}' ORDER BY id"
    )
    with reader.store.read() as tx:
        return [tuple(row) for row in tx.exec_driver_sql(query)]


def open_case(reader: Reader) -> str:
    """Have somebody ask something, and read it."""
    fields = {"Subject": "Where is it?", "Status": "New"}
    made: str = reader.org.act("create", sobject="Case", fields=fields)
    reader.pull()
    return made


def open_at(reader: Reader, moment: datetime) -> int:
    """Ask as docs/reports.md says."""
    text = moment.isoformat()
    with reader.store.read() as tx:
        return reports.count(tx, "open_spells", where=[("since<=", text), ("until>", text)])


def still_open(org: Org) -> list[dict[str, Any]]:
    return org.query_rows("SELECT Id FROM Case WHERE IsClosed = false")


def org_now(reader: Reader) -> datetime:
    return datetime.fromisoformat(reader.org.control("GET", "health")["now"])


def test_a_pull_that_dies_is_read_again_without_a_second_row(reader: Reader) -> None:
    """Killed within the page, and read once more after the page: the change is told once."""
    case = open_case(reader)
    reader.later(30)
    reader.org.act("update", sobject="Case", id=case, fields={"Status": "Working"})

    def die(*_: Any) -> None:
        raise Killed

    with pytest.raises(Killed):
        reader.pull(on_page=(die,))
    assert changes(reader, case) == []
    reader.clock.ahead = timedelta(minutes=5)  # past the lease of the dead
    assert reader.pull().outcome == "ok"
    assert reader.pull(backfill=True).outcome == "ok"
    assert changes(reader, case) == [("status", "New", "Working")]


def test_how_many_were_open_at_a_moment(reader: Reader) -> None:
    """A case that was closed and came back was open before, closed between, and open after."""
    case, moments, counted = open_case(reader), list[datetime](), list[int]()
    for status in ("Closed", "Working", "Closed"):
        reader.later(3600)
        moments.append(org_now(reader))
        counted.append(len(reader.org.run(still_open)))
        reader.later(60)
        reader.org.act("update", sobject="Case", id=case, fields={"Status": status})
        reader.later(60)
        reader.pull()
    assert counted[0] == counted[1] + 1 == counted[2]
    assert [open_at(reader, moment) for moment in moments] == counted


def test_a_case_that_came_back_and_went_between_two_pulls(reader: Reader) -> None:
    """Its first closing stands, what was counted before stays, and it counts as opened again."""
    case = open_case(reader)
    reader.later(60)
    reader.org.act("update", sobject="Case", id=case, fields={"Status": "Closed"})
    reader.later(3600)
    reader.pull()
    between = org_now(reader)
    counted = open_at(reader, between)
    reader.later(3600)
    for status in ("Working", "Closed", "Working", "Closed"):
        reader.org.act("update", sobject="Case", id=case, fields={"Status": status})
        if status == "Closed":
            reader.later(60)
            reader.pull()
    closings = [new for field, _, new in changes(reader, case) if field == "closed_date"]
    assert len(set(closings)) == 3
    assert open_at(reader, between) == counted
    with reader.store.read() as tx:
        _, spells = reports.rows(tx, "open_spells", where=[("id", case)], order="until")
        _, ((*_, times, last, _),) = reports.rows(tx, "reopened_escalated", where=[("id", case)])
    *_, first, second, third = (datetime.fromisoformat(one) for one in closings)
    ends = [(row[-3], row[-2]) for row in spells]
    assert ends == [(ends[0][0], first), (second, second), (third, third)]
    assert ends[0][0] < first
    assert (times, last) == (2, third)
