"""Records of the UI API over HTTP: their shapes, and what it does not serve."""

from __future__ import annotations

import pytest
from simple_salesforce import format_soql

from tests.emulator.callers import refusal


def made(api, sobject="Case", headers=None, **fields):
    body = {"apiName": sobject, "fields": {"Subject": "by the UI API", **fields}}
    return api.post("ui-api/records", json=body, headers=headers)


def test_a_record_is_created_and_shown(api):
    """201, values beside labels, instants that end in Z."""
    answer = made(api, Priority="High")
    record = answer.json()
    assert (answer.status_code, record["apiName"]) == (201, "Case")
    assert record["fields"]["Subject"] == {"displayValue": None, "value": "by the UI API"}
    assert record["fields"]["Priority"] == {"displayValue": "High", "value": "High"}
    row = api.get(f"sobjects/Case/{record['id']}").json()
    assert record["systemModstamp"] == row["SystemModstamp"].replace("+0000", "Z")
    assert record["fields"]["CreatedDate"]["value"].endswith("Z")


def test_a_record_is_read_changed_and_deleted(api):
    """200 with the record, 200 with the record as it is now, 204."""
    record = made(api).json()
    url = f"ui-api/records/{record['id']}"
    assert api.get(url).json() == record
    some = api.get(url, params={"fields": "Case.Subject,Status"}).json()["fields"]
    assert {name: cell["value"] for name, cell in some.items()} == {
        "Subject": "by the UI API",
        "Status": "New",
    }
    changed = api.patch(url, json={"fields": {"Subject": None}})
    assert (changed.status_code, changed.json()["fields"]["Subject"]["value"]) == (200, None)
    assert changed.json()["eTag"] != record["eTag"]
    gone = api.delete(url)
    assert (gone.status_code, gone.content) == (204, b"")
    assert refusal(api.get(url)) == (404, "ENTITY_IS_DELETED")


def test_it_obeys_the_rules_of_rest(api):
    """Errors in the array of all data resources."""
    assert refusal(made(api, Nope=1)) == (400, "INVALID_FIELD")
    assert refusal(made(api, CaseNumber="1")) == (400, "INVALID_FIELD_FOR_INSERT_UPDATE")
    assert refusal(api.post("ui-api/records", json={"fields": {}})) == (400, "MISSING_ARGUMENT")
    url = f"ui-api/records/{made(api).json()['id']}"
    assert refusal(api.patch(url, json={"Subject": "x"})) == (400, "JSON_PARSER_ERROR")
    old = {"If-Unmodified-Since": "Tue, 10 Aug 2015 00:00:00 GMT"}
    assert api.patch(url, json={"fields": {}}, headers=old).status_code == 412


def test_what_a_record_is_refused_for_stands_inside(api):
    """As "Error with Output" has it: outside only that something is wrong."""
    (told,) = made(api, Nope=1).json()
    assert (told["enhancedErrorType"], told["statusCode"]) == ("RecordError", 400)
    assert told["output"]["errors"][0]["errorCode"] == "INVALID_FIELD"
    (told,) = made(api, CaseNumber="1").json()
    (error,) = told["output"]["fieldErrors"]["CaseNumber"]
    assert (error["errorCode"], error["field"]) == ("INVALID_FIELD_FOR_INSERT_UPDATE", "CaseNumber")
    assert "Please try again" in told["message"] != error["message"]


@pytest.mark.parametrize("sobject", ["CaseComment", "CaseMilestone", "Knowledge__kav"])
def test_some_objects_are_not_served(org, api, sobject):
    """Neither their description nor their records, whichever way they are named."""
    words = f"Object {sobject} is not supported in UI API"
    told = api.get(f"ui-api/object-info/{sobject.lower()}")
    assert refusal(told) == (400, "INVALID_TYPE")
    assert told.json()[0]["message"] == words
    assert refusal(made(api, sobject)) == (400, "INVALID_TYPE")
    soql = format_soql("SELECT Id FROM {:literal} LIMIT 1", sobject)
    rows = org.run(lambda inner: inner.query_rows(soql))
    assert refusal(api.get(f"ui-api/records/{rows[0]['Id']}")) == (400, "INVALID_TYPE")
    assert refusal(api.delete(f"ui-api/records/{rows[0]['Id']}")) == (400, "INVALID_TYPE")


def test_what_is_served_can_be_set(org, api):
    """An org may serve more, or less."""
    org.control("POST", "ui", {"unsupported": ["Case"]})
    assert refusal(made(api)) == (400, "INVALID_TYPE")
    assert api.get("ui-api/object-info/CaseComment").status_code == 200


def test_an_object_is_described(api):
    """What may be done with it, what its fields are."""
    info = api.get("ui-api/object-info/case").json()
    assert (info["apiName"], info["createable"], info["nameFields"]) == (
        "Case",
        True,
        ["CaseNumber"],
    )
    assert info["fields"]["Subject"]["updateable"] is True
    assert info["fields"]["AccountId"]["referenceToInfos"] == [{"apiName": "Account"}]
    assert info["fields"]["CaseNumber"]["createable"] is False
    assert refusal(api.get("ui-api/object-info/Nope")) == (400, "INVALID_TYPE")


def test_a_locked_row_refuses_the_write(org, api):
    """Once; a GET meets no lock."""
    record = made(api).json()
    org.fault(match={"path": "/ui-api/records/", "method": "PATCH"}, do={"lock": True})
    url = f"ui-api/records/{record['id']}"
    assert refusal(api.patch(url, json={"fields": {}})) == (400, "UNABLE_TO_LOCK_ROW")
    assert api.patch(url, json={"fields": {}}).status_code == 200
