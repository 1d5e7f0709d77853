"""The verbs over real HTTP: what leaves, what comes back, and what happens when it does not."""

import logging
from dataclasses import replace
from datetime import UTC, datetime
from decimal import Decimal

import httpx
import msgspec
import pytest

from salesforce.client import Client
from salesforce.errors import (
    Drifted,
    Duplicate,
    Outdated,
    ProtocolError,
    Rejected,
    RowLocked,
    SalesforceError,
    TooMuch,
    Unavailable,
    Unclear,
)
from salesforce.values import ExternalId, Page, RowResult, Upserted, Usage
from tests.salesforce.scripted_org import Answer, problem

ID = "500000000000001AAA"
NOON = datetime(2026, 1, 2, 12, tzinfo=UTC)
NEXT = "/services/data/v67.0/query/0r8x-2"


class Case(msgspec.Struct):
    Id: str
    Subject: str | None = None


def page(*ids: str, next_url: str | None = None, done: bool | None = None) -> Answer:
    done = next_url is None if done is None else done
    records = [{"attributes": {"type": "Case"}, "Id": each} for each in ids]
    body = {"totalSize": 3, "done": done, "records": records}
    return Answer(200, body | ({"nextRecordsUrl": next_url} if next_url else {}))


def test_pages_are_asked_for_when_they_are_wanted(org, client):
    """A reader who stops early costs no further call."""
    org.on("GET", "query", page("a", "b", next_url=NEXT), page("c"))
    pages = client.query("SELECT Id FROM Case", record=Case)
    assert [case.Id for case in next(pages).records] == ["a", "b"]
    assert len(org.data_calls()) == 1
    assert [case.Id for case in next(pages).records] == ["c"]
    assert org.data_calls()[1].path == NEXT
    assert list(pages) == []


def test_an_unfinished_page_without_a_successor_is_no_end(org, client):
    """Taken as the end, it would move the watermark over rows that were never read."""
    org.on("GET", "query", page("a", done=False))
    with pytest.raises(ProtocolError, match="no next page"):
        client.query_page("SELECT Id FROM Case")


def test_a_page_knows_the_servers_clock(org, client):
    """Watermarks follow the server's time, not ours."""
    org.on(
        "GET", "queryAll", Answer(200, page("a").body, {"Date": "Fri, 02 Jan 2026 12:00:00 GMT"})
    )
    found = client.query_page("SELECT Id FROM Case", include_deleted=True)
    assert found.records == [{"attributes": {"type": "Case"}, "Id": "a"}]
    assert found.total_size == 3
    assert (found.server_time, client.server_time()) == (NOON, NOON)


@pytest.mark.parametrize("text", ["a+b & c=d #1 %41 é/?", "100%", "x'y\\"])
def test_soql_arrives_as_it_was_sent(org, client, text):
    """Plus, percent and hash survive the address."""
    org.on("GET", "query", page())
    client.query_page(text)
    assert httpx.URL(org.url + org.data_calls()[0].path).params["q"] == text


def test_a_query_too_long_for_an_address_travels_in_a_body(org, client):
    """Salesforce refuses addresses of more than 16,384 bytes; composite has no such limit."""
    inner = {"body": page("a").body, "httpHeaders": {}, "httpStatusCode": 200, "referenceId": "x"}
    org.on("POST", "composite", Answer(200, {"compositeResponse": [inner]}))
    soql = "SELECT Id FROM Case WHERE Subject = '" + "x" * 16_000 + "'"
    assert client.query_page(soql, record=Case).records == [Case("a")]
    assert len(org.data_calls()[0].path) < 100


