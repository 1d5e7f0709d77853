"""`scsync doctor`: what it looks at, and that each trouble has its remedy."""

from typing import Any

from emulator.server import Emulator
from tests.cli.conftest import Desk, login


def findings(desk: Desk, code: int) -> dict[str, dict[str, Any]]:
    done = desk.run("doctor", "--json")
    assert done.code == code, done.out + done.err
    return {one["topic"]: one for one in done.document()}


def test_every_topic_is_looked_at(desk: Desk) -> None:
    """On a good day nothing fails, and what cannot be known says where to look."""
    found = findings(desk, 0)
    topics = "broker store settings scopes PKCE grants clock login actions Case Knowledge__kav"
    assert found["View All Data"]["evidence"] == "the user sees every row"
    assert found["action fields"]["verdict"] == "ok"
    assert [topic for topic in topics.split() if topic not in found] == []
    assert {"token policy", "token rotation", "View All Data", "API version"} <= found.keys()
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
