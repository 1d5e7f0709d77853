"""Backfills in slices: by Bulk or by ranges of Ids, shared, resumed, and never older than before."""

import threading
from collections.abc import Iterator
from contextlib import closing
from datetime import timedelta
from itertools import pairwise
from typing import Any

import pytest
from structlog.testing import capture_logs

from emulator.server import Emulator
from models import by_name
from models.backfill import Backfill
from pipelines import ranges
from pipelines.backfill import Backfiller
from pipelines.pull import Pulled, Stopped
from pipelines.walk import Tally
from store import backfills, findings
from store.engine import Store
from tests.pipelines.comparing import differences
from tests.pipelines.reading import Reader, after_pages

CASES = 1_500
_USUAL: dict[str, Any] = {
    "stuck": 0,
    "fail": 0,
    "page_rows": 50_000,
    "repeat_header": True,
    "result_pages": True,
    "quotes_all": True,
    "wholes_as_decimals": False,
}


@pytest.fixture(scope="module")
def desk() -> Iterator[Emulator]:
    with Emulator(cases=CASES) as org:
        yield org


@pytest.fixture(autouse=True)
def peace(desk: Emulator) -> Iterator[None]:
    """Whatever a test did to the org's Bulk API is undone."""
    yield
    desk.clear_faults()
    desk.bulk(**_USUAL)


def _load(reader: Reader, sobject: str = "Case", *, asked: bool = False, **parts: Any) -> Pulled:
    backfiller = reader.backfiller(**parts)
    return reader.puller(backfiller).pull(by_name(sobject), backfill=asked)


def _state(reader: Reader, sobject: str = "Case") -> Backfill:
    with reader.store.read() as tx:
        found = backfills.get(tx, sobject)
    assert found is not None
    return found


def _findings(reader: Reader) -> list[str]:
    with reader.store.read() as tx:
        return [one.message for one in findings.every(tx) if one.kind == "bulk_refused"]


def test_a_large_first_load_goes_by_bulk(reader: Reader) -> None:
    """One job, its pages loaded, its rows counted, the job cleared away; increments follow."""
    result = _load(reader)
    found = _state(reader)
    assert (result.outcome, result.error_message) == ("ok", None)
    assert (found.state, found.mode, found.job_records) == ("done", "bulk", reader.count())
    assert differences(reader.org, reader.store, "Case") == []
    mark = reader.mark()
    assert found.started_at is not None
    assert mark.since is not None
    assert mark.since <= found.started_at
    reader.later(60)
    case = reader.org.act("create", sobject="Case", fields={"Subject": "New"})
    assert _load(reader).rows_written == 1
    assert reader.row("Case", case)["subject"] == "New"


def test_a_small_object_is_read_by_windows(reader: Reader) -> None:
    """Below the bound no job is made and nothing is planned."""
    assert _load(reader, above=5_000).outcome == "ok"
    with reader.store.read() as tx:
        assert backfills.get(tx, "Case") is None
    assert differences(reader.org, reader.store, "Case") == []


def test_asked_for_again_it_writes_only_what_differs(reader: Reader) -> None:
    """A backfill on request reads everything and leaves alone what is as it was."""
    _load(reader)
    case = str(reader.org.run(lambda org: org.query_rows("SELECT Id FROM Case LIMIT 1"))[0]["Id"])
    reader.sql("UPDATE cases SET subject = 'by hand' WHERE id = '{id}'", id=case)
    result = _load(reader, asked=True)
    assert (result.rows_read >= CASES, result.rows_written) == (True, 1)
    assert reader.row("Case", case)["subject"] != "by hand"


@pytest.mark.parametrize("change", ["update", "delete"])
def test_rows_changed_meanwhile_end_up_newest(reader: Reader, change: str) -> None:
    """A record changed between the job's run and the load of its page keeps the later state."""
    rows = reader.org.run(lambda org: org.query_rows("SELECT Id FROM Case ORDER BY Id LIMIT 50"))
    case = str(rows[0]["Id"])
    backfiller = reader.backfiller()
    plan = reader.describes.plan(by_name("Case"))
    with reader.store.begin() as tx:
        backfills.plan(tx, "Case", "first load", now=reader.clock())
    backfiller._prepared(plan)
    reader.later(10)
    more = {"fields": {"Subject": "Later"}} if change == "update" else {}
    reader.org.act(change, sobject="Case", id=case, **more)
    reader.pull()  # an increment brings the change before the slice is read
    _load(reader, asked=True)
    assert differences(reader.org, reader.store, "Case") == []