def test_composite_queries_fail_each_for_itself(org, client):
    """One hidden field must not stop four other objects."""
    bad = [{"errorCode": "INVALID_FIELD", "message": "No such column"}]
    parts = [(200, page("a").body), (400, bad)]
    answers = [{"body": body, "httpStatusCode": status} for status, body in parts]
    org.on("POST", "composite", Answer(200, {"compositeResponse": answers}))
    first, second = client.composite_queries(["one", "two"], records=[Case, Case])
    assert isinstance(first, Page)
    assert isinstance(second, Drifted)
    sent = org.data_calls()[0].json()["compositeRequest"]
    assert [each["url"] for each in sent] == [
        f"/services/data/v67.0/query?q={q}" for q in ("one", "two")
    ]


def test_a_field_of_the_wrong_type_names_its_place(org, client):
    """The record's type is a promise; who breaks it is told where, without the value."""
    org.on("GET", "query", Answer(200, {"totalSize": 1, "done": True, "records": [{"Id": 7}]}))
    with pytest.raises(ProtocolError, match=r"records\[0\]|records\[...\]"):
        client.query_page("SELECT Id FROM Case", record=Case)


def test_describe_remembers_when_and_says_nothing_new(org, client):
    """The second look costs a 304."""
    field = {"name": "Subject", "type": "string", "soapType": "xsd:string", "length": 255}
    org.on("GET", "Case/describe", Answer(200, {"name": "Case", "fields": [field]}))
    org.on("GET", "Case/describe", Answer(304))
    described = client.describe("Case")
    assert described.field("subject").length == 255
    assert client.describe("Case", modified_since=NOON) is None
    assert org.data_calls()[1].headers["if-modified-since"] == "Fri, 02 Jan 2026 12:00:00 GMT"
    again = msgspec.json.decode(msgspec.json.encode(described), type=type(described))
    assert again == described


def test_a_create_returns_the_id_and_runs_no_assignment_rules(org, client):
    """A rule would change the owner under us."""
    org.on("POST", "sobjects/Case$", Answer(201, {"id": ID, "success": True, "errors": []}))
    assert client.create("Case", {"Subject": "ä", "Amount__c": Decimal("1.10")}) == ID
    sent = org.data_calls()[0]
    assert sent.body == '{"Subject":"ä","Amount__c":1.10}'.encode()
    assert sent.headers["sforce-auto-assign"] == "FALSE"
    assert sent.headers["sforce-call-options"] == "client=scsync"


def test_an_upsert_quotes_its_key(org, client):
    """A slash in a key is part of the key."""
    org.on("PATCH", "Sync_Key__c", Answer(201, {"id": ID, "success": True, "created": True}))
    key = ExternalId("Sync_Key__c", "a/b c?é")
    assert client.upsert("Case", key, {"Subject": "x"}) == Upserted(ID, created=True)
    assert org.data_calls()[0].path.endswith("/sobjects/Case/Sync_Key__c/a%2Fb%20c%3F%C3%A9")


def test_an_update_may_depend_on_the_record_as_it_was_read(org, client):
    """Salesforce compares with LastModifiedDate, by the second."""
    org.on("PATCH", ID, Answer(204), Answer(412, b""))
    client.update("Case", ID, {"Subject": None}, unmodified_since=NOON)
    with pytest.raises(Outdated):
        client.update("Case", ID, {"Subject": None}, unmodified_since=NOON)
    sent = org.data_calls()[0]
    assert (sent.headers["if-unmodified-since"], sent.body) == (
        "Fri, 02 Jan 2026 12:00:00 GMT",
        b'{"Subject":null}',
    )


def test_each_row_of_a_collection_has_its_own_end(org, client):
    """A locked row must not send its neighbours again."""
    locked = {"statusCode": "UNABLE_TO_LOCK_ROW", "message": "locked", "fields": []}
    body = [{"id": ID, "success": True, "errors": []}, {"success": False, "errors": [locked]}]
    org.on("PATCH", "composite/sobjects$", Answer(200, body))
    good, bad = client.update_many("Case", [(ID, {"Subject": "x"}), (ID, {"Subject": "y"})])
    assert good == RowResult(ID, success=True, created=False)
    assert isinstance(bad.error, RowLocked)
    assert org.data_calls()[0].json() == {
        "allOrNone": False,
        "records": [
            {"attributes": {"type": "Case"}, "id": ID, "Subject": "x"},
            {"attributes": {"type": "Case"}, "id": ID, "Subject": "y"},
        ],
    }


