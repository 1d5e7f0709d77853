"""`scsync doctor`: what it looks at, and that each trouble has its remedy."""

from typing import Any

import pytest

from emulator.server import Emulator
from tests.cli.conftest import Desk, login


def findings(desk: Desk, code: int) -> dict[str, dict[str, Any]]:
    done = desk.run("doctor", "--json")
    assert done.code == code, done.out + done.err
    return {one["topic"]: one for one in done.document()}


def test_every_topic_is_looked_at(desk: Desk) -> None:
    """On a good day nothing fails, and what cannot be known says where to look."""
    assert desk.run("link").code == 0
    found = findings(desk, 0)
    topics = "broker store reachability app settings scopes PKCE grants clock login actions Case"
    topics += " Knowledge Knowledge__kav"
    assert found["View All Data"]["evidence"] == "the user sees every row"
    assert found["action fields"]["verdict"] == "ok"
    assert [topic for topic in topics.split() if topic not in found] == []
    topics = {"refresh token", "token policy", "token rotation", "View All Data", "API version"}
    assert topics <= found.keys()
    assert {one["verdict"] for one in found.values()} <= {"ok", "warning"}
    assert all(one["remedy"] for one in found.values() if "unknown" in one["evidence"])
    assert found["token rotation"]["evidence"].startswith("off")


def test_rotation_and_the_end_of_a_grant_are_said(bare: Desk) -> None:
    """In doctor as in status, with the verb that helps; five grants are as many as there may be."""
    with Emulator(cases=50, rotation=True) as org:
        bare.settings = login(org) | {"REFRESH_POLICY": "after 10 days"}
        for _ in range(4):
            org.control("POST", "grants", {})
        found = findings(bare, 0)
        assert found["token rotation"]["evidence"].startswith("on")
        assert (found["grants"]["verdict"], "scsync: 5 of 5" in found["grants"]["evidence"]) == (
            "warning",
            True,
        )
        assert (
            found["token policy"]["verdict"],
            "scsync link" in found["token policy"]["evidence"],
        ) == (
            "warning",
            True,
        )
        assert "before long: the grant ends" in bare.run("status").out


MINIMUM = "Minimum Access - API Only Integrations"
ROWS = """<?xml version="1.0" encoding="UTF-8"?>
<PermissionSet xmlns="http://soap.sforce.com/2006/04/metadata">
    <label>rows</label>
    <objectPermissions>
        <allowRead>true</allowRead><object>Case</object><viewAllRecords>true</viewAllRecords>
    </objectPermissions>
    <objectPermissions>
        <allowRead>true</allowRead><object>WorkOrder</object><viewAllRecords>{}</viewAllRecords>
    </objectPermissions>
    <userPermissions><enabled>true</enabled><name>ApiEnabled</name></userPermissions>
    <userPermissions><enabled>{}</enabled><name>ViewSetup</name></userPermissions>
</PermissionSet>"""


def sight(desk: Desk, org: Emulator, *, orders: bool, setup: bool) -> dict[str, Any]:
    """See all cases, and all work orders if so; ask doctor whose rows that leaves out."""
    xml = ROWS.format(str(orders).lower(), str(setup).lower())
    org.control("POST", "permission-sets", {"xml": xml})
    user = {"username": org.username, "profile": MINIMUM, "permission_sets": ["rows"]}
    org.control("POST", "users", user)
    return findings(desk, 0)["View All Data"]


def test_rows_that_sharing_hides_are_told_object_by_object(bare: Desk, own_org: Emulator) -> None:
    """A sync without them ends well, so doctor names the objects, and what opens them."""
    bare.settings = login(own_org) | {"OBJECTS": "User,Case,CaseComment,WorkOrder,Account,Contact"}
    found = sight(bare, own_org, orders=False, setup=True)
    assert found["verdict"] == "warning"
    assert "may not see all of Account, Contact, WorkOrder:" in found["evidence"]
    assert "View All Records" in found["remedy"]
    assert "scsync verify --repair" in found["remedy"]
    bare.settings["OBJECTS"] = "User,Case,CaseComment,CaseMilestone,WorkOrder,WorkOrderLineItem"
    found = sight(bare, own_org, orders=True, setup=True)
    assert (found["verdict"], "sees every row" in found["evidence"]) == ("ok", True)


