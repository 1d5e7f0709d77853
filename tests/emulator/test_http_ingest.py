"""Ingest jobs over HTTP: what they do to rows, and what their files mean."""

from __future__ import annotations

import csv

import pytest
from simple_salesforce import format_soql

from tests.emulator.callers import refusal
from tests.emulator.loading import closed, filled, finished, look, opened, rows, table

OK, BAD, REST = "successfulResults", "failedResults", "unprocessedrecords"


def named(api, sobject, record_id, *fields):
    found = api.get(f"sobjects/{sobject}/{record_id}", params={"fields": ",".join(fields)}).json()
    return [found[field] for field in fields]


@pytest.fixture
def case(api):
    body = {"Subject": "before", "Reason": "Billing", "Sync_Key__c": "k-1"}
    return api.post("sobjects/Case", json=body).json()["id"]


def test_rows_are_inserted_each_for_itself(api):
    """One fails, the job is complete all the same."""
    text = table("Subject,Priority,Severity__c", "one,High,", "two,Low,S9", "three,,S1")
    job = finished(api, text)
    told = look(api, job)
    assert (told["state"], told["jobType"]) == ("JobComplete", "V2Ingest")
    assert (told["numberRecordsProcessed"], told["numberRecordsFailed"]) == (3, 1)
    good, bad = rows(api, job, OK), rows(api, job, BAD)
    assert list(good[0]) == ["sf__Id", "sf__Created", "Subject", "Priority", "Severity__c"]
    assert {row["Subject"] for row in good} == {"one", "three"}
    assert {row["sf__Created"] for row in good} == {"true"}
    assert [(row["sf__Id"], row["Subject"]) for row in bad] == [("", "two")]
    code, words, fields = bad[0]["sf__Error"].split(":", 1)[0], bad[0]["sf__Error"], "--"
    assert code == "INVALID_OR_NULL_FOR_RESTRICTED_PICKLIST"
    assert words.endswith(f":Severity__c {fields}")
    by_subject = {row["Subject"]: row["sf__Id"] for row in good}
    assert named(api, "Case", by_subject["three"], "Subject", "Priority") == ["three", "Medium"]
    assert rows(api, job, REST) == []


def test_an_empty_cell_leaves_and_a_word_clears(api, case):
    """Nothing changes nothing, #N/A is null."""
    text = table("Id,Subject,Reason", f"{case},after,")
    finished(api, text, "update")
    assert named(api, "Case", case, "Subject", "Reason") == ["after", "Billing"]
    job = finished(api, table("Id,Subject,Reason", f"{case},,#N/A"), "update")
    assert named(api, "Case", case, "Subject", "Reason") == ["after", None]
    assert rows(api, job, OK)[0]["sf__Created"] == "false"
    assert rows(api, job, OK)[0]["Reason"] == "#N/A"


def test_an_upsert_tells_which_rows_it_made(api, case):
    """By the key that the job was opened with."""
    text = table("Sync_Key__c,Subject", "k-1,found", "k-2,made", ",nobody")
    job = finished(api, text, "upsert", externalIdFieldName="Sync_Key__c")
    made = {row["Sync_Key__c"]: (row["sf__Created"], row["sf__Id"]) for row in rows(api, job, OK)}
    assert made["k-1"] == ("false", case)
    assert made["k-2"][0] == "true"
    assert rows(api, job, BAD)[0]["sf__Error"].startswith("MISSING_ARGUMENT:Sync_Key__c not")


@pytest.mark.parametrize(("operation", "in_the_bin"), [("delete", 1), ("hardDelete", 0)])
def test_rows_are_deleted_into_the_bin_or_past_it(api, case, operation, in_the_bin):
    """A second time they are gone already."""
    job = finished(api, table("Id", case), operation)
    assert rows(api, job, OK)[0]["sf__Id"] == case
    soql = format_soql("SELECT COUNT() FROM Case WHERE Id = {}", case)
    assert api.get("queryAll", params={"q": soql}).json()["totalSize"] == in_the_bin
    again = rows(api, finished(api, table("Id", case), operation), BAD)
    assert again[0]["sf__Id"] == case
    assert again[0]["sf__Error"].split(":")[0] in {"ENTITY_IS_DELETED", "NOT_FOUND"}


