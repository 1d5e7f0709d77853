"""Query jobs by the client: each verb, pages that stream, and what a refusal or a cut becomes."""

from __future__ import annotations

import csv
import gzip
import io
from typing import TYPE_CHECKING

import pytest

from emulator.server import Emulator
from salesforce import wire
from salesforce.client import Client
from salesforce.errors import (
    BulkRefused,
    LimitExceeded,
    MalformedQuery,
    NotFound,
    ProtocolError,
    Rejected,
    SalesforceError,
    Unavailable,
)
from salesforce.oauth import AppCredentials
from salesforce.vault import blank
from tests.salesforce.scripted_org import Answer, problem
from tests.salesforce.vaults import MemoryVault

if TYPE_CHECKING:
    from collections.abc import Iterator

JOB = "750RM0000000001YAA"
CASES = "SELECT Id, Subject FROM Case"


@pytest.fixture(scope="module")
def running() -> Iterator[Emulator]:
    with Emulator(cases=600) as emulator:
        yield emulator


@pytest.fixture
def emulator(running: Emulator) -> Iterator[Emulator]:
    manners = running.control("GET", "bulk")
    yield running
    running.clear_faults()
    running.bulk(**manners)


@pytest.fixture
def bulk(emulator: Emulator) -> Iterator[Client]:
    """A client of an org that has Bulk."""
    app = AppCredentials(emulator.client_id, emulator.client_secret, emulator.url)
    with Client(vault=MemoryVault(blank(emulator.refresh_token)), app=app) as client:
        yield client


def finished(client: Client) -> str:
    job = client.create_query_job(CASES, include_deleted=True)
    assert client.query_job(job.id).is_complete
    return job.id


def read(client: Client, job_id: str, **asked) -> tuple[list[list[str]], str | None]:
    with client.query_results(job_id, **asked) as page:
        text = b"".join(page.chunks).decode()
        rows = list(csv.reader(io.StringIO(text, newline="")))[1:]
        assert page.number_of_records == len(rows)
        return rows, page.next_locator


def test_a_job_is_made_watched_read_and_taken_away(emulator, bulk):
    """The figure grows; pages by locators hold every row once; a deleted job is not found."""
    emulator.bulk(polls=1)
    job = bulk.create_query_job(CASES, include_deleted=True)
    assert (job.state, job.is_over, job.object) == ("UploadComplete", False, "Case")
    half, done = bulk.query_job(job.id), bulk.query_job(job.id)
    assert half.number_records_processed < done.number_records_processed
    assert (half.is_over, done.is_complete) == (False, True)
    rows, following = read(bulk, job.id, max_records=250)
    while following:
        more, following = read(bulk, job.id, locator=following, max_records=250)
        rows += more
    count = bulk.query_page("SELECT COUNT() FROM Case", include_deleted=True).total_size
    assert len({row[0] for row in rows}) == len(rows) == count == done.number_records_processed
    bulk.delete_query_job(job.id)
    with pytest.raises(NotFound):
        bulk.query_job(job.id)


def test_a_job_is_aborted(emulator, bulk):
    """And only then over."""
    emulator.bulk(stuck=1)
    job = bulk.create_query_job(CASES, include_deleted=False)
    assert not bulk.query_job(job.id).is_over
    bulk.abort_query_job(job.id)
    assert bulk.query_job(job.id).state == "Aborted"


def test_a_failed_job_says_why(emulator, bulk):
    """In its own words."""
    emulator.bulk(fail=1, fail_message="InternalServerError : retries exhausted")
    job = bulk.query_job(bulk.create_query_job(CASES, include_deleted=False).id)
    assert (job.is_over, job.is_complete) == (True, False)
    assert job.error_message == "InternalServerError : retries exhausted"


def test_pages_to_be_read_in_parallel_are_listed(emulator, bulk):
    """Five at a time, the first without a locator; together they hold every row once."""
    emulator.bulk(page_rows=100)
    job_id = finished(bulk)
    pages = bulk.result_pages(job_id)
    locators = pages.locators
    assert (len(locators), locators[0], pages.done) == (5, None, False)
    while pages.next_url:
        pages = bulk.result_pages(job_id, pages.next_url)
        locators += pages.locators
    assert pages.done
    ids = [row[0] for locator in locators for row in read(bulk, job_id, locator=locator)[0]]
    assert len(ids) == len(set(ids)) == bulk.query_job(job_id).number_records_processed


def test_an_org_that_lists_no_pages_says_not_found(emulator, bulk):
    """The caller follows the locators instead."""
    emulator.bulk(result_pages=False)
    job_id = finished(bulk)
    with pytest.raises(NotFound):
        bulk.result_pages(job_id)


