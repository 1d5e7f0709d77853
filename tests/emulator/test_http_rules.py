"""Assignment rules, duplicate rules and the journal over HTTP: what the road of a write decides."""

from __future__ import annotations

import uuid

import pytest

from tests.emulator.callers import refusal
from tests.emulator.loading import finished, table

CASE = {"Subject": "whose?"}
MAIL = "a@emulated.example"
AUTO = "Sforce-Auto-Assign"
SAVE = {"Sforce-Duplicate-Rule-Header": "allowSave=true; includeRecordDetails=false"}


def owner(api, record_id):
    return api.get(f"sobjects/Case/{record_id}", params={"fields": "OwnerId"}).json()["OwnerId"]


def owner_of_new(api, headers=None):
    return owner(api, api.post("sobjects/Case", json=CASE, headers=headers).json()["id"])


@pytest.fixture
def rule(org):
    return org.control("POST", "assignment", {"active": True})


def test_no_rule_assigns_until_one_is_active(org, api):
    """Then whoever sends no header has their cases given away."""
    mine = owner_of_new(api)
    rule = org.control("GET", "assignment")
    assert (rule["active"], rule["owner"][:3], rule["rule_id"][:3]) == (False, "00G", "01Q")
    org.control("POST", "assignment", {"active": True})
    assert owner_of_new(api) == rule["owner"] != mine


@pytest.mark.parametrize(("word", "assigns"), [("TRUE", True), ("false", False), ("FALSE", False)])
def test_the_header_decides(api, rule, word, assigns):
    """In any case of its letters."""
    assert (owner_of_new(api, {AUTO: word}) == rule["owner"]) is assigns


def test_an_update_is_assigned_as_well(api, rule):
    """Though the client gave an owner of its own, or none."""
    case = api.post("sobjects/Case", json=CASE, headers={AUTO: "FALSE"}).json()["id"]
    mine, url = owner(api, case), f"sobjects/Case/{case}"
    api.patch(url, json={"Priority": "High"}, headers={AUTO: "FALSE"})
    assert owner(api, case) == mine
    api.patch(url, json={"OwnerId": mine})
    assert owner(api, case) == rule["owner"]


def test_a_rule_named_by_its_id_runs_on_create_alone(org, api, rule):
    """Active or not; the Id of no rule is refused."""
    org.control("POST", "assignment", {"active": False})
    named = {AUTO: rule["rule_id"]}
    case = api.post("sobjects/Case", json=CASE, headers={AUTO: "FALSE"}).json()["id"]
    mine = owner(api, case)
    assert owner_of_new(api, named) == rule["owner"]
    api.patch(f"sobjects/Case/{case}", json={"Priority": "High"}, headers=named)
    assert owner(api, case) == mine
    answer = api.post("sobjects/Case", json=CASE, headers={AUTO: "01Q000000000009"})
    assert refusal(answer) == (400, "INVALID_CROSS_REFERENCE_KEY")


def test_collections_and_composites_read_the_header_too(api, rule):
    """A composite in the headers of its parts, not in its own."""
    records = [{"attributes": {"type": "Case"}, **CASE}] * 2
    for word, assigned in (("FALSE", False), ("TRUE", True)):
        answer = api.post("composite/sobjects", json={"records": records}, headers={AUTO: word})
        owners = {owner(api, result["id"]) for result in answer.json()}
        assert (owners == {rule["owner"]}) is assigned
    part = {"method": "POST", "url": "/services/data/v67.0/sobjects/Case", "body": CASE}
    parts = [
        part | {"referenceId": "quiet", "httpHeaders": {AUTO: "FALSE"}},
        part | {"referenceId": "loud"},
    ]
    answer = api.post("composite", json={"compositeRequest": parts}, headers={AUTO: "FALSE"})
    quiet, loud = [one["body"]["id"] for one in answer.json()["compositeResponse"]]
    assert owner(api, quiet) != rule["owner"] == owner(api, loud)


def test_the_ui_api_assigns_only_when_asked(api, rule):
    """By its own parameter; the header is REST's."""
    body = {"apiName": "Case", "fields": CASE}

    def made(headers=None, **query):
        answer = api.post("ui-api/records", params=query, json=body, headers=headers)
        return owner(api, answer.json()["id"])

    assert made() != rule["owner"]
    assert made({AUTO: "TRUE"}) != rule["owner"]
    assert made({AUTO: "FALSE"}, useDefaultRule="true") == rule["owner"]


def test_people_in_the_org_are_not_assigned(org, api, rule):
    """Nor is somebody unknown given cases."""
    case = org.act("create", sobject="Case", fields=CASE)
    assert owner(api, case) != rule["owner"]
    with pytest.raises(Exception, match="neither a user nor a queue"):
        org.control("POST", "assignment", {"owner": case})


@pytest.fixture
def contact(org, api):
    org.control("POST", "duplicates", {"sobject": "contact", "fields": ["email"]})
    return api.post("sobjects/Contact", json={"LastName": "A", "Email": MAIL}).json()["id"]


def twin(api, headers=None):
    return api.post("sobjects/Contact", json={"LastName": "B", "Email": MAIL}, headers=headers)


def test_a_duplicate_is_refused_with_what_it_equals(api, contact):
    """Under the key that Salesforce misspells."""
    answer = twin(api)
    assert refusal(answer) == (400, "DUPLICATES_DETECTED")
    result = answer.json()[0]["duplicateResut"]
    assert (result["allowSave"], result["duplicateRuleEntityType"]) == (True, "Contact")
    match = result["matchResults"][0]["matchRecords"][0]
    assert match["record"]["Id"] == contact