def test_values_are_read_by_their_field_s_type(api, case):
    """Numbers, truths, instants, dates; a value of the wrong type fails its row alone."""
    header = "Id,Refund_Amount__c,IsEscalated,SlaStartDate"
    at = "2026-01-02T03:04:05.000Z"
    finished(api, table(header, f"{case},12.5,TRUE,{at}"), "update")
    fields = ("Refund_Amount__c", "IsEscalated", "SlaStartDate")
    assert named(api, "Case", case, *fields) == [12.5, True, "2026-01-02T03:04:05.000+0000"]
    for cells in ("much,true,", "1,perhaps,", "1,true,soon"):
        bad = rows(api, finished(api, table(header, f"{case},{cells}"), "update"), BAD)
        assert bad[0]["sf__Error"].startswith("INVALID_TYPE_ON_FIELD_IN_RECORD:")


def test_a_parent_is_named_by_its_key(api, case):
    """The header says through which relationship, and by which field."""
    account = {"Name": "Acme", "Sync_Key__c": "a-1"}
    parent = api.post("sobjects/Account", json=account).json()["id"]
    text = table("Id,Account.Sync_Key__c", f"{case},a-1")
    finished(api, text, "update")
    assert named(api, "Case", case, "AccountId") == [parent]
    finished(api, table("Id,Account.Sync_Key__c", f"{case},#N/A"), "update")
    assert named(api, "Case", case, "AccountId") == [None]
    missing = finished(api, table("Id,Account.Sync_Key__c", f"{case},a-2"), "update")
    assert rows(api, missing, BAD)[0]["sf__Error"].startswith("INVALID_FIELD:Foreign key")


@pytest.mark.parametrize(
    ("ending", "end", "name", "delimiter"),
    [("LF", "\n", "COMMA", ","), ("CRLF", "\r\n", "COMMA", ","), ("LF", "\n", "TAB", "\t")],
)
def test_texts_survive_whatever_they_hold(api, ending, end, name, delimiter):
    """Quotes doubled, delimiters and line ends inside quotes; results in the job's own style."""
    subject = 'say "hi",\tthen\nleave'
    quoted = '"' + subject.replace('"', '""') + '"'
    text = f"Subject{delimiter}Origin{end}{quoted}{delimiter}Web{end}"
    job = finished(api, text, lineEnding=ending, columnDelimiter=name)
    (row,) = rows(api, job, OK, delimiter)
    assert row["Subject"] == subject
    assert named(api, "Case", row["sf__Id"], "Subject", "Origin") == [subject, "Web"]
    assert api.get(f"jobs/ingest/{job}/{OK}").text.endswith(end)


def test_results_do_not_come_in_the_order_of_the_upload(api):
    """Whoever counts lines is wrong; all rows are there."""
    subjects = [f"row {n}" for n in range(450)]
    job = finished(api, table("Subject", *subjects))
    found = [row["Subject"] for row in rows(api, job, OK)]
    assert found != subjects
    assert sorted(found) == sorted(subjects)


def test_the_same_row_twice_is_a_mistake_only_within_a_chunk(api, case):
    """Chunks of two hundred are transactions of their own."""
    lines = [f"{case},a", f"{case},b", *(f"{case},c{n}" for n in range(200))]
    job = finished(api, table("Id,Subject", *lines), "update")
    assert {row["Subject"] for row in rows(api, job, OK)} == {"a", "c198"}
    assert rows(api, job, BAD)[0]["sf__Error"].startswith("DUPLICATE_VALUE:")