@pytest.mark.parametrize(
    "manners", [{"enabled": False}, {"unsupported": ["Case"]}, {"jobs_left": 0}]
)
def test_what_bulk_refuses_rest_may_read(emulator, bulk, manners):
    """Feature, object, daily allowance: each is told from an error that REST would meet too."""
    emulator.bulk(**manners)
    with pytest.raises(BulkRefused):
        bulk.create_query_job(CASES, include_deleted=True)


def test_compound_fields_are_refused_and_nonsense_is_malformed(bulk):
    """Only the first is worth another try by REST."""
    with pytest.raises(BulkRefused, match="compound"):
        bulk.create_query_job("SELECT BillingAddress FROM Account", include_deleted=True)
    with pytest.raises(MalformedQuery):
        bulk.create_query_job("SELECT Id FORM Case", include_deleted=True)


def test_the_daily_calls_are_no_refusal(emulator, bulk):
    """They are spent for REST as well: wait."""
    bulk.limits()
    emulator.fault(
        match={"path": "/jobs/query"},
        do={"status": 403, "code": "REQUEST_LIMIT_EXCEEDED", "message": "TotalRequests Limit"},
    )
    with pytest.raises(LimitExceeded):
        bulk.create_query_job(CASES, include_deleted=True)


@pytest.mark.parametrize("cut", [200, 2_000])
def test_a_page_that_breaks_off_never_passes_as_whole(emulator, bulk, cut):
    """Its headers were good, its end is missing; the same locator yields it again."""
    job_id = finished(bulk)
    emulator.fault(match={"path": "/results"}, do={"cut": cut})
    with pytest.raises(Unavailable) as caught:
        read(bulk, job_id)
    assert caught.value.code == "REPLY_LOST"
    assert read(bulk, job_id)[0]


def test_a_session_that_ended_is_renewed_before_a_page_streams(emulator, bulk):
    """Once, like every other call."""
    job_id = finished(bulk)
    emulator.expire_sessions()
    assert read(bulk, job_id)[0]


def test_a_job_of_another_version_is_told_by_its_status(emulator, bulk):
    """409: the job has to be made anew."""
    job_id = finished(bulk)
    app = AppCredentials(emulator.client_id, emulator.client_secret, emulator.url)
    vault = MemoryVault(blank(emulator.refresh_token))
    with (
        Client(vault=vault, app=app, api_version="66.0") as older,
        pytest.raises(Rejected) as caught,
        older.query_results(job_id),
    ):
        pass
    assert caught.value.status == 409


def test_each_call_is_admitted_and_counted(emulator):
    """The stream too, with the usage its headers report."""
    app = AppCredentials(emulator.client_id, emulator.client_secret, emulator.url)
    asked, heard = [], []
    vault = MemoryVault(blank(emulator.refresh_token))
    with Client(
        vault=vault, app=app, before_call=asked.append, on_call=lambda *told: heard.append(told)
    ) as client:
        read(client, finished(client))
    assert asked == ["bulk"] * 3
    assert [usage.used for _, usage in heard] == [heard[0][1].used + n for n in range(3)]


def test_a_gate_that_refuses_sends_nothing(emulator, bulk):
    """The stream goes through the same gate."""

    def shut(kind: str) -> None:
        raise LimitExceeded(f"no {kind} now")

    app = AppCredentials(emulator.client_id, emulator.client_secret, emulator.url)
    job_id = finished(bulk)
    before = emulator.requests()["total"]
    vault = MemoryVault(blank(emulator.refresh_token))
    with (
        Client(vault=vault, app=app, before_call=shut) as client,
        pytest.raises(LimitExceeded),
        client.query_results(job_id),
    ):
        pass
    assert emulator.requests()["total"] == before


def test_the_headers_are_there_before_the_body(org, client):
    """The literal null is the end; nothing said about the number is None."""
    org.on("GET", "/results", Answer(200, b'"Id"\n', {"Sforce-Locator": "null"}))
    org.on("GET", "/results", Answer(200, b'"Id"\n', {"Sforce-Locator": "MTAw"}))
    with client.query_results(JOB) as page:
        assert (page.next_locator, page.number_of_records) == (None, None)
    with client.query_results(JOB, locator="a b", max_records=7) as page:
        assert page.next_locator == "MTAw"
        assert b"".join(page.chunks) == b'"Id"\n'
    first, second = org.data_calls()
    assert first.path.endswith(f"/jobs/query/{JOB}/results")
    assert second.path.endswith("/results?locator=a+b&maxRecords=7")
    assert second.headers["accept"] == "text/csv"