def test_a_collection_answer_with_a_row_missing_is_in_doubt(org, client):
    """Results are matched by their place: one missing would shift all others."""
    org.on("POST", "composite/sobjects", Answer(200, [{"id": ID, "success": True, "errors": []}]))
    with pytest.raises(ProtocolError) as caught:
        client.create_many("Case", [{"Subject": "x"}, {"Subject": "y"}])
    assert caught.value.outcome_unknown


def test_upsert_and_delete_many_speak_their_own_paths(org, client):
    """One type and one key for upserts; ids in the address for deletes."""
    row = {"id": ID, "success": True, "created": True, "errors": []}
    org.on("PATCH", "composite/sobjects/Case/Sync_Key__c$", Answer(200, [row]))
    org.on("DELETE", rf"composite/sobjects\?ids={ID}&allOrNone=false$", Answer(200, [row]))
    (upserted,) = client.upsert_many("Case", "Sync_Key__c", [("k", {"Subject": "x"})])
    (deleted,) = client.delete_many([ID])
    assert (upserted.created, deleted.success) == (True, True)
    assert org.data_calls()[0].json()["records"][0]["Sync_Key__c"] == "k"


def test_records_are_read_in_the_order_of_their_ids(org, client):
    """And the missing are None, not absent."""
    org.on("POST", "composite/sobjects/Case$", Answer(200, [None, {"Id": ID}]))
    assert client.retrieve_many("Case", [ID, ID], ["Id"], Case).records == [None, Case(ID)]


def test_the_delta_feeds_tell_how_far_they_reach(org, client):
    """The next window starts where the server says, not where we asked."""
    stamp = "2026-01-02T12:00:00.000+0000"
    org.on("GET", "updated", Answer(200, {"ids": [ID], "latestDateCovered": stamp}))
    gone = {"id": ID, "deletedDate": stamp}
    body = {"deletedRecords": [gone], "earliestDateAvailable": stamp, "latestDateCovered": stamp}
    org.on("GET", "deleted", Answer(200, body))
    assert client.updated("Case", NOON, NOON).latest_date_covered == NOON
    assert client.deleted("Case", NOON, NOON).deleted_records[0].deleted_date == NOON
    assert "start=2026-01-02T12%3A00%3A00Z" in org.data_calls()[0].path


def test_a_write_whose_reply_is_lost_is_unclear(org, client):
    """It may have been applied: only a look at the org can tell."""
    org.on("POST", "sobjects/Case", Answer(drop=True))
    with pytest.raises(Unclear) as caught:
        client.create("Case", {"Subject": "x"})
    assert caught.value.outcome_unknown
    assert len(org.data_calls()) == 1


def test_a_write_whose_reply_is_cut_is_unclear(org, client):
    """Half an answer is none."""
    body = {"id": ID, "success": True, "errors": []}
    org.on("POST", "sobjects/Case", Answer(201, body, cut=9))
    with pytest.raises(Unclear):
        client.create("Case", {"Subject": "x"})


def test_a_read_whose_reply_is_lost_is_merely_unavailable(org, client):
    """Nothing is in doubt; ask again."""
    org.on("GET", "query", Answer(drop=True), Answer(200, page("a").body, cut=9))
    for _ in range(2):
        with pytest.raises(Unavailable) as caught:
            client.query_page("SELECT Id FROM Case")
        assert not caught.value.outcome_unknown


