"""An account gets another name, and keeps its grant, its rows and its org."""

import sqlite3
from contextlib import closing

import pytest

from emulator.server import Emulator
from tests.cli.conftest import Desk, login
from tests.cli.test_audit import acts


@pytest.fixture
def office(place: Desk, org: Emulator) -> Desk:
    """An account beside the first, linked and pulled, on SQLite and on PostgreSQL."""
    place.settings |= login(org) | {"SECRET_KEY": "0" * 43 + "="}
    del place.settings["REFRESH_TOKEN"]
    assert place.run("link", "--account", "acme", "--client-credentials").code == 0
    assert place.run("--account", "acme", "pull", "User").code == 0
    return place


def test_a_renamed_account_goes_on_under_its_name(office: Desk) -> None:
    """The grant works, the rows are there, and nothing of the old name is left."""
    done = office.run("accounts", "rename", "acme", "acme_europe")
    assert (done.code, "[accounts.acme]" in done.said) == (0, True), done.err
    listed = office.run("accounts", "list", "--json").document()
    assert [one["name"] for one in listed] == ["acme_europe"]
    status = office.run("--account", "acme_europe", "status", "--json").document()
    assert status["objects"]["User"]["rows"] > 0
    assert office.run("--account", "acme_europe", "pull", "User").code == 0
    assert office.run("--account", "acme", "status").code == 2
    assert acts(office, "acme_europe") == [
        ("account.link", "acme", None),
        ("account.rename", "acme_europe", {"before": "acme"}),
    ]


def test_what_cannot_be_renamed_stays_as_it_is(bare: Desk, org: Emulator) -> None:
    """The first account, a name that is taken or none, and an account that is at work."""
    bare.settings = login(org)
    del bare.settings["REFRESH_TOKEN"]
    for name in ("acme", "beta"):
        assert bare.run("link", "--account", name, "--client-credentials").code == 0
    for words, said in (
        (("acme", "beta"), "there is an account beta already"),
        (("default", "first"), "SCSYNC_DATABASE_URL names"),
        (("acme", "No Name"), "SCSYNC_ACCOUNT"),
        (("nobody", "somebody"), "there is no account nobody"),
    ):
        done = bare.run("accounts", "rename", *words)
        assert (done.code, said in done.said) == (2, True), done.err
    with closing(sqlite3.connect(bare.folder / "scsync-acme.db")) as held:
        held.execute("SELECT count(*) FROM scsync_accounts").fetchall()
        done = bare.run("accounts", "rename", "acme", "gamma")
        assert (done.code, "at work" in done.said) == (2, True), done.err
    assert (bare.folder / "scsync-acme.db").exists()
    names = [one["name"] for one in bare.run("accounts", "list", "--json").document()]
    assert names == ["acme", "beta"]
    assert bare.run("accounts", "rename", "acme", "gamma").code == 0
    renamed = [(name, detail["before"]) for _, name, detail in acts(bare, "gamma")[1:]]
    assert renamed == [("gamma", "acme"), ("acme", "gamma"), ("gamma", "acme")]