@pytest.mark.parametrize("kept", [slice(0, -8), slice(0, 30)])
def test_gzip_without_its_trailer_is_no_whole_page(org, client, kept):
    """A length that agrees proves nothing when a proxy cut the body before."""
    whole = gzip.compress(b'"Id"\n' + b'"500"\n' * 5_000)
    org.on("GET", "/results", Answer(200, whole[kept]))
    with client.query_results(JOB) as page, pytest.raises(ProtocolError, match="trailer"):
        list(unpacked(page.chunks))


def unpacked(chunks: Iterator[bytes]) -> Iterator[bytes]:
    """The scripted org packs what it sends: take the outer layer as the line, test the inner."""
    return wire.inflating(chunks, "gzip")


def test_gzip_may_come_in_several_members(org, client):
    """As a server makes it that packs piece by piece."""
    body = gzip.compress(b'"Id"\n') + gzip.compress(b'"500"\n')
    org.on("GET", "/results", Answer(200, body))
    with client.query_results(JOB) as page:
        assert b"".join(unpacked(page.chunks)) == b'"Id"\n"500"\n'


@pytest.mark.parametrize(
    ("answer", "kind"),
    [
        (problem(404, "NOT_FOUND"), NotFound),
        (problem(400, "INVALIDJOBSTATE"), Rejected),
        (problem(503, "SERVER_UNAVAILABLE"), Unavailable),
        (Answer(502, b"<html>"), Unavailable),
        (Answer(drop=True), Unavailable),
    ],
)
def test_errors_come_as_json_though_csv_was_asked_for(org, client, answer, kind):
    """And are raised before a page is handed out."""
    org.on("GET", "/results", answer)
    with pytest.raises(kind), client.query_results(JOB):
        pytest.fail("there is no page")


@pytest.mark.parametrize(
    "answer",
    [
        problem(404, "NOT_FOUND"),
        problem(405, "METHOD_NOT_ALLOWED"),
        problem(403, "INSUFFICIENT_ACCESS"),
        problem(400, "X", "Max bulk v2 query result size stored (1000000000) kb per 24 hrs has"),
    ],
)
def test_an_org_without_bulk_refuses_in_many_ways(org, client, answer):
    """All of them mean: not by Bulk."""
    org.on("POST", "jobs/query", answer)
    with pytest.raises(BulkRefused):
        client.create_query_job(CASES, include_deleted=True)
    assert org.data_calls()[0].json() == {"operation": "queryAll", "query": CASES}


def test_a_job_bears_whatever_id_the_org_gave_it(org, client):
    """It is an address of the org's own making, no record's id of ours to check."""
    org.on("GET", "jobs/query", Answer(200, {"id": "750x/7", "state": "JobComplete"}))
    assert client.query_job("750x/7").is_complete
    assert org.data_calls()[-1].path.endswith("/jobs/query/750x%2F7")


def test_results_of_an_ingest_may_begin_with_a_byte_order_mark(org, client):
    """It is no part of the first column's name, which is the record's id."""
    for which, cell in (("successfulResults", '"true"'), ("failedResults", '"X:no:--"')):
        name = "sf__Created" if which == "successfulResults" else "sf__Error"
        body = f'\ufeff"sf__Id","{name}","Subject"\n"500000000000001AAA",{cell},"x"\n'
        org.on("GET", which, Answer(200, body.encode()))
    ids = [row.id for row in client.ingest_rows(JOB)]
    assert ids == ["500000000000001AAA"] * 2


def test_the_next_list_is_found_under_either_name(org, client):
    """The guide has both; a list that is not done without one is no end."""
    base = f"/services/data/v67.0/jobs/query/{JOB}"
    links = [{"resultUrl": f"{base}/results"}, {"resultUrl": f"{base}/results?locator=MTA%3D"}]
    following = f"{base}/resultPages?locator=MjA"
    for name in ("nextRecordsUrl", "nextRecordUrl"):
        org.on(
            "GET",
            "resultPages",
            Answer(200, {"resultPages": links, "done": False, name: following}),
        )
        found = client.result_pages(JOB)
        assert (found.locators, found.next_url) == ([None, "MTA="], following)
    org.on("GET", "resultPages", Answer(200, {"resultPages": [], "done": True}))
    assert client.result_pages(JOB, following).done
    assert org.data_calls()[-1].path == following
    org.on("GET", "resultPages", Answer(200, {"resultPages": links, "done": False}))
    with pytest.raises(ProtocolError, match="no next list"):
        client.result_pages(JOB)


def test_a_lost_reply_to_a_job_is_no_doubt(org, client):
    """A job changes nothing: another may be made."""
    org.on("POST", "jobs/query", Answer(drop=True))
    with pytest.raises(SalesforceError) as caught:
        client.create_query_job(CASES, include_deleted=True)
    assert isinstance(caught.value, Unavailable)
    assert not caught.value.outcome_unknown