@pytest.mark.parametrize(
    ("text", "words", "operation"),
    [
        ("Subject,Nope\na,b\n", "InvalidBatch : Field name not found : Nope", "insert"),
        ("Account.Nope\na\n", "InvalidBatch : Field name not found : Account.Nope", "insert"),
        ("\ufeffSubject\na\n", "InvalidBatch : Field name not found : \ufeffSubject", "insert"),
        ('Subject\n"a" b\n', "InvalidBatch : Failed to parse CSV", "insert"),
        ("Subject\na,b\n", "InvalidBatch : Row 1 has 2 columns, not 1", "insert"),
        (f"Subject\n{'x' * 140_000}\n", "InvalidBatch : Failed to parse CSV", "insert"),
        ("Subject\r\na\r\n", "ClientInputError : LineEnding is invalid on user data.", "insert"),
        (b"Subject\n\xff\n", "ClientInputError : The file is not valid UTF-8", "insert"),
        ("Id,Subject\na,b\n", "InvalidBatch : The 'delete' batch must contain only ids", "delete"),
    ],
)
def test_a_file_that_cannot_be_read_fails_the_job(org, api, text, words, operation):
    """No row is touched, all are unprocessed; whatever else of this process reads CSV."""
    csv.field_size_limit(1 << 20)
    before = org.journal()
    job = finished(api, text, operation)
    told = look(api, job)
    assert (told["state"], told["numberRecordsProcessed"]) == ("Failed", 0)
    assert told["errorMessage"].startswith(words)
    assert org.journal() == before
    assert api.get(f"jobs/ingest/{job}/{REST}").content


@pytest.mark.parametrize(
    ("wish", "code"),
    [
        ({"operation": "query"}, "INVALIDJOB"),
        ({"object": "Nope"}, "INVALIDJOB"),
        ({"contentType": "XML"}, "INVALIDJOB"),
        ({"lineEnding": "CR"}, "INVALIDJOB"),
        ({"columnDelimiter": "COLON"}, "INVALIDJOB"),
        ({"operation": "upsert"}, "INVALIDJOB"),
        ({"operation": "upsert", "externalIdFieldName": "Subject"}, "INVALIDJOB"),
    ],
)
def test_a_job_that_could_not_be_run_is_not_opened(api, wish, code):
    """Refused at once."""
    answer = api.post("jobs/ingest", json={"object": "Case", "operation": "insert", **wish})
    assert refusal(answer) == (400, code)
    assert api.get("jobs/ingest").json() == {"done": True, "records": [], "nextRecordsUrl": None}


def test_the_rule_of_a_job_assigns_its_cases(org, api):
    """No header, no default: only the rule that the job names, and only for new rows."""
    rule = org.control("POST", "assignment", {"active": True})
    plain = rows(api, finished(api, table("Subject", "plain")), OK)[0]["sf__Id"]
    job = finished(api, table("Subject", "ruled"), assignmentRuleId=rule["rule_id"])
    ruled = rows(api, job, OK)[0]["sf__Id"]
    assert named(api, "Case", plain, "OwnerId") != [rule["owner"]]
    assert named(api, "Case", ruled, "OwnerId") == [rule["owner"]]


def test_locks_and_duplicates_stop_single_rows(org, api):
    """The second row is held by somebody else, the third exists."""
    org.control("POST", "duplicates", {"sobject": "Contact", "fields": ["Email"]})
    api.post("sobjects/Contact", json={"LastName": "A", "Email": "a@emulated.example"})
    job = opened(api, sobject="Contact").json()["id"]
    lines = ("B,b@emulated.example", "C,c@emulated.example", "D,a@emulated.example")
    filled(api, job, table("LastName,Email", *lines))
    org.fault(match={"method": "PATCH", "path": "/jobs/ingest/"}, do={"lock": [2]})
    closed(api, job)
    look(api, job)
    codes = {row["LastName"]: row["sf__Error"].split(":")[0] for row in rows(api, job, BAD)}
    assert codes == {"C": "UNABLE_TO_LOCK_ROW", "D": "DUPLICATES_DETECTED"}
    assert [row["LastName"] for row in rows(api, job, OK)] == ["B"]
