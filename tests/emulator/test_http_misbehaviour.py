"""An org that times out, loses pages and log lines, hides what it has, changes shape, is replaced."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from simple_salesforce import format_soql

from emulator.server import ControlError, Emulator
from tests.emulator.callers import open_client, refresh

WEEK = (
    "SELECT Id FROM Case WHERE SystemModstamp >= {} AND SystemModstamp < {} ORDER BY Id LIMIT 2000"
)


def asked(api, soql, *, resource="queryAll"):
    return api.get(resource, params={"q": soql})


def code(answer):
    return answer.json()[0]["errorCode"]


def window(**width) -> str:
    until = datetime.now(UTC)
    return format_soql(WEEK, until - timedelta(**width), until)


def cases(org, fields="Id", n=3):
    soql = format_soql("SELECT {:literal} FROM Case LIMIT {}", fields, n)
    return org.run(lambda inner: inner.query_rows(soql))


def iso(at) -> str:
    return at.strftime("%Y-%m-%dT%H:%M:%SZ")


def test_a_query_that_returns_too_much_times_out(org, api):
    """A smaller LIMIT helps; counts go through unless told otherwise."""
    org.control("POST", "query", {"sobject": "Case", "most_rows": 50})
    assert code(asked(api, "SELECT Id FROM Case")) == "QUERY_TIMEOUT"
    assert len(asked(api, "SELECT Id FROM Case LIMIT 50").json()["records"]) == 50
    assert asked(api, "SELECT COUNT() FROM Case").json()["totalSize"] >= 200
    assert asked(api, "SELECT Id FROM Account").status_code == 200
    org.control("POST", "query", {"sobject": "Case", "aggregates_too": True})
    assert code(asked(api, "SELECT COUNT() FROM Case")) == "QUERY_TIMEOUT"


def test_a_query_that_matches_too_much_times_out_whatever_its_limit(org, api):
    """Only other conditions help."""
    org.control("POST", "query", {"sobject": "Case", "most_matching": 50})
    assert code(asked(api, "SELECT Id FROM Case ORDER BY Id LIMIT 1")) == "QUERY_TIMEOUT"
    one = format_soql("SELECT Id FROM Case WHERE Id = {}", cases(org)[0]["Id"])
    assert asked(api, one).status_code == 200


def test_a_window_too_wide_times_out(org, api):
    """In all objects at once; a side left open is wide."""
    org.control("POST", "query", {"widest_window": 86_400})
    assert code(asked(api, window(days=2))) == "QUERY_TIMEOUT"
    assert code(asked(api, "SELECT Id FROM Account LIMIT 1")) == "QUERY_TIMEOUT"
    assert asked(api, window(hours=23)).status_code == 200
    recent = format_soql(
        "SELECT Id FROM Case WHERE SystemModstamp > {}", datetime.now(UTC) - timedelta(hours=1)
    )
    assert asked(api, recent).status_code == 200
    assert code(asked(api, recent + " OR IsClosed = true")) == "QUERY_TIMEOUT"


def test_pages_may_be_smaller_than_asked_for(org, api):
    """Even below the smallest that may be asked for; together they are all."""
    total = asked(api, "SELECT COUNT() FROM Case").json()["totalSize"]
    org.control("POST", "query", {"page_rows": 60})
    page = asked(api, "SELECT Id FROM Case").json()
    read = page["records"]
    assert len(read) == 60
    while not page["done"]:
        page = api.get(org.url + page["nextRecordsUrl"]).json()
        read += page["records"]
    assert len({row["Id"] for row in read}) == len(read) == total


def test_an_answer_may_be_altered(org, api):
    """done:false without a next page, a total that is not, records that are missing."""
    soql = "SELECT Id FROM Case"
    org.fault(match={"path": "/queryAll"}, do={"alter": {"done": False, "nextRecordsUrl": None}})
    broken = asked(api, soql).json()
    assert broken["done"] is False
    assert "nextRecordsUrl" not in broken
    org.fault(match={"path": "/queryAll"}, do={"alter": {"totalSize": 7}, "shorten": 5})
    short = asked(api, soql).json()
    assert (short["totalSize"], len(short["records"])) == (7, 5)
    assert asked(api, soql).json()["totalSize"] >= 200


def test_a_cursor_may_die_after_some_pages(org, api):
    """The second next page is refused."""
    org.control("POST", "query", {"page_rows": 60})
    org.fault(
        match={"path": "/query/"},
        nth=2,
        do={"status": 400, "code": "INVALID_QUERY_LOCATOR", "message": "invalid query locator"},
    )
    page = asked(api, "SELECT Id FROM Case").json()
    page = api.get(org.url + page["nextRecordsUrl"]).json()
    assert code(api.get(org.url + page["nextRecordsUrl"])) == "INVALID_QUERY_LOCATOR"


def test_the_delete_log_may_be_purged_and_full(org, api):
    """Earlier starts are refused, the answer says from when on; too many Ids too."""
    gone = [row["Id"] for row in cases(org)]
    for id_ in gone:
        org.act("delete", sobject="Case", id=id_)
    org.skew(120)
    now = datetime.now(UTC)

    def deleted(**ago):
        span = {"start": iso(now - timedelta(**ago)), "end": iso(now + timedelta(minutes=2))}
        return api.get("sobjects/Case/deleted/", params=span)

    assert {row["id"] for row in deleted(days=3).json()["deletedRecords"]} >= set(gone)
    org.control("POST", "deletes", {"most_ids": 2})
    assert code(deleted(days=3)) == "EXCEEDED_ID_LIMIT"
    purged = (now - timedelta(hours=1)).isoformat()
    org.control("POST", "deletes", {"most_ids": 600_000, "purged_before": purged})
    assert code(deleted(days=3)) == "INVALID_REPLICATION_DATE"
    answer = deleted(minutes=30).json()
    assert answer["earliestDateAvailable"] >= purged[:19]
    assert {row["id"] for row in answer["deletedRecords"]} >= set(gone)


def test_records_may_leave_the_users_sight_undeleted(org, api):
    """Gone from queries, counts, reads and getUpdated; back as they were, no stamp moved."""
    row = cases(org, "Id, SystemModstamp")[0]
    one = format_soql("SELECT Id, SystemModstamp FROM Case WHERE Id = {}", row["Id"])
    total = asked(api, "SELECT COUNT() FROM Case").json()["totalSize"]
    org.control("POST", "sharing", {"hide": [row["Id"]]})
    assert asked(api, one).json()["records"] == []
    assert asked(api, "SELECT COUNT() FROM Case").json()["totalSize"] == total - 1
    assert api.get(f"sobjects/Case/{row['Id']}").status_code == 404
    body = {"ids": [row["Id"]], "fields": ["Id"]}
    assert api.post("composite/sobjects/Case", json=body).json() == [None]
    org.control("POST", "sharing", {"show": "all"})
    assert asked(api, one).json()["records"][0]["SystemModstamp"] == row["SystemModstamp"]


def test_an_object_may_leave_the_users_sight(org, api):
    """INVALID_TYPE in queries, unknown to describe; then it is back."""
    org.control("POST", "objects", {"hide": "WorkOrder"})
    assert code(asked(api, "SELECT Id FROM WorkOrder")) == "INVALID_TYPE"
    assert api.get("sobjects/WorkOrder/describe").status_code == 404
    assert "WorkOrder" not in {one["name"] for one in api.get("sobjects").json()["sobjects"]}
    org.control("POST", "objects", {"show": "WorkOrder"})
    assert asked(api, "SELECT Id FROM WorkOrder").json()["totalSize"] > 0


def described(api, name):
    fields = api.get("sobjects/Case/describe").json()["fields"]
    return next((field for field in fields if field["name"] == name), None)


def test_a_field_is_retyped_and_keeps_what_fits(org, api):
    """Text to number: what is none is lost; no stamp moves."""
    org.control(
        "POST",
        "fields",
        {"sobject": "Case", "add": {"name": "Tier__c", "type": "string", "length": 20}},
    )
    rows = cases(org, "Id, SystemModstamp", 2)
    for row, value in zip(rows, ("12", "gold"), strict=True):
        org.act("recompute", sobject="Case", id=row["Id"], fields={"Tier__c": value})
    change = {"name": "Tier__c", "type": "double", "precision": 18, "scale": 2}
    org.control("POST", "fields", {"sobject": "Case", "retype": change})
    assert described(api, "Tier__c")["type"] == "double"
    soql = format_soql(
        "SELECT Tier__c, SystemModstamp FROM Case WHERE Id IN {} ORDER BY Id",
        [row["Id"] for row in rows],
    )
    found = asked(api, soql).json()["records"]
    assert [row["Tier__c"] for row in found] == [12.0, None]
    assert [row["SystemModstamp"] for row in found] == [row["SystemModstamp"] for row in rows]


def test_a_standard_field_is_renamed_with_its_values(org, api, tmp_path):
    """The old name is unknown at once; a file remembers."""
    with Emulator(cases=200, path=str(tmp_path / "org.db")) as kept:
        rename = {"from": "Reason", "to": "Cause__c"}
        before = cases(kept, "Id, Reason", 50)
        kept.control("POST", "fields", {"sobject": "Case", "rename": rename})
        assert [row["Cause__c"] for row in cases(kept, "Cause__c", 50)] == [
            row["Reason"] for row in before
        ]
    with Emulator(cases=200, path=str(tmp_path / "org.db")) as again, open_client(again) as client:
        assert [row["Cause__c"] for row in cases(again, "Cause__c", 50)] == [
            row["Reason"] for row in before
        ]
        assert code(asked(client, "SELECT Reason FROM Case")) == "INVALID_FIELD"
    with pytest.raises(ControlError, match="already"):
        org.control("POST", "fields", {"sobject": "Case", "rename": rename | {"to": "Status"}})
    assert described(api, "Reason")


def test_a_formula_and_a_roll_up_change_without_a_stamp(org, api):
    """The formula is flagged as calculated, the roll-up is not."""
    spec = {
        "name": "Length__c",
        "type": "double",
        "flags": "n",
        "precision": 18,
        "expression": "length({t}.Subject) * 1.0",
    }
    org.control("POST", "fields", {"sobject": "Case", "add": spec})
    assert described(api, "Length__c")["calculated"] is True
    assert described(api, "Status")["calculated"] is False
    row = cases(org, "Id, Subject, Length__c, SystemModstamp")[0]
    assert row["Length__c"] == len(row["Subject"])
    org.skew(60)
    org.act("recompute", sobject="Case", id=row["Id"], fields={"Subject": "four"})
    soql = format_soql("SELECT Length__c, SystemModstamp FROM Case WHERE Id = {}", row["Id"])
    found = asked(api, soql).json()["records"][0]
    assert (found["Length__c"], found["SystemModstamp"]) == (4.0, row["SystemModstamp"])


def test_a_refreshed_sandbox_is_another_org_behind_the_same_address(org, api):
    """Another org Id, other rows, no grant of before; the app is known still."""
    before = org.org.id
    old, spent = refresh(org).json(), org.refresh_token
    told = org.refresh(cases=300)
    assert told["org_id"] == org.org.id != before
    assert asked(api, "SELECT Id FROM Case").status_code == 401
    assert refresh(org, refresh_token=spent).json()["error"] == "invalid_grant"
    new = refresh(org).json()
    assert new["id"].split("/")[-2] == told["org_id"]
    assert new["instance_url"] == old["instance_url"]
    answer = api.get(
        "query",
        params={"q": "SELECT COUNT() FROM Case"},
        headers={"Authorization": f"Bearer {new['access_token']}"},
    )
    assert answer.json()["totalSize"] >= 300
    name = org.run(lambda inner: inner.query_rows("SELECT Id FROM Organization"))[0]["Id"]
    assert name == told["org_id"]


def test_five_queries_in_a_composite_count_as_one_call(org, api):
    """A sixth is refused; aggregates over a window answer as they do alone."""
    soql = "SELECT COUNT(Id) n, MIN(SystemModstamp) a, MAX(SystemModstamp) b FROM Case"
    alone = asked(api, soql).json()["records"]
    used = org.control("GET", "limits")["used"]

    def composite(n):
        parts = [
            {
                "method": "GET",
                "url": f"/services/data/v67.0/queryAll?q={soql.replace(' ', '+')}",
                "referenceId": f"q{number}",
            }
            for number in range(n)
        ]
        return api.post("composite", json={"compositeRequest": parts}).json()

    answers = composite(5)["compositeResponse"]
    assert [answer["body"]["records"] for answer in answers] == [alone] * 5
    assert org.control("GET", "limits")["used"] == used + 1
    assert composite(6)[0]["errorCode"] == "LIMIT_EXCEEDED"
