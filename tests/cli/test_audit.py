"""Who did what at a shell: each act leaves a row, what only looks or runs on leaves none."""

import json
from contextlib import closing
from typing import Any

import pytest
from sqlalchemy import text

from cli.context import Context
from emulator.server import Emulator
from models.columns import instant_text
from models.outbox import CommandState
from store import audit, places
from store.engine import Store
from tests.cli.conftest import Desk, login
from tests.cli.outbox import ago, command, put, store_of


def acts(desk: Desk, account: str = "default") -> list[tuple[str, str, Any]]:
    """What the audit holds, oldest first; all of it by whoever sits here."""
    url = desk.settings.get("DATABASE_URL", f"sqlite:///{desk.folder / 'scsync.db'}")
    with closing(Store(places.place(url, account))) as store, store.read() as tx:
        found = audit.latest(tx, limit=100)
    assert {one.operator for one in found} <= {Context().operator}
    return [(one.act, one.subject, one.detail) for one in reversed(found)]


def test_what_is_done_to_an_account_is_noted(bare: Desk, own_org: Emulator) -> None:
    """From its link to its end; what was refused, or only looked at, was not done."""
    bare.settings = login(own_org)
    assert bare.run("accounts", "suspend").code == 2
    for words in (
        ("link",),
        ("accounts", "suspend"),
        ("accounts", "list"),
        ("accounts", "resume"),
        ("accounts", "rekey"),
        ("status",),
        ("pull", "User"),
        ("accounts", "unlink"),
    ):
        assert bare.run(*words).code in {0, 3}
    done = ("link", "suspend", "resume", "rekey", "unlink")
    assert acts(bare) == [(f"account.{act}", "default", None) for act in done]


@pytest.mark.parametrize("way", ["--refresh-token-stdin", "--client-credentials"])
def test_an_account_is_linked_by_somebody_in_any_way(desk: Desk, way: str) -> None:
    """The daemon, which links by the settings, is nobody."""
    assert desk.run("pull", "User").code == 0
    assert acts(desk) == []
    given = desk.settings.pop("REFRESH_TOKEN")
    assert desk.run("link", way, given=given).code == 0
    assert acts(desk) == [("account.link", "default", None)]


def test_whoever_hands_commands_in_is_noted(desk: Desk, case_ids: list[str]) -> None:
    """Once for each submission, with how many they were; a rehearsal and an empty file are none."""
    case, other, *_ = case_ids
    words = ("submit", "update", "Case", case, "Priority=High")
    one = desk.run(*words, "--key", "k").out.strip()
    desk.run(*words, "--key", "k")
    desk.run(*words, "--dry-run")
    by_name = desk.run("action", "update_case", case, "Priority=Low").out.strip()
    asked = {"op": "update", "sobject": "Case", "fields": {"Priority": "Low"}}
    lines = "\n".join(json.dumps({**asked, "record_id": each}) for each in (case, other))
    several = desk.run("submit", "--file", "-", given=lines).out.split()
    assert desk.run("submit", "--file", "-", given="").code == 0
    assert acts(desk) == [
        ("command.submit", one, {"commands": 1, "repeated": 0}),
        ("command.submit", one, {"commands": 1, "repeated": 1}),
        ("command.submit", by_name, {"commands": 1, "repeated": 0}),
        ("command.submit", several[0], {"commands": 2, "repeated": 0}),
    ]


def test_a_purge_says_how_many_it_cleared(place: Desk) -> None:
    """By state, in the transactions that cleared them: so many at once; none is no act."""
    put(place, *(command(state="applied", at=ago(days=9)) for _ in range(1_031)))
    begun = ago(days=8)
    place.run("commands", "purge", "--older-than", "8d", "--yes")
    ended = ago(days=8)
    found = acts(place)
    applied = ("command.purge", CommandState.APPLIED)
    assert [one[:2] for one in found] == [applied, applied]
    assert [detail["commands"] for *_, detail in found] == [1_000, 31]
    for *_, detail in found:
        assert instant_text(begun) <= detail["before"] <= instant_text(ended)


def test_a_backfill_and_a_repair_are_noted(desk: Desk) -> None:
    """By object, a repair with what was amiss; where nothing is, nothing is repaired."""
    desk.run("pull", "User")
    desk.run("verify", "User", "--repair")
    assert acts(desk) == []
    desk.run("pull", "User", "Group", "--backfill")
    with closing(store_of(desk)) as store, store.begin() as tx:
        tx.execute(text("DELETE FROM users WHERE id = (SELECT min(id) FROM users)"))
    desk.run("verify", "User")
    assert desk.run("verify", "User", "--repair").code == 0
    assert acts(desk) == [
        ("object.backfill", "User", None),
        ("object.backfill", "Group", None),
        ("object.repair", "User", {"missing": 1}),
    ]
