"""Windows that are too much for the org are made smaller; ties, clocks and late rows lose nothing."""

from collections.abc import Iterator
from contextlib import closing
from datetime import timedelta
from typing import Any

import pytest

from emulator.server import Emulator
from pipelines import settling
from store.engine import Store
from tests.pipelines.comparing import differences
from tests.pipelines.reading import Reader
from tests.pipelines.relay import relay

TIMEOUT = {"status": 400, "code": "QUERY_TIMEOUT", "message": "Your query request was running"}


@pytest.fixture(scope="module")
def desk() -> Iterator[Emulator]:
    with Emulator(cases=1_000) as org:
        yield org


def test_a_window_that_times_out_is_halved_until_it_works(reader: Reader) -> None:
    """Three timeouts: the window shrinks, every row comes, and the size that worked is kept."""
    reader.org.fault(match={"path": "/queryAll.*FROM Case "}, do=TIMEOUT, times=3)
    result = reader.pull()
    assert (result.outcome, result.rows_read) == ("ok", 1_000)
    assert differences(reader.org, reader.store, "Case") == []
    span = reader.mark().span
    assert span is None or span >= timedelta(days=365).total_seconds()
    assert reader.mark().until is None


def test_a_timeout_amid_the_pages_keeps_those_before(reader: Reader) -> None:
    """What was stored before the timeout is not read again."""
    path = "/queryAll.*FROM Case "
    reader.org.fault(match={"path": path}, do=TIMEOUT, nth=4)
    result = reader.pull(page_size=100)
    assert (result.outcome, result.rows_read) == ("ok", 1_000)
    assert differences(reader.org, reader.store, "Case") == []


def test_the_size_that_worked_is_remembered(reader: Reader) -> None:
    """The next load from the beginning starts with it, and grows where rows are sparse."""
    reader.pull()
    reader.sql(
        "UPDATE scsync_watermarks SET span = {span}", span=timedelta(days=200).total_seconds()
    )
    result = reader.pull(backfill=True)
    assert (result.outcome, result.rows_read) == ("ok", 1_000)
    assert 4 < result.pages < 30


def test_a_second_that_is_too_much_is_read_by_id(sqlite_reader: Reader) -> None:
    """Whatever is ordered by stamp times out: the seconds of the window are read by Id."""
    reader = sqlite_reader
    reader.pull()
    reader.later(30)
    reader.pull()
    flood = reader.org.act("burst", sobject="Case", n=300)
    slow = {"path": "FROM Case .*ORDER BY SystemModstamp"}
    reader.org.fault(match=slow, do=TIMEOUT, every=1)
    result = reader.pull(page_size=100)
    assert (result.outcome, result.rows_written) == ("ok", len(flood))
    reader.org.clear_faults()
    assert differences(reader.org, reader.store, "Case") == []


def test_by_id_pages_shrink_as_well(sqlite_reader: Reader) -> None:
    """A second by Id that times out is asked for in smaller pages."""
    reader = sqlite_reader
    reader.pull()
    reader.later(30)
    reader.pull()
    flood = reader.org.act("burst", sobject="Case", n=120)
    reader.org.fault(match={"path": "FROM Case .*ORDER BY SystemModstamp"}, do=TIMEOUT, every=1)
    reader.org.fault(match={"path": "FROM Case .*ORDER BY Id LIMIT 100"}, do=TIMEOUT, every=1)
    result = reader.pull(page_size=100)
    assert (result.outcome, result.rows_written) == ("ok", len(flood))


def test_what_never_works_ends_with_its_code(sqlite_reader: Reader) -> None:
    """An org that answers nothing in time fails this object, and the place is kept."""
    reader = sqlite_reader
    reader.pull()
    reader.later(30)
    reader.org.fault(match={"path": "FROM Case "}, do=TIMEOUT, every=1)
    result = reader.pull()
    assert (result.outcome, result.error_code) == ("failed", "QUERY_TIMEOUT")
    reader.org.clear_faults()
    assert reader.pull().outcome == "ok"
    assert differences(reader.org, reader.store, "Case") == []