def test_a_write_that_never_left_is_not_in_doubt(vault, app):
    """No connection, nothing applied: it may simply be sent again."""
    vault.token = type(vault.token)("t", "r", "http://127.0.0.1:1", 1, "", "")
    away = replace(app, login_url="http://127.0.0.1:1")
    with Client(vault=vault, app=away) as client, pytest.raises(Unavailable) as caught:
        client.create("Case", {"Subject": "x"})
    assert not caught.value.outcome_unknown


def test_a_damaged_body_leaves_doubt_about_a_write_only(org, client):
    """Salesforce has answered, but what?"""
    org.on("POST", "sobjects/Case", Answer(201, damaged=True))
    org.on("GET", "limits", Answer(200, damaged=True))
    for call, doubt in ((lambda: client.create("Case", {}), True), (client.limits, False)):
        with pytest.raises(ProtocolError) as caught:
            call()
        assert caught.value.outcome_unknown is doubt


def test_a_good_status_with_a_page_of_html_is_in_doubt_for_a_write(org, client):
    """Maintenance pages come with 200 too."""
    org.on("POST", "sobjects/Case", Answer(200, b"<html>soon</html>"))
    with pytest.raises(ProtocolError, match="a web page came instead of an answer") as caught:
        client.create("Case", {"Subject": "x"})
    assert caught.value.outcome_unknown


def test_usage_is_told_with_the_kind_of_the_call(org, vault, app):
    """Pull and push share one budget, and each wants to know its part."""
    told = []
    org.on("GET", "limits", Answer(200, {}, {"Sforce-Limit-Info": "api-usage=18/15000"}))
    org.on("GET", "limits", problem(403, "REQUEST_LIMIT_EXCEEDED", "TotalRequests Limit exceeded."))
    with Client(
        vault=vault, app=app, on_call=lambda kind, usage: told.append((usage, kind))
    ) as client:
        client.limits()
        with pytest.raises(SalesforceError):
            client.limits()
    assert told == [(Usage(18, 15000), "limits"), (None, "limits")]


@pytest.mark.parametrize(
    "call",
    [
        lambda client: client.delete("Case", ""),
        lambda client: client.delete("Case", "../../x"),
        lambda client: client.update("Case/x", ID, {}),
        lambda client: client.upsert("Case", ExternalId("Sync_Key__c", ".."), {}),
        lambda client: client.upsert("Case", ExternalId("a/b", "x"), {}),
        lambda client: client.create("Case", {"A__c": float("nan")}),
        lambda client: client.create("Case", {"A__c": datetime(2026, 1, 2)}),  # noqa: DTZ001 - the point
        lambda client: client.delete_many(["x"]),
    ],
)
def test_what_would_mean_something_else_is_refused_before_it_is_sent(org, client, call):
    """An empty id is another address, NaN becomes null, local time becomes UTC."""
    with pytest.raises(Rejected):
        call(client)
    assert org.seen == []


@pytest.mark.parametrize("count", [0, 201])
def test_a_collection_has_its_limits(client, count):
    """Salesforce takes two hundred rows; the caller slices."""
    with pytest.raises(ValueError, match="1 to 200"):
        client.delete_many([ID] * count)


def test_errors_of_verbs_are_those_of_the_table(org, client):
    """The address limit and a duplicate, as two examples."""
    org.on("GET", "query", Answer(414, b""))
    org.on("POST", "Case", problem(400, "DUPLICATE_VALUE", f"value on record with id: {ID}"))
    with pytest.raises(TooMuch):
        client.query_page("SELECT Id FROM Case")
    with pytest.raises(Duplicate) as caught:
        client.create("Case", {"Subject": "x"})
    assert caught.value.record_ids == (ID,)


def test_no_secret_is_ever_logged(org, client, caplog):
    """The HTTP library logs addresses and, on request, more."""
    caplog.set_level(logging.DEBUG)
    org.desk.access_token = "00D!other"
    client.limits()
    assert org.desk.refreshes == 1
    assert not [word for word in ("s3cret", "refresh0", "refresh1", "00D!") if word in caplog.text]
