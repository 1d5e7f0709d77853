"""Bulk query jobs over HTTP: their life, their pages, what they refuse, and how they go wrong."""

from __future__ import annotations

import csv
import io

import httpx
import pytest
from simple_salesforce import format_soql

CASES = "SELECT Id, Subject, IsClosed, CreatedDate, ParentId FROM Case"


def made(api, query=CASES, operation="queryAll", **more) -> httpx.Response:
    return api.post("jobs/query", json={"operation": operation, "query": query, **more})


def finished(api, query=CASES, **more) -> str:
    job = made(api, query, **more).json()["id"]
    assert api.get(f"jobs/query/{job}").json()["state"] == "JobComplete"
    return job


def rows(answer: httpx.Response, *, header: bool = True) -> list[list[str]]:
    found = list(csv.reader(io.StringIO(answer.text, newline="")))
    return found[1:] if header else found


def results(api, job, **query) -> httpx.Response:
    return api.get(f"jobs/query/{job}/results", params=query)


def error(answer: httpx.Response) -> tuple[int, str]:
    return answer.status_code, answer.json()[0]["errorCode"]


def test_a_job_goes_from_one_state_to_the_next(org, api):
    """UploadComplete, in progress with a figure that grows, complete with all of them."""
    org.bulk(polls=2)
    answer = made(api)
    assert (answer.status_code, answer.json()["state"]) == (200, "UploadComplete")
    looks = [api.get(f"jobs/query/{answer.json()['id']}").json() for _ in range(3)]
    assert [look["state"] for look in looks] == ["InProgress", "InProgress", "JobComplete"]
    counts = [look["numberRecordsProcessed"] for look in looks]
    assert counts == sorted(set(counts))
    assert counts[-1] == api.get("queryAll?q=SELECT COUNT() FROM Case").json()["totalSize"]
    assert looks[0]["apiVersion"] == 67.0


def test_results_are_as_rest_has_them_in_the_bulk_spelling(api):
    """Instants end in Z, booleans are words, nulls are empty; quotes and line ends survive."""
    subject = 'say "hi",\nthen\r\nleave'
    case = api.post("sobjects/Case", json={"Subject": subject}).json()["id"]
    job = finished(api, CASES + format_soql(" WHERE Id = {}", case))
    answer = results(api, job)
    assert answer.headers["content-type"] == "text/csv"
    assert answer.text.startswith('"Id","Subject","IsClosed","CreatedDate","ParentId"\n')
    ((id_, told, closed, created, parent),) = rows(answer)
    plain = api.get(f"sobjects/Case/{case}").json()
    assert (id_, told, closed, parent) == (case, plain["Subject"], "false", "")
    assert created == plain["CreatedDate"].replace("+0000", "Z")