@pytest.mark.parametrize("how", ["no next page", "larger total", "empty", "backwards", "outside"])
def test_an_answer_that_contradicts_itself_is_never_the_end(
    desk: Emulator, store: Store, how: str
) -> None:
    """Asked again it is whole; what stays wrong is an error that names what, and nothing moves."""
    spoilt = iter(range(100))

    def spoil(path: str, document: Any) -> Any:
        if "FROM Case " in path and "ORDER" in path and next(spoilt) < 2:
            rows = document["records"]
            return (
                document
                | {
                    "no next page": {"done": False},
                    "larger total": {"totalSize": 9_999, "records": rows[:150]},
                    "empty": {"records": [], "totalSize": 7},
                    "backwards": {"records": rows[::-1]},
                    "outside": {
                        "records": [rows[0] | {"SystemModstamp": "1960-01-01T00:00:00.000+0000"}]
                    },
                }[how]
            )
        return document

    with relay(desk.url, spoil) as url, closing(Reader(desk, store, login_url=url)) as reader:
        result = reader.pull()
        assert (result.outcome, result.rows_read) == ("ok", 1_000)
        assert differences(desk, store, "Case") == []


def test_an_answer_that_stays_wrong_is_an_error(desk: Emulator, sqlite_store: Store) -> None:
    """`done` is false and there is no next page, every time: not the end, a failure with its name."""

    def spoil(path: str, document: Any) -> Any:
        return document | {"done": False} if "FROM Case " in path else document

    with (
        relay(desk.url, spoil) as url,
        closing(Reader(desk, sqlite_store, login_url=url)) as reader,
    ):
        result = reader.pull()
        assert (result.outcome, result.error_code) == ("failed", "NO_NEXT_PAGE")
        assert reader.mark().since.year == 1970


def test_fifty_thousand_equal_stamps_at_two_hundred_a_page(sqlite_store: Store) -> None:
    """A tie of 250 pages is read whole, each row once."""
    with Emulator(cases=50_000) as org, closing(Reader(org, sqlite_store)) as reader:
        reader.pull()
        reader.later(60)
        reader.pull()
        flood = org.act("burst", sobject="Case", n=50_000)
        result = reader.pull(page_size=200)
        assert (len(flood) > 49_000, result.rows_written) == (True, len(flood))
        assert result.rows_read == len(flood)
        assert result.pages >= len(flood) / 200


def test_late_rows_widen_the_settle_time_and_are_forgotten(reader: Reader) -> None:
    """A row that appears twelve minutes late doubles that as the settle time, for a week.

    Minutes, since a busy machine may take seconds from one line to the next.
    """
    reader.settle = timedelta(minutes=15)
    reader.pull()
    reader.later(3_600)
    reader.pull()
    case = _some_case(reader)
    reader.later(3_600)
    then = [{"act": "update", "sobject": "Case", "id": case, "fields": {"Subject": "Late"}}]
    reader.org.act("hold", seconds=13 * 60, then=then)
    reader.later(12 * 60)
    reader.pull()
    assert reader.mark().lateness is None
    reader.later(2 * 60)
    assert reader.pull().rows_written == 1
    mark = reader.mark()
    assert mark.lateness is not None
    assert 12 * 60 - 1 <= mark.lateness <= 13 * 60
    assert mark.settle == settling.MARGIN * mark.lateness
    assert reader.row("Case", case)["subject"] == "Late"
    reader.later(5 * 3_600)
    reader.pull()
    behind = reader.run().until - timedelta(seconds=1) - reader.mark().since
    assert behind.total_seconds() == pytest.approx(mark.settle, abs=1)
    reader.clock.ahead = settling.REMEMBERED + timedelta(days=1)
    reader.pull()
    assert (reader.mark().lateness, reader.mark().settle) == (None, 900.0)


def _some_case(reader: Reader) -> str:
    query = "SELECT Id FROM Case ORDER BY SystemModstamp LIMIT 1"
    return str(reader.org.run(lambda org: org.query_rows(query))[0]["Id"])


def test_our_own_clock_means_nothing(reader: Reader) -> None:
    """With a clock of ours that is hours off, the same windows are read."""
    reader.clock.ahead = timedelta(hours=-5)
    reader.pull()
    reader.later(60)
    case = _some_case(reader)
    reader.org.act("update", sobject="Case", id=case, fields={"Subject": "Now"})
    assert reader.pull().outcome == "ok"
    assert reader.row("Case", case)["subject"] == "Now"
    assert differences(reader.org, reader.store, "Case") == []
