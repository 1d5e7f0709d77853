"""What a user may not see or do: hidden in describe, refused in queries and in writes."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from simple_salesforce import format_soql

from emulator.server import ControlError, Emulator
from tests.emulator.callers import open_client_of, refusal

AGENT_CASES = "SELECT Id, OwnerId FROM Case"
METADATA = """<?xml version="1.0" encoding="UTF-8"?>
<PermissionSet xmlns="http://soap.sforce.com/2006/04/metadata">
    {fields}
    <label>desk</label>
    <objectPermissions>
        <allowCreate>false</allowCreate><allowDelete>false</allowDelete>
        <allowEdit>{edit}</allowEdit><allowRead>true</allowRead>
        <modifyAllRecords>false</modifyAllRecords><object>{sobject}</object>
        <viewAllRecords>{all_rows}</viewAllRecords>
    </objectPermissions>
    <userPermissions><enabled>true</enabled><name>ApiEnabled</name></userPermissions>
</PermissionSet>
"""
FIELD = "<fieldPermissions><editable>{}</editable><field>{}</field><readable>true</readable></fieldPermissions>"


def metadata(*fields, sobject="Case", edit="true", all_rows="true"):
    named = "".join(FIELD.format(editable, name) for name, editable in fields)
    return METADATA.format(fields=named, sobject=sobject, edit=edit, all_rows=all_rows)


@pytest.fixture(scope="module")
def org():
    with Emulator(cases=200) as emulator:
        yield emulator


@pytest.fixture
def agent(org):
    """An agent who owns cases, to be given rights."""
    agents = org.run(lambda it: it.query_rows("SELECT Id FROM User WHERE IsActive = true"))
    owned = org.run(lambda it: it.query_rows("SELECT OwnerId FROM Case"))
    user_id = min({row["OwnerId"] for row in owned} & {row["Id"] for row in agents})
    name = org.run(lambda it: it.retrieve("User", user_id, ["Username"]))["Username"]

    def stand(**changes):
        org.control("POST", "users", {"username": name, "permission_sets": [], **changes})
        return open_client_of(org, user_id)

    stand.user_id = user_id
    return stand


def count(org, soql):
    return org.run(lambda it: it.query_rows(soql))[0]["n"]


def total(api, soql):
    return api.get("query", params={"q": soql}).json()["totalSize"]


def names(described):
    return {field["name"] for field in described["fields"]}


def test_a_permission_set_shows_exactly_its_objects_and_fields(org, agent):
    """What it does not name is hidden, unless every user with the object sees it."""
    org.control(
        "POST",
        "permission-sets",
        {"xml": metadata(("Case.Subject", "true"), ("Case.Origin", "false"))},
    )
    with agent(profile="Minimum Access - API Only Integrations", permission_sets=["desk"]) as api:
        listed = {one["name"] for one in api.get("sobjects").json()["sobjects"]}
        assert {"Case", "CaseComment", "User"} <= listed
        assert not {"Account", "WorkOrder", "Knowledge__kav"} & listed
        described = api.get("sobjects/Case/describe").json()
        assert {"Id", "CaseNumber", "Status", "OwnerId", "Subject", "Origin"} <= names(described)
        assert not {"Description", "Priority", "Severity__c", "Sync_Key__c"} & names(described)
        flags = {field["name"]: field["updateable"] for field in described["fields"]}
        assert (flags["Subject"], flags["Origin"], described["createable"]) == (True, False, False)
        hidden = api.get("query", params={"q": "SELECT Id, Priority FROM Case"})
        assert refusal(hidden) == (400, "INVALID_FIELD")
        assert (
            refusal(api.get("query", params={"q": "SELECT Id FROM Account"}))[1] == "INVALID_TYPE"
        )
        assert (
            api.get("query", params={"q": AGENT_CASES}).json()["totalSize"]
            == org.run(lambda it: it.query_rows("SELECT COUNT(Id) n FROM Case"))[0]["n"]
        )


def test_what_may_not_be_written_is_refused_row_by_row(org, agent):
    """Objects by INSUFFICIENT_ACCESS, hidden and read-only fields by INVALID_FIELD…"""
    xml = metadata(("Case.Subject", "true"), ("Case.Origin", "false"))
    org.control("POST", "permission-sets", {"xml": xml})
    with agent(profile="Minimum Access - API Only Integrations", permission_sets=["desk"]) as api:
        case = api.get("query", params={"q": f"{AGENT_CASES} LIMIT 1"}).json()["records"][0]["Id"]
        assert api.patch(f"sobjects/Case/{case}", json={"Subject": "seen"}).status_code == 204
        hidden = api.patch(f"sobjects/Case/{case}", json={"Priority": "High"})
        assert refusal(hidden) == (400, "INVALID_FIELD")
        locked = api.patch(f"sobjects/Case/{case}", json={"Origin": "Web"})
        assert refusal(locked) == (400, "INVALID_FIELD_FOR_INSERT_UPDATE")
        assert refusal(api.post("sobjects/Case", json={"Subject": "no"})) == (
            403,
            "INSUFFICIENT_ACCESS_OR_READONLY",
        )
        assert refusal(api.delete(f"sobjects/Case/{case}"))[0] == 403
        rows = {"records": [{"attributes": {"type": "Case"}, "Id": case, "Subject": "again"}]}
        assert api.patch("composite/sobjects", json=rows).json()[0]["success"] is True
    rows["records"][0]["Subject"] = "never"
    with agent(profile="Read Only") as api:
        answer = api.patch("composite/sobjects", json=rows).json()[0]
        assert answer["errors"][0]["statusCode"] == "INSUFFICIENT_ACCESS_OR_READONLY"


def test_without_view_all_data_a_user_sees_its_own_and_its_teams_rows(org, agent):
    """In queries, counts, by Id, in the delta and of what hangs on a row; a queue widens it."""
    owner = agent.user_id
    mine = count(org, format_soql("SELECT COUNT(Id) n FROM Case WHERE OwnerId = {}", owner))
    theirs = format_soql("SELECT Id, OwnerId FROM Case WHERE OwnerId != {}", owner)
    other = org.run(lambda it: it.query_rows(theirs))[0]
    comments = "SELECT COUNT(Id) n FROM CaseComment WHERE Parent.OwnerId = {}"
    said = count(org, format_soql(comments, owner))
    with agent(profile="Standard User") as api:
        seen = api.get("query", params={"q": AGENT_CASES}).json()
        assert seen["totalSize"] == mine > 0
        assert {row["OwnerId"] for row in seen["records"]} == {owner}
        assert total(api, "SELECT COUNT() FROM CaseComment") == said
        assert refusal(api.get(f"sobjects/Case/{other['Id']}")) == (404, "NOT_FOUND")
        closed = api.patch(f"sobjects/Case/{other['Id']}", json={"Subject": "no"})
        assert refusal(closed) == (403, "INSUFFICIENT_ACCESS_OR_READONLY")
        org.act("update", sobject="Case", id=other["Id"], fields={"Subject": "theirs"})
        now = datetime.now(UTC)
        hour = {"start": (now - timedelta(hours=1)).isoformat(), "end": now.isoformat()}
        assert other["Id"] not in api.get("sobjects/Case/updated", params=hour).json()["ids"]
    with agent(profile="Standard User", queues=[other["OwnerId"]]) as api:
        assert total(api, AGENT_CASES) > mine
        assert api.get(f"sobjects/Case/{other['Id']}").status_code == 200
    with agent(profile="System Administrator", queues=[]) as api:
        assert total(api, AGENT_CASES) > mine


def test_a_user_without_the_api_gets_a_session_that_serves_for_nothing(agent):
    """The login succeeds, as Salesforce has it; each call of the data API is refused."""
    with agent(profile="Minimum Access - Salesforce") as api:
        assert refusal(api.get("sobjects")) == (403, "API_DISABLED_FOR_ORG")
        assert refusal(api.get("query", params={"q": AGENT_CASES})) == (403, "API_DISABLED_FOR_ORG")


def test_view_all_data_is_told_to_whoever_asks(agent):
    """As UserPermissionAccess says it of the running user."""
    asked = {"q": "SELECT PermissionsViewAllData FROM UserPermissionAccess LIMIT 1"}
    with agent(profile="Standard User") as api:
        assert (
            api.get("query", params=asked).json()["records"][0]["PermissionsViewAllData"] is False
        )
    with agent(profile="Read Only") as api:
        assert api.get("query", params=asked).json()["records"][0]["PermissionsViewAllData"] is True


def test_whose_rows_a_user_sees_is_told_to_whoever_may_view_setup(agent):
    """Object by object, of profile and permission sets together; else there is no such object."""
    asked = {
        "q": "SELECT SobjectType, PermissionsViewAllRecords FROM ObjectPermissions WHERE ParentId IN "  # noqa: S608
        f"(SELECT PermissionSetId FROM PermissionSetAssignment WHERE AssigneeId = '{agent.user_id}')"
    }
    with agent(profile="Standard User") as api:
        rows = api.get("query", params=asked).json()["records"]
        found = {one["SobjectType"]: one["PermissionsViewAllRecords"] for one in rows}
        assert found["Case"] is False
        assert "CaseComment" not in found
    with agent(profile="Read Only") as api:
        rows = api.get("query", params=asked).json()["records"]
        assert all(one["PermissionsViewAllRecords"] for one in rows)
    with agent(profile="Minimum Access - API Only Integrations") as api:
        assert refusal(api.get("query", params=asked)) == (400, "INVALID_TYPE")


def test_how_an_object_is_shared_is_told_to_everybody(agent):
    """Its own, by its parent, or with all."""
    asked = {
        "q": "SELECT QualifiedApiName, InternalSharingModel FROM EntityDefinition "
        "WHERE QualifiedApiName IN ('Case', 'CaseComment', 'User')"
    }
    with agent(profile="Minimum Access - API Only Integrations") as api:
        rows = api.get("query", params=asked).json()["records"]
    assert {one["QualifiedApiName"]: one["InternalSharingModel"] for one in rows} == {
        "Case": "Private",
        "CaseComment": "ControlledByParent",
        "User": "Read",
    }


@pytest.mark.parametrize(
    ("xml", "words"),
    [
        ("<nothing", "no XML"),
        ("<other/>", "no PermissionSet"),
        (metadata(sobject="Invoice__c"), "no object named Invoice__c"),
        (metadata(("Case.Colour", "true")), "no field named Case.Colour"),
        (metadata(("Case.Status", "true")), "required field: Case.Status"),
        (metadata().replace("<allowRead>true", "<allowRead>false"), "depends on permission"),
        ("<!DOCTYPE x []>" + metadata(), "document type"),
    ],
)
def test_metadata_that_will_not_do_is_refused_whole(org, xml, words):
    """As a deployment is: by the first thing that is wrong."""
    with pytest.raises(ControlError, match=words):
        org.control("POST", "permission-sets", {"xml": xml})


def test_a_frozen_user_is_put_out_at_once(org, agent):
    """The session that was open ends with it."""
    with agent(profile="Read Only") as api:
        assert api.get("limits").status_code == 200
        name = next(u["username"] for u in org.control("GET", "users") if u["id"] == agent.user_id)
        org.control("POST", "users", {"username": name, "frozen": True})
        assert refusal(api.get("limits")) == (401, "INVALID_SESSION_ID")
        org.control("POST", "users", {"username": name, "frozen": False})