@pytest.mark.usefixtures("contact")
def test_a_duplicate_is_saved_where_header_and_rule_allow_it(org, api):
    """A rule may block whatever the header says, and be taken away."""
    assert twin(api, SAVE).status_code == 201
    rule = {"sobject": "Contact", "fields": ["Email"], "allow_save": False}
    org.control("POST", "duplicates", rule | {"key": "duplicateResult"})
    refused = twin(api, SAVE)
    assert refusal(refused) == (400, "DUPLICATES_DETECTED")
    assert refused.json()[0]["duplicateResult"]["allowSave"] is False
    assert org.control("DELETE", "duplicates") == []
    assert twin(api).status_code == 201


def test_an_update_may_make_a_duplicate(api, contact):
    """Not one that leaves the compared fields alone, nor a row that is deleted."""
    other = api.post("sobjects/Contact", json={"LastName": "B"}).json()["id"]
    url = f"sobjects/Contact/{other}"
    assert refusal(api.patch(url, json={"Email": MAIL})) == (400, "DUPLICATES_DETECTED")
    assert api.patch(url, json={"Email": MAIL}, headers=SAVE).status_code == 204
    assert api.patch(url, json={"LastName": "C"}).status_code == 204
    for record in (contact, other):
        api.delete(f"sobjects/Contact/{record}")
    assert twin(api).status_code == 201


@pytest.mark.usefixtures("contact")
def test_collections_and_the_ui_api_know_duplicates(api):
    """Row by row; the UI API has words of its own to allow them."""
    row = {"attributes": {"type": "Contact"}, "LastName": "B"}
    records = [row | {"Email": "b@emulated.example"}, row | {"Email": MAIL}]
    good, bad = api.post("composite/sobjects", json={"records": records}).json()
    assert (good["success"], bad["errors"][0]["statusCode"]) == (True, "DUPLICATES_DETECTED")
    assert bad["errors"][0]["duplicateResut"]["matchResults"][0]["size"] == 1
    api.delete(f"sobjects/Contact/{good['id']}")
    saved = api.post("composite/sobjects", json={"records": records}, headers=SAVE).json()
    assert [result["success"] for result in saved] == [True, True]
    body = {"apiName": "Contact", "fields": {"LastName": "C", "Email": MAIL}}
    by_header = api.post("ui-api/records", json=body, headers=SAVE)
    assert refusal(by_header) == (400, "DUPLICATES_DETECTED")
    allowed = api.post("ui-api/records", json=body | {"allowSaveOnDuplicate": True})
    asked = api.post("ui-api/records", params={"allowSaveOnDuplicate": "true"}, json=body)
    assert (allowed.status_code, asked.status_code) == (201, 201)


def test_a_rule_of_nothing_is_refused(org):
    """Unknown fields, unknown settings, no fields."""
    for rule in ({"fields": ["Nope"]}, {"fields": []}, {"fields": ["Email"], "filds": 1}):
        with pytest.raises(Exception, match="INVALID_INPUT"):
            org.control("POST", "duplicates", {"sobject": "Contact", **rule})


def test_the_journal_says_by_which_road_a_write_came(org, api):
    """Object, Id, deed, fields, user and transport of each write, in order."""
    fields = {"Subject": "s"}
    record = {"attributes": {"type": "Case"}, **fields}
    part = {"method": "POST", "url": "/services/data/v67.0/sobjects/Case", "body": fields}
    case = api.post("sobjects/Case", json=fields).json()["id"]
    api.post("composite/sobjects", json={"records": [record]})
    api.post("composite", json={"compositeRequest": [part | {"referenceId": "a"}]})
    key = {"Idempotency-Key": str(uuid.uuid4())}
    for _ in range(2):
        api.post("ui-api/records", json={"apiName": "Case", "fields": fields}, headers=key)
    job = finished(api, table("Subject", "s"))
    org.act("create", sobject="Case", fields=fields)
    gone = finished(api, table("Id", case), "hardDelete")
    entries = [one for one in org.journal() if one["sobject"] == "Case"]
    assert [(one["op"], one["transport"]) for one in entries] == [
        ("create", "single"),
        ("create", "collection"),
        ("create", "composite"),
        ("create", "ui"),
        ("create", job),
        ("create", "org"),
        ("delete", gone),
        ("purge", gone),
    ]
    assert {one["user_id"] for one in entries[:6]} == {org.org.default_user_id}
    assert all(one["fields"] == fields for one in entries[:6])
    assert (entries[0]["id"], entries[-1]["id"]) == (case, case)


def test_what_follows_from_a_write_takes_its_road(org, api):
    """Articles by their actions; a late commit keeps the road it came by."""
    draft = api.post("sobjects/Knowledge__kav", json={"Title": "T", "UrlName": "t-1"}).json()["id"]
    inputs = [{"articleVersionIdList": [draft], "pubAction": "PUBLISH_ARTICLE"}]
    api.post("actions/standard/publishKnowledgeArticles", json={"inputs": inputs})
    case = api.post("sobjects/Case", json={"Subject": "s"}).json()["id"]
    late = {"act": "update", "sobject": "Case", "id": case, "fields": {"Subject": "late"}}
    org.act("hold", seconds=30, then=[late])
    org.skew(31)
    api.post("sobjects/Case", json={"Subject": "meanwhile"})
    roads = {(one["id"], one["op"]): one["transport"] for one in org.journal()}
    assert roads[draft, "create"] == "single"
    assert roads[draft, "update"] == "action"
    assert roads[case, "update"] == "org"
