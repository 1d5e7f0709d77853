"""The life of an ingest job over HTTP: its states, its limits, and how it goes wrong."""

from __future__ import annotations

import httpx
import pytest

from tests.emulator.callers import refusal
from tests.emulator.loading import closed, filled, loaded, look, opened, rows, table

OK, BAD, REST = "successfulResults", "failedResults", "unprocessedrecords"
TEN = table("Subject", *(f"row {n}" for n in range(10)))
STATE = (400, "INVALIDJOBSTATE")


def written(org):
    entries = [one for one in org.journal() if one["api"] and one["sobject"] == "Case"]
    return [(one["transport"], one["fields"]["Subject"]) for one in entries]


def test_a_job_goes_from_one_state_to_the_next(org, api):
    """Open with an address for its data; then complete, in progress with figures, complete."""
    org.ingest(polls=2)
    told = opened(api).json()
    job = told["id"]
    assert (told["state"], told["contentUrl"]) == (
        "Open",
        f"services/data/v67.0/jobs/ingest/{job}/batches",
    )
    assert look(api, job)["state"] == "Open"
    assert filled(api, job, TEN).status_code == 201
    assert closed(api, job).json()["state"] == "UploadComplete"
    looks = [look(api, job) for _ in range(3)]
    assert [one["state"] for one in looks] == ["InProgress", "InProgress", "JobComplete"]
    assert [one["numberRecordsProcessed"] for one in looks] == [3, 6, 10]
    assert "contentUrl" not in looks[0]


def test_rows_are_applied_in_order_when_the_job_is_closed(org, api):
    """Not before, not by and by; the journal names the job."""
    org.ingest(polls=9)
    job = opened(api).json()["id"]
    filled(api, job, TEN)
    assert written(org) == []
    closed(api, job)
    assert written(org) == [(job, f"row {n}") for n in range(10)]


def test_a_job_is_filled_once_and_closed_once(api):
    """Whatever comes out of turn is refused, and changes nothing."""
    job = opened(api).json()["id"]
    assert refusal(closed(api, job)) == STATE
    filled(api, job, TEN)
    again = filled(api, job, TEN)
    assert refusal(again) == STATE
    assert "Found multiple contents for job" in again.json()[0]["message"]
    assert refusal(api.get(f"jobs/ingest/{job}/{OK}")) == STATE
    assert refusal(api.delete(f"jobs/ingest/{job}")) == STATE
    assert refusal(closed(api, job, "JobComplete")) == STATE
    closed(api, job)
    assert refusal(closed(api, job)) == STATE
    assert refusal(filled(api, job, TEN)) == STATE
    assert look(api, job)["numberRecordsProcessed"] == 10
    assert refusal(closed(api, job, "Aborted")) == STATE


def test_a_job_that_fails_half_way_leaves_the_rest_unprocessed(org, api):
    """What was applied stays applied, and says so."""
    org.ingest(fail=1, fail_at=0.4)
    job = loaded(api, TEN)
    told = look(api, job)
    assert (told["state"], told["numberRecordsProcessed"]) == ("Failed", 4)
    assert told["errorMessage"] == "InternalServerError : retries exhausted"
    assert {row["Subject"] for row in rows(api, job, OK)} == {f"row {n}" for n in range(4)}
    rest = rows(api, job, REST)
    assert {row["Subject"] for row in rest} == {f"row {n}" for n in range(4, 10)}
    assert list(rest[0]) == ["Subject"]
    assert len(written(org)) == 4
    assert look(api, loaded(api, TEN))["state"] == "JobComplete"


def test_a_job_that_stands_still_can_be_aborted(org, api):
    """Then it tells which half was done."""
    org.ingest(stuck=1)
    job = loaded(api, TEN)
    looks = [look(api, job) for _ in range(4)]
    assert {(one["state"], one["numberRecordsProcessed"]) for one in looks} == {("InProgress", 5)}
    assert closed(api, job, "Aborted").json()["state"] == "Aborted"
    assert look(api, job)["numberRecordsProcessed"] == 5
    assert (len(rows(api, job, OK)), len(rows(api, job, REST))) == (5, 5)


