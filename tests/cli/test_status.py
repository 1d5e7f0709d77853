"""`scsync status`: what is amiss, since when, and what to do about it."""

import re

from emulator.server import Emulator
from tests.cli.conftest import Desk, login
from tests.pipelines.reading import approve_again

TOLD = re.compile(
    r"^incident since (\d\d-\d\d )?[\d:]+: The org takes our grant no more$", re.MULTILINE
)


def test_a_login_that_refuses_our_settings_is_asked_once_for_all(
    bare: Desk, own_org: Emulator
) -> None:
    """Not object by object; one sentence says it, and status does not call that well."""
    bare.settings = login(own_org) | {"OBJECTS": "User,Case,Account"}
    for _ in range(2):
        assert bare.run("pull").code == 0
    assert bare.run("status").out.startswith("all is well")
    bare.settings["CLIENT_SECRET"] = "of-yesterday"
    own_org.expire_sessions()
    before = own_org.requests()["counts"]["oauth.token"]
    done = bare.run("pull")
    assert own_org.requests()["counts"]["oauth.token"] == before + 1
    assert (done.code, done.out.count("invalid client credentials")) == (1, 1), done.out
    assert "/composite" not in done.err
    said = bare.run("status").out
    assert said.startswith("needs you: the login is refused: invalid_client")


def test_open_incidents_are_told_for_as_long_as_they_are_open(
    bare: Desk, own_org: Emulator
) -> None:
    """What, since when and the remedy, to people and to machines; a link closes this one."""
    bare.settings = login(own_org)
    bare.run("pull", "User")
    own_org.revoke_grants()
    bare.run("pull", "User")
    said = bare.run("status").out
    assert TOLD.search(said)
    assert said.startswith("needs you: account default cannot work: ")
    assert said.count("scsync link") == 1  # the remedy, once
    (found,) = bare.run("status", "--json").document()["incidents"]
    assert (found["kind"], "scsync link" in found["remedy"]) == ("grant_dead", True)
    bare.settings["REFRESH_TOKEN"] = approve_again(own_org)
    bare.run("pull", "User")
    assert "incident" not in bare.run("status").out
    assert bare.run("status", "--json").document()["incidents"] == []


def test_a_refused_login_needs_a_person(bare: Desk, own_org: Emulator) -> None:
    """Nothing is dead and nothing gets through: the sentence that helps, until it is mended."""
    bare.settings = login(own_org)
    assert bare.run("pull", "User").code == 0
    own_org.expire_sessions()
    good = bare.settings["CLIENT_SECRET"]
    bare.settings["CLIENT_SECRET"] = "another"
    bare.run("pull", "User")
    status = bare.run("status")
    assert (status.code, status.out.splitlines()[0][:33]) == (
        3,
        "needs you: the login is refused: ",
    )
    assert "SCSYNC_CLIENT_SECRET" in status.out
    bare.settings["CLIENT_SECRET"] = good
    assert bare.run("pull", "User").code == 0
    assert bare.run("status").code == 0


def test_objects_that_are_not_read_are_not_called_well(bare: Desk) -> None:
    """An org without entitlements and Knowledge: how many that leaves, and why, below."""
    with Emulator(cases=5, without=("Entitlement", "Knowledge__kav")) as org:
        bare.settings = login(org)
        assert bare.run("pull").code == 0
    said = bare.run("status").out
    assert re.match(r"all is well with 15 of 17 objects; the others are not read\n", said), said
    assert re.search(r"^Entitlement: .*no Entitlement", said, re.MULTILINE)


def test_a_suspended_account_is_not_called_well(bare: Desk, own_org: Emulator) -> None:
    """It needs nobody, so the exit code is 0; but the first line says what rests."""
    bare.settings = login(own_org) | {"OBJECTS": "User"}
    assert bare.run("pull").code == 0
    assert bare.run("accounts", "suspend").code == 0
    done = bare.run("status")
    assert (done.code, "all is well" in done.out) == (0, False)
    assert done.out.startswith("worth a look: account default is suspended")
    assert len(bare.run("status", "--json").document()["cautions"]) == 1