def test_rows_that_nobody_may_ask_about_are_said_to_be_unknown(
    bare: Desk, own_org: Emulator
) -> None:
    """Without View Setup and Configuration the org keeps it to itself; what is public needs none."""
    bare.settings = login(own_org) | {"OBJECTS": "User,Case"}
    found = sight(bare, own_org, orders=True, setup=False)
    assert found["verdict"] == "warning"
    assert found["evidence"].startswith("unknown")
    assert found["evidence"].endswith("all of Case")
    assert "View Setup and Configuration" in found["remedy"]
    bare.settings["OBJECTS"] = "User"
    assert sight(bare, own_org, orders=True, setup=False)["verdict"] == "ok"


def test_what_was_granted_a_moment_ago_is_seen(bare: Desk, own_org: Emulator) -> None:
    """By doctor, and by a pull that a person starts: nobody waits for what was remembered."""
    bare.settings = login(own_org) | {"OBJECTS": "Case,WorkOrder", "ACTIONS": "list_cases"}
    user = {"username": own_org.username, "profile": MINIMUM, "permission_sets": []}
    own_org.control("POST", "users", user)
    found = findings(bare, 0)
    assert "hides it from this user" in found["Case"]["evidence"]
    assert (found["actions"]["verdict"], bare.run("pull").code) == ("warning", 0)
    sight(bare, own_org, orders=True, setup=False)
    found = findings(bare, 0)
    assert "fields readable" in found["Case"]["evidence"]
    assert found["actions"]["verdict"] == "ok"
    own_org.control("POST", "users", user)
    findings(bare, 0)
    own_org.control("POST", "users", {**user, "permission_sets": ["rows"]})
    assert [one["outcome"] for one in bare.run("pull", "--json").document()] == ["ok", "ok"]


def test_a_dead_grant_needs_a_person(bare: Desk, own_org: Emulator) -> None:
    """Exit 3, why, and the verb that helps; after the link all is well again."""
    bare.settings = login(own_org)
    bare.run("pull", "User")
    own_org.revoke_grants()
    bare.run("pull", "User")
    found = findings(bare, 3)
    assert found["grant"]["verdict"] == "failure"
    assert "revoked" in found["grant"]["evidence"]
    assert "scsync link" in found["grant"]["remedy"]


@pytest.mark.parametrize(
    ("settings", "topic", "said"),
    [
        ({"LOGIN_URL": "http://127.0.0.1:1"}, "reachability", "SCSYNC_LOGIN_URL"),
        ({"CLIENT_SECRET": "of-yesterday"}, "app", "SCSYNC_CLIENT_SECRET"),
        ({"CLIENT_ID": "3MVG9nobody"}, "app", "SCSYNC_CLIENT_ID"),
    ],
)
def test_a_login_that_would_fail_is_told_while_the_session_lives(
    bare: Desk, own_org: Emulator, settings: dict[str, str], topic: str, said: str
) -> None:
    """Every call succeeds until it ends, so that nothing else would tell; it costs no call."""
    bare.settings = login(own_org)
    assert bare.run("pull", "User").code == 0
    bare.settings |= settings
    found = findings(bare, 3)
    assert found["login"]["verdict"] == "ok"
    assert found[topic]["verdict"] == "failure"
    assert said in found[topic]["remedy"]
    assert {one["verdict"] for name, one in found.items() if name != topic} <= {"ok", "warning"}


def test_a_host_that_is_not_salesforces_is_no_login(bare: Desk, own_org: Emulator) -> None:
    """It is there, and answers with a page of its own."""
    bare.settings = login(own_org)
    assert bare.run("pull", "User").code == 0
    own_org.fault(match={"path": "introspect"}, do={"status": 404, "html": True})
    found = findings(bare, 3)["reachability"]
    assert (found["verdict"], "names another host" in found["evidence"]) == ("failure", True)


