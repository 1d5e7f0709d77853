"""A refreshed sandbox is another org: moving an account there is said, safe and complete."""

import sqlite3
from contextlib import closing
from typing import Any

from emulator.server import Emulator
from tests.cli.conftest import Desk, login
from tests.cli.test_audit import acts


def _refreshed(org: Emulator) -> tuple[str, str]:
    """Refresh the sandbox; give the new org's id and a refresh token of it."""
    made = org.refresh(cases=200, seed=7)
    return str(made["org_id"]), str(made["refresh_token"])


def _rows(desk: Desk, query: str) -> list[tuple[Any, ...]]:
    with closing(sqlite3.connect(desk.folder / "scsync.db")) as store:
        return store.execute(query).fetchall()


def test_a_refreshed_sandbox_is_followed_by_an_explicit_verb(bare: Desk, own_org: Emulator) -> None:
    """The new org is refused until told; then nothing of the old one is left, nor sent."""
    bare.settings = login(own_org)
    assert bare.run("pull", "Case", "Account").code == 0
    case = _rows(bare, "SELECT id FROM cases LIMIT 1")[0][0]
    waiting = bare.run("submit", "update", "Case", case, "Priority=High").out.strip()
    new_org, token = _refreshed(own_org)

    refused = bare.run("link", "--refresh-token-stdin", given=token)
    assert (refused.code, f"accounts repoint default --to {new_org}" in refused.said) == (2, True)

    told = bare.run("accounts", "repoint", "--to", new_org)
    assert (told.code, "210 rows of 2 objects" in told.out) == (3, True)
    assert "1 open commands" in told.out
    kept = bare.run("accounts", "repoint", "--to", new_org, "--yes")
    assert (kept.code, "1 commands were meant for org" in kept.said) == (2, True)
    assert _rows(bare, "SELECT count(*) FROM cases") == [(200,)]

    done = bare.run("accounts", "repoint", "--to", new_org, "--yes", "--discard-commands")
    assert (done.code, "next: scsync link" in done.out) == (0, True)
    assert bare.run("status").code == 3
    noted = {"to": new_org, "before": told.out.split(" from org ")[1].split()[0], "discarded": 1}
    assert acts(bare)[1:] == [("account.repoint", "default", noted)]
    for table in ("cases", "accounts", "scsync_watermarks", "scsync_descriptions"):
        assert _rows(bare, f"SELECT count(*) FROM {table}") == [(0,)]  # noqa: S608
    assert bare.run("commands", "show", waiting, "--json").document()["state"] == "discarded"

    bare.settings["REFRESH_TOKEN"] = token
    assert bare.run("link", "--refresh-token-stdin", given=token).code == 0
    assert bare.run("pull", "Case", "Account").code == 0
    assert bare.run("verify", "Case", "Account").code == 0
    assert bare.run("accounts", "list", "--json").document()[0]["org_id"] == new_org


def test_an_unlinked_account_still_belongs_to_its_org(bare: Desk, own_org: Emulator) -> None:
    """Unlinking forgets the grant, not whose rows the store holds."""
    bare.settings = login(own_org)
    bare.run("pull", "Account")
    assert bare.run("accounts", "unlink").code == 0
    assert "no account is linked" in bare.run("accounts", "list").out
    _, token = _refreshed(own_org)
    refused = bare.run("link", "--refresh-token-stdin", given=token)
    assert (refused.code, "belongs to org" in refused.said) == (2, True)


def test_only_an_idle_store_is_repointed(bare: Desk, own_org: Emulator) -> None:
    """While a pull holds its lease, nothing is taken from under it; wrong ids are named."""
    bare.settings = login(own_org)
    bare.run("pull", "Account")
    with closing(sqlite3.connect(bare.folder / "scsync.db")) as store, store:
        store.execute(
            "UPDATE scsync_watermarks SET owner='x', lease_until='2999-01-01T00:00:00.000Z'"
        )
    held = bare.run("accounts", "repoint", "--to", "00DRM0000000999", "--yes")
    assert (held.code, "at work" in held.said) == (2, True)
    assert _rows(bare, "SELECT count(*) FROM accounts") == [(10,)]
    wrong = bare.run("accounts", "repoint", "--to", "500RM0000000999", "--yes")
    assert (wrong.code, "not the id of an org" in wrong.said) == (2, True)
