"""`push --explain`: what a push would do, told without a call, and true of the push after it."""

import json
import sqlite3

import pytest

from emulator.server import Emulator
from tests.cli.conftest import Desk, Forks, login
from tests.cli.outbox import command, put


@pytest.fixture(scope="module")
def filled(tmp_path_factory: pytest.TempPathFactory, forks: Forks, org: Emulator) -> Desk:
    """A desk that has pulled the cases."""
    desk = Desk(tmp_path_factory.mktemp("filled"), forks, login(org))
    assert desk.run("pull", "Case").code == 0
    return desk


def submit(desk: Desk, *forms: dict[str, object]) -> list[str]:
    lines = "\n".join(json.dumps(form) for form in forms)
    done = desk.run("submit", "--file", "-", "--json", given=lines)
    assert done.code == 0, done.err
    return [one["id"] for one in done.objects()]


def test_a_push_does_what_was_explained(filled: Desk, org: Emulator, case_ids: list[str]) -> None:
    """Parcels, riders and calls as told; what waits, with what for; nothing is sent before."""
    case = {"op": "update", "sobject": "Case"}
    first, rider, made, child, later, guarded = submit(
        filled,
        {**case, "record_id": case_ids[0], "fields": {"Priority": "High"}},
        {**case, "record_id": case_ids[0], "fields": {"Subject": "Carried"}},
        {"op": "create", "sobject": "Case", "fields": {"Subject": "x", "Origin": "Web"}},
        {**case, "record_id": case_ids[3], "fields": {"Priority": "Low"}, "priority": -1},
        {
            **case,
            "record_id": case_ids[1],
            "fields": {"Priority": "Low"},
            "not_before": "2999-01-01T00:00:00Z",
        },
        {**case, "record_id": case_ids[2], "fields": {"Priority": "Low"}, "on_conflict": "merge"},
    )
    comment = {"ParentId": {"$command": made}, "CommentBody": "x"}
    submit(filled, {"op": "create", "sobject": "CaseComment", "fields": comment})
    calls = org.requests()["total"]
    found = filled.run("push", "--explain", "--json").document()
    shown = filled.run("push", "--explain")
    assert org.requests()["total"] == calls
    requests = {one["op"]: one for one in found["requests"]}
    assert sorted(requests["update"]["commands"]) == sorted([first, guarded, child])
    assert requests["update"]["folded"] == [rider]
    assert (requests["upsert"]["commands"], requests["upsert"]["calls"]) == ([made], 1)
    assert requests["update"]["calls"] == 2  # somebody else may have been at the guarded one
    waits = {one["wait"]: one for one in found["waits"]}
    assert {name: one["commands"] for name, one in waits.items()} == {
        "due": 4,
        "record": 1,
        "time": 1,
        "dependency": 1,
    }
    assert waits["time"]["example"] == later
    assert (shown.code, shown.err) == (0, "")
    assert "due: 4, and 1 that travel along" in shown.out
    assert max(map(len, shown.out.splitlines())) <= 80
    before = org.requests()["counts"]
    assert filled.run("push", "--json").document()["settled"] == {"applied": 6}
    sent = {
        kind: number - before.get(kind, 0)
        for kind, number in org.requests()["counts"].items()
        if kind != "versions" and number > before.get(kind, 0)
    }
    # As told: two to write, one to look, one to read back; and the comment, once its case is there.
    assert sum(sent.values()) >= found["calls"] == 4


def test_new_rows_and_a_resting_account_are_told(desk: Desk, case_ids: list[str]) -> None:
    """Whatever keeps a push from sending, even before anything was linked."""
    put(desk, command())
    with sqlite3.connect(desk.folder / "scsync.db") as db:
        db.execute(
            "INSERT INTO scsync_commands (op, sobject, record_id, fields) VALUES (?, ?, ?, ?)",
            ("update", "Case", case_ids[0], '{"Subject": "x"}'),
        )
    found = desk.run("push", "--explain")
    assert "account default is not linked" in found.out
    assert "nobody has checked them yet" in found.out
    desk.run("pull", "User")
    desk.run("accounts", "suspend")
    assert "is suspended" in desk.run("push", "--explain").out
    assert desk.run("push", "--explain", "--json").document()["account"] == "suspended"


def test_what_is_refused_before_it_is_sent_is_told(desk: Desk, case_ids: list[str]) -> None:
    """Rows that other programs inserted end here as well: "nothing was due" would hide them."""
    assert desk.run("pull", "User").code == 0
    rows = [("update", "Case", case_ids[0], '{"Priorty": "High"}')] * 1_500
    with sqlite3.connect(desk.folder / "scsync.db") as db:
        insert = "INSERT INTO scsync_commands (op, sobject, record_id, fields) VALUES (?, ?, ?, ?)"
        db.executemany(insert, rows)
    done = desk.run("push")
    assert (done.code, done.out.strip()) == (0, "settled: 1,500 rejected; still open: 0")


def test_a_thousand_go_in_parcels_and_crowds_by_bulk(place: Desk) -> None:
    """Two hundred a request, above the threshold a job; those with a flow of their own alone."""
    put(
        place,
        *(command(record_id=f"500{n:012}AAA", lane=f"Case/{n}") for n in range(1_000)),
        *(command(op="publish", sobject="Knowledge__kav", fields={}) for _ in range(9)),
    )
    requests = place.run("push", "--explain", "--json").document()["requests"]
    assert sorted(len(one["commands"]) for one in requests) == [*[1] * 9, *[200] * 5]
    place.settings["INGEST_ABOVE"] = "900"
    shown = place.run("push", "--explain").out
    assert "1,000  update Case, in a Bulk job" in shown