def test_an_app_that_may_not_introspect_is_said_to_be_unknown(
    bare: Desk, own_org: Emulator
) -> None:
    """That is no trouble: tokens are renewed all the same; as without a secret."""
    bare.settings = login(own_org)
    own_org.fault(match={"path": "introspect"}, do={"status": 403, "code": "FORBIDDEN"})
    found = findings(bare, 0)
    assert (found["reachability"]["verdict"], found["app"]["verdict"]) == ("ok", "ok")
    assert found["app"]["evidence"].startswith("unknown")
    own_org.configure(require_secret=True, require_refresh_secret=False)
    del bare.settings["CLIENT_SECRET"]
    assert findings(bare, 0)["app"]["evidence"].startswith("unknown")


def test_a_refresh_token_that_is_spent_is_told_before_it_is_needed(
    bare: Desk, own_org: Emulator
) -> None:
    """As where the org's policy ends tokens and leaves the sessions that they began."""
    bare.settings = login(own_org)
    assert bare.run("pull", "User").code == 0
    own_org.fault(match={"path": "introspect"}, do={"alter": {"active": False}})
    found = findings(bare, 0)["refresh token"]
    assert (found["verdict"], "scsync link" in found["remedy"]) == ("warning", True)


FEW = {"OBJECTS": "User,Case", "ACTIONS": "*_knowledge_article*,create_work_order"}


@pytest.mark.parametrize(
    ("deed", "evidence", "remedy"),
    [
        ({"alter": {"knowledgeEnabled": False}}, "off in this org", "Switch it on in Setup"),
        ({"alter": {}}, "hidden from this user", "Knowledge User"),
        ({"status": 403, "code": "FUNCTIONALITY_NOT_ENABLED"}, "off in this org, or", "Switch it"),
    ],
)
def test_knowledge_that_is_acted_on_is_looked_at_though_nothing_of_it_is_pulled(
    bare: Desk, own_org: Emulator, deed: dict[str, Any], evidence: str, remedy: str
) -> None:
    """Off, or hidden: neither is mended by permissions on the object alone."""
    bare.settings = login(own_org) | FEW
    own_org.control("POST", "objects", {"hide": "Knowledge__kav"})
    own_org.fault(match={"path": "knowledgeManagement/settings"}, do=deed)
    found = findings(bare, 0)
    assert found["Knowledge"]["verdict"] == found["actions"]["verdict"] == "warning"
    assert evidence in found["Knowledge"]["evidence"]
    assert remedy in found["Knowledge"]["remedy"]
    assert "lacks Knowledge__kav, or hides it: create_know" in found["actions"]["evidence"]
    assert "object permissions" not in found["actions"]["remedy"]
    bare.settings["ACTIONS"] = "create_work_order"
    assert findings(bare, 0)["Knowledge"]["verdict"] == "ok"


def test_creates_that_are_enabled_are_told_how_they_happen_once(
    bare: Desk, own_org: Emulator
) -> None:
    """Of objects that are not pulled, too; and nothing of creates that nobody may ask for."""
    bare.settings = login(own_org) | FEW
    found = findings(bare, 0)
    assert "creates once" in found["WorkOrder"]["evidence"]
    assert "create" not in found["Case"]["evidence"]
    assert found["Knowledge"]["evidence"] == "on, and open to this user"
    assert "Account" not in found


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"INTERVAL": "-3"}, "SCSYNC_INTERVAL"),
        ({"CLIENT_ID": ""}, "SCSYNC_CLIENT_ID is not set"),
        ({"OBJECTS": "Csae"}, "Csae"),
    ],
)
def test_settings_that_will_not_do_are_a_finding(
    desk: Desk, settings: dict[str, str], said: str
) -> None:
    """With a remedy, in the one document that machines read; the exit code is that of every verb."""
    desk.settings |= settings
    found = findings(desk, 2)["settings"]
    assert (found["verdict"], said in found["evidence"]) == ("failure", True)
    assert "README" in found["remedy"]
    done = desk.run("doctor")
    assert (done.code, "FAIL  settings" in done.out, said in done.out) == (2, True, True)