def test_pages_follow_their_locators_and_may_be_read_again(api):
    """Opaque, stable, `null` at the end; every page has its header and its number of records."""
    job = finished(api)
    whole = rows(results(api, job))
    read, locator, locators = [], None, []
    while locator != "null":
        page = results(api, job, maxRecords=90, **({"locator": locator} if locator else {}))
        read += rows(page)
        assert int(page.headers["sforce-numberofrecords"]) == len(rows(page))
        locator = page.headers["sforce-locator"]
        locators.append(locator)
    assert read == whole
    assert len(locators) == -(-len(whole) // 90)
    again = results(api, job, maxRecords=90, locator=locators[0])
    assert rows(again) == whole[90:180]


def test_pages_are_listed_five_at_a_time_to_be_read_in_parallel(org, api):
    """The list itself has a next one; together they hold every row once."""
    org.bulk(page_rows=30)
    job = finished(api)
    read, lists = [], []
    path = f"{api.base_url.path}jobs/query/{job}/resultPages"
    while path:
        found = api.get(org.url + path).json()
        lists.append(len(found["resultPages"]))
        for link in found["resultPages"]:
            read += rows(api.get(org.url + link["resultUrl"]))
        path = found["nextRecordsUrl"]
        assert found["done"] is (path is None)
    assert lists[0] == 5
    assert sorted(read) == sorted(rows(results(api, job, maxRecords=1000)))


def test_rows_are_as_of_the_run(org, api):
    """A change made after the job ran shows in the next job, not in this one."""
    case = org.run(lambda inner: inner.query_rows("SELECT Id FROM Case LIMIT 1"))[0]["Id"]
    query = format_soql("SELECT Subject FROM Case WHERE Id = {}", case)
    first = finished(api, query)
    org.act("update", sobject="Case", id=case, fields={"Subject": "changed since"})
    second = finished(api, query)
    assert rows(results(api, first)) != [["changed since"]] == rows(results(api, second))


@pytest.mark.parametrize(
    ("query", "words"),
    [
        ("SELECT COUNT(Id) FROM Case", "Aggregate"),
        ("SELECT Status FROM Case GROUP BY Status", "Aggregate"),
        ("SELECT Id FROM Case LIMIT 5 OFFSET 5", "OFFSET"),
        ("SELECT BillingAddress FROM Account", "Selecting compound data not supported"),
        ("SELECT Id, (SELECT Id FROM CaseComments) FROM Case", "Nested"),
        ("SELECT TYPEOF Owner WHEN User THEN Name END FROM Case", "TYPEOF"),
    ],
)
def test_bulk_does_not_run_everything(api, query, words):
    """What REST may answer, Bulk refuses at once."""
    answer = made(api, query)
    assert error(answer) == (400, "FUNCTIONALITY_NOT_ENABLED")
    assert words in answer.json()[0]["message"]


def test_a_query_that_cannot_be_read_makes_no_job(api):
    """Nor one of another operation or another kind of file."""
    assert error(made(api, "SELECT Id FORM Case"))[1] == "MALFORMED_QUERY"
    assert error(made(api, "SELECT Nope FROM Case"))[1] == "INVALID_FIELD"
    assert error(made(api, operation="insert"))[1] == "INVALIDJOB"
    assert error(made(api, contentType="XML"))[1] == "INVALIDJOB"
    assert api.get("jobs/query").json() == {"done": True, "records": [], "nextRecordsUrl": None}


def test_results_want_the_version_of_the_job(api):
    """409 to whoever upgraded meanwhile; the job itself may be looked at."""
    job = finished(api)
    other = str(api.base_url).replace("v67.0", "v66.0")
    assert api.get(f"{other}jobs/query/{job}/results").status_code == 409
    assert api.get(f"{other}jobs/query/{job}").status_code == 200


def test_a_job_is_aborted_deleted_and_forgotten(org, api):
    """Only one under way is aborted, only one that ended is deleted; a week later it is gone."""
    org.bulk(polls=9)
    job = made(api).json()["id"]
    assert error(results(api, job)) == (400, "INVALIDJOBSTATE")
    assert error(api.delete(f"jobs/query/{job}")) == (400, "INVALIDJOBSTATE")
    aborted = api.patch(f"jobs/query/{job}", json={"state": "Aborted"})
    assert aborted.json()["state"] == "Aborted"
    assert error(api.patch(f"jobs/query/{job}", json={"state": "Aborted"}))[0] == 400
    assert api.delete(f"jobs/query/{job}").status_code == 204
    assert error(api.get(f"jobs/query/{job}")) == (404, "NOT_FOUND")
    job = made(api).json()["id"]
    org.skew(8 * 86_400)
    assert api.get("jobs/query").json()["records"] == []
    assert api.get(f"jobs/query/{job}").status_code == 404


def test_each_call_of_a_job_counts(org, api):
    """Making, looking, reading."""
    job = finished(api)
    results(api, job)
    counts = org.requests()["counts"]
    assert (counts["bulk.create"], counts["bulk.poll"], counts["bulk.results"]) == (1, 1, 1)
    assert org.control("GET", "limits")["used"] == 3


def test_a_job_may_fail_or_stand_still(org, api):
    """One of each, then all is well again."""
    org.bulk(fail=1, fail_message="InternalServerError : retries exhausted")
    failed = api.get(f"jobs/query/{made(api).json()['id']}").json()
    assert (failed["state"], failed["errorMessage"]) == (
        "Failed",
        "InternalServerError : retries exhausted",
    )
    org.bulk(stuck=1)
    job = made(api).json()["id"]
    looks = [api.get(f"jobs/query/{job}").json() for _ in range(5)]
    assert {look["state"] for look in looks} == {"InProgress"}
    assert len({look["numberRecordsProcessed"] for look in looks}) == 1
    finished(api)


def test_bulk_may_be_off_exhausted_or_not_for_this_object(org, api):
    """Refused in the words of the API."""
    org.bulk(unsupported=["Case"])
    assert error(made(api)) == (400, "INVALIDENTITY")
    assert "is not supported by the Bulk API" in made(api).json()[0]["message"]
    org.bulk(unsupported=[], jobs_left=1)
    assert made(api).status_code == 200
    assert error(made(api)) == (400, "LIMIT_EXCEEDED")
    org.bulk(enabled=False, jobs_left=None)
    assert error(made(api)) == (403, "FUNCTIONALITY_NOT_ENABLED")


def test_an_org_may_not_list_pages(org, api):
    """Nor does one of an older version."""
    job = finished(api)
    org.bulk(result_pages=False)
    assert api.get(f"jobs/query/{finished(api)}/resultPages").status_code == 404
    assert api.get(f"jobs/query/{job}/resultPages").status_code == 200


def test_a_page_may_break_off(org, api):
    """The length was promised, the rest never came."""
    job = finished(api)
    org.fault(match={"path": "/results"}, do={"cut": 500})
    with pytest.raises(httpx.RemoteProtocolError):
        results(api, job)
    assert results(api, job).status_code == 200


def test_csv_has_its_oddities(org, api):
    """NUL bytes, whole numbers as decimals, bare values, pages without a header."""
    query = "SELECT Id, Name, CasesPerEntitlement FROM Entitlement"
    plain = rows(results(api, finished(api, query)))
    org.bulk(
        with_nuls=True, wholes_as_decimals=True, quotes_all=False, repeat_header=False, page_rows=5
    )
    job = finished(api, query)
    page = results(api, job)
    assert page.text.startswith("Id,Name,CasesPerEntitlement\n")
    assert b"\0" in page.content
    second = results(api, job, locator=page.headers["sforce-locator"])
    odd = rows(page) + rows(second, header=False)
    assert len(odd) == 10
    assert [[cell.replace("\0", "") for cell in row[:2]] for row in odd] == [
        row[:2] for row in plain[:10]
    ]
    assert [row[2] for row in odd] == [f"{row[2]}.0" if row[2] else "" for row in plain[:10]]


def test_a_manner_that_does_not_exist_is_refused(org):
    """Rather than silently without effect."""
    with pytest.raises(Exception, match="stuk"):
        org.bulk(stuk=1)