@pytest.mark.parametrize(
    ("code", "message"),
    [
        ("FEATURENOTENABLED", "Async API not enabled"),
        ("INVALIDENTITY", "Entity 'Case' is not supported by the Bulk API."),
        ("LIMIT_EXCEEDED", "Max bulk v2 query jobs (10000) per 24 hrs has been reached"),
    ],
)
def test_where_bulk_is_refused_rest_reads_it_and_says_so(
    reader: Reader, code: str, message: str
) -> None:
    """Ranges of Ids by REST, with the reason in the row, in a finding and in the log."""
    do = {"status": 400, "code": code, "message": message}
    reader.org.fault(match={"method": "POST", "path": "/jobs/query"}, do=do)
    assert _load(reader).outcome == "ok"
    found = _state(reader)
    assert (found.mode, message in str(found.mode_reason)) == ("rest", True)
    assert message in _findings(reader)[0]
    assert differences(reader.org, reader.store, "Case") == []


def test_pages_that_are_not_listed_are_read_one_after_the_other(reader: Reader) -> None:
    """Where the org has no list of pages, each page names the next; both ways bring the same."""
    do = {"status": 404, "code": "NOT_FOUND"}
    reader.org.fault(match={"path": "/resultPages"}, do=do, every=1)
    result = _load(reader, page_records=200)
    assert (result.outcome, _state(reader).mode) == ("ok", "chained")
    assert result.pages >= CASES / 200
    assert differences(reader.org, reader.store, "Case") == []


@pytest.mark.parametrize("deed", [{"cut": 3000}, {"drop": "before"}, {"status": 503, "html": True}])
def test_a_page_that_breaks_off_is_read_again(reader: Reader, deed: dict[str, Any]) -> None:
    """A result page cut short, dropped or refused for a moment: nothing of it is kept, it is re-read."""
    reader.org.fault(match={"path": "/results"}, do=deed)
    result = _load(reader)
    assert (result.outcome, result.error_message) == ("ok", None)
    assert differences(reader.org, reader.store, "Case") == []


def test_a_job_that_is_gone_is_replaced(reader: Reader) -> None:
    """Results that vanished with their job: another job reads it all, rows stay."""
    do = {"status": 404, "code": "NOT_FOUND"}
    reader.org.fault(match={"path": "/results"}, do=do)
    assert _load(reader).outcome == "ok"
    assert _state(reader).jobs == 1
    assert differences(reader.org, reader.store, "Case") == []


def test_jobs_that_fail_every_time_give_way_to_rest(reader: Reader) -> None:
    """Three jobs that come to nothing are enough; REST reads it, and the reason is told."""
    do = {"status": 404, "code": "NOT_FOUND"}
    reader.org.fault(match={"path": "/results"}, do=do, every=1)
    assert _load(reader).outcome == "ok"
    found = _state(reader)
    assert (found.mode, "3 Bulk jobs" in str(found.mode_reason)) == ("rest", True)
    assert differences(reader.org, reader.store, "Case") == []