def test_an_open_job_may_be_given_up(org, api):
    """Nothing was applied, everything is unprocessed; a week later it is forgotten."""
    job = opened(api).json()["id"]
    filled(api, job, TEN)
    assert closed(api, job, "Aborted").json()["state"] == "Aborted"
    assert len(rows(api, job, REST)) == 10
    assert rows(api, job, OK) == rows(api, job, BAD) == []
    assert written(org) == []
    assert [one["id"] for one in api.get("jobs/ingest").json()["records"]] == [job]
    assert api.delete(f"jobs/ingest/{job}").status_code == 204
    assert refusal(api.get(f"jobs/ingest/{job}")) == (404, "NOT_FOUND")
    opened(api)
    org.skew(8 * 86_400)
    assert api.get("jobs/ingest").json()["records"] == []


def test_an_answer_lost_on_closing_leaves_the_job_applied(org, api):
    """A look tells what became of it."""
    job = opened(api).json()["id"]
    filled(api, job, TEN)
    org.fault(match={"method": "PATCH"}, do={"drop": "after"})
    with pytest.raises(httpx.RemoteProtocolError):
        closed(api, job)
    assert refusal(closed(api, job)) == STATE
    assert look(api, job)["state"] == "JobComplete"
    assert len(written(org)) == 10


def test_results_want_the_version_of_the_job(api):
    """409 to whoever upgraded meanwhile; the job itself may be looked at."""
    job = loaded(api, TEN)
    other = str(api.base_url).replace("v67.0", "v66.0")
    assert api.get(f"{other}jobs/ingest/{job}").json()["state"] == "JobComplete"
    for kind in (OK, BAD, REST):
        assert refusal(api.get(f"{other}jobs/ingest/{job}/{kind}")) == (409, "INVALID_API_VERSION")


def test_an_upload_has_a_size_and_a_type(org, api):
    """Measured after base64; 415 for what is no CSV."""
    org.ingest(most_bytes=100)
    job = opened(api).json()["id"]
    assert refusal(filled(api, job, "x" * 76)) == (400, "EXCEEDED_MAX_SIZE_REQUEST")
    json = api.put(f"jobs/ingest/{job}/batches", json={"Subject": "x"})
    assert refusal(json) == (415, "UNSUPPORTED_MEDIA_TYPE")
    assert filled(api, job, "x" * 75).status_code == 201


def test_each_call_of_a_job_counts(org, api):
    """Opening, filling, closing, looking, reading."""
    job = loaded(api, TEN)
    look(api, job)
    rows(api, job, OK)
    counts = org.requests()["counts"]
    names = ("create", "upload", "close", "poll", "results")
    assert [counts[f"ingest.{name}"] for name in names] == [1] * 5
    assert org.limits()["used"] == 5


def test_ingest_may_be_off_exhausted_or_not_for_this_object(org, api):
    """Refused in the words of the API."""
    org.ingest(unsupported=["Case"])
    assert refusal(opened(api)) == (400, "INVALIDENTITY")
    org.ingest(unsupported=[], jobs_left=1, hard_delete=False)
    assert refusal(opened(api, "hardDelete")) == (400, "FEATURENOTENABLED")
    assert opened(api).status_code == 200
    assert refusal(opened(api)) == (400, "LIMIT_EXCEEDED")
    org.ingest(enabled=False, jobs_left=None)
    assert refusal(opened(api)) == (403, "FUNCTIONALITY_NOT_ENABLED")


def test_a_manner_that_does_not_exist_is_refused(org):
    """Rather than silently without effect."""
    with pytest.raises(Exception, match="page_rows"):
        org.ingest(page_rows=1)
