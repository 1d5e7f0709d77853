"""A link ends in what it is good for: which org, which actions, which fields are hidden."""

from emulator.server import Emulator
from tests.cli.conftest import Desk, login


def test_a_link_tells_what_may_be_done(bare: Desk, own_org: Emulator) -> None:
    """What the user lacks is named by action and field, another kind of org by a warning."""
    bare.settings = login(own_org)
    token = bare.settings.pop("REFRESH_TOKEN")
    own_org.control("POST", "objects", {"hide": "WorkOrder"})
    own_org.control("POST", "fields", {"sobject": "Case", "hide": "Subject"})
    bare.settings |= {"ENVIRONMENT": "production", "ACTIONS": "get_*,update_case"}
    done = bare.run("link", "--refresh-token-stdin", given=token)
    assert done.code == 0, done.err
    assert "Emulated Support (sandbox); the API is enabled" in done.out
    assert "6 of the 7 enabled ones may be done" in done.out
    assert "get_work_order: this org has no WorkOrder, or hides it" in done.out
    assert "hidden in Case: Subject" in done.out
    assert "SCSYNC_ENVIRONMENT says production: set it to sandbox" in done.said

    own_org.control("POST", "objects", {"show": "WorkOrder"})
    own_org.control("POST", "fields", {"sobject": "Case", "show": "Subject"})
    bare.settings["ENVIRONMENT"] = "sandbox"
    outlook = bare.run("link", "--client-credentials", "--json").document()["outlook"]
    assert outlook["warnings"] == []
    assert all(one["allowed"] for one in outlook["prospects"])
    assert "Case" not in outlook["hidden"]


def test_an_org_that_is_away_after_the_link_costs_the_look_alone(
    bare: Desk, own_org: Emulator
) -> None:
    """The account stays linked, and that is said."""
    bare.settings = login(own_org)
    token = bare.settings.pop("REFRESH_TOKEN")
    refusal = {"status": 403, "code": "API_DISABLED_FOR_ORG", "message": "No API in this edition."}
    own_org.fault(match={"path": "/query"}, do=refusal, times=9)
    done = bare.run("link", "--refresh-token-stdin", given=token)
    assert (done.code, "is linked, but the org could not be looked at" in done.said) == (3, True)
    assert bare.run("accounts", "list", "--json").document()[0]["state"] == "linked"