def test_two_workers_share_the_slices_and_read_none_twice(reader: Reader) -> None:
    """What two read together is each row once."""
    with reader.store.begin() as tx:
        backfills.plan(tx, "Case", "test", now=reader.clock())
    tallies: list[int] = []

    def work() -> None:
        tally = Tally()
        _run(reader.backfiller(page_records=100), reader, tally)
        tallies.append(tally.rows_read)

    do = {"status": 404, "code": "NOT_FOUND"}
    reader.org.fault(match={"path": "/resultPages"}, do=do, every=1)
    threads = [threading.Thread(target=work) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sum(tallies) == reader.count() == _state(reader).job_records
    assert differences(reader.org, reader.store, "Case") == []


def _run(backfiller: Backfiller, reader: Reader, tally: Tally) -> None:
    backfiller.run(
        reader.describes.plan(by_name("Case")),
        reason="test",
        tally=tally,
        on_progress=None,
        stopping=lambda: False,
    )


def test_a_stopped_backfill_goes_on_where_it_was(reader: Reader) -> None:
    """Stopped after two slices: the next pull reads only the others."""
    do = {"status": 404, "code": "NOT_FOUND"}
    reader.org.fault(match={"path": "/resultPages"}, do=do, every=1)
    with pytest.raises(Stopped):
        _load(reader, page_records=200, road={"stopping": after_pages(2)})
    before = reader.count()
    assert 200 <= before < CASES
    result = _load(reader, page_records=200)
    assert result.rows_read < CASES - before + 300
    assert differences(reader.org, reader.store, "Case") == []


def test_a_lost_worker_costs_a_slice(reader: Reader) -> None:
    """A slice whose worker died is free after its lease, and read by another."""
    plan = reader.describes.plan(by_name("Case"))
    with reader.store.begin() as tx:
        backfills.plan(tx, "Case", "test", now=reader.clock())
    reader.backfiller()._prepared(plan)
    with reader.store.begin() as tx:
        lost = backfills.take(tx, "Case", owner="dead", now=reader.clock())
    assert lost is not None
    reader.backfiller().join(by_name("Case"))
    assert _state(reader).state == "running"
    reader.clock.ahead = 2 * backfills.LEASE
    reader.backfiller().join(by_name("Case"))
    assert _state(reader).state == "done"
    assert differences(reader.org, reader.store, "Case") == []


def test_a_job_that_stands_still_is_aborted_and_replaced(reader: Reader) -> None:
    """No progress for too long: aborted and deleted, and the next job brings it all."""
    reader.org.bulk(stuck=1)
    result = _load(reader, stuck_after=timedelta(seconds=0.5))
    assert (result.outcome, _state(reader).mode, _state(reader).jobs) == ("ok", "bulk", 1)
    assert differences(reader.org, reader.store, "Case") == []


def test_a_job_that_fails_is_replaced(reader: Reader) -> None:
    """The org gives up on a job: another one is made at once, and the failed one cleared away."""
    reader.org.bulk(fail=1)
    with capture_logs() as lines:
        assert _load(reader).outcome == "ok"
    told = [line for line in lines if line["event"] == "backfill.over_again"]
    assert len(told) == 1, told
    assert (_state(reader).mode, _state(reader).jobs) == ("bulk", 1)
    assert differences(reader.org, reader.store, "Case") == []


@pytest.mark.parametrize(
    "manners",
    [
        {"wholes_as_decimals": True},
        {"repeat_header": False, "result_pages": False, "page_rows": 300},
        {"quotes_all": False},
        {"page_rows": 250},
    ],
    ids=["3.0", "no header", "few quotes", "many pages"],
)
def test_other_manners_bring_the_same_rows(reader: Reader, manners: dict[str, Any]) -> None:
    """Whole numbers as 3.0, pages without a header, quotes or none, many pages: equal rows."""
    reader.org.bulk(**manners)
    assert _load(reader, "CaseMilestone").outcome == "ok"
    assert _load(reader).outcome == "ok"
    assert differences(reader.org, reader.store, "Case") == []


def test_another_backfill_runs_beside_the_increments(reader: Reader) -> None:
    """Planned for an object that was read before: its watermark is left alone."""
    _load(reader)
    reader.later(60)
    reader.pull()
    before = reader.mark()
    with reader.store.begin() as tx:
        backfills.plan(tx, "Case", "new fields: Tier__c", now=reader.clock())
    reader.backfiller().join(by_name("Case"))
    assert (_state(reader).state, reader.mark().since) == ("done", before.since)


def test_ranges_cover_all_ids_once() -> None:
    """Every Id lies in exactly one range, in whatever case its letters are."""
    first, last = "500000000000009AAA", "50000000000Zz0aAAE"[:15]
    found = ranges.between(
        ranges.record_id(ranges.number(first)), ranges.record_id(ranges.number(last)), 7
    )
    assert (len(found), found[0][0], found[-1][1][:15]) == (7, None, last)
    for (_, until), (after, _) in pairwise(found):
        assert until == after
        assert ranges.number(until) > ranges.number(first)


def test_a_store_that_is_empty_of_records_is_no_trouble(store: Store) -> None:
    """An object without any record is read by windows, whatever the bound."""
    with Emulator(cases=200) as org, closing(Reader(org, store)) as reader:
        for row in org.run(lambda inner: inner.query_rows("SELECT Id FROM Asset")):
            org.act("purge", ids=[row["Id"]])
        assert _load(reader, "Asset", above=0).outcome == "ok"
        assert reader.count("Asset") == 0
