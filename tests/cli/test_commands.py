"""What operators do with commands: chosen, counted by cause, shown, revived, given up."""

import re
import sqlite3
import time
from contextlib import closing
from datetime import timedelta

import pytest

from emulator.server import Emulator
from models.outbox import Attempt
from store import audit, outbox
from tests.cli.conftest import Desk, Forks, login
from tests.cli.outbox import ago, command, link, put, states, store_of
from tests.cli.terminal import on_a_terminal

VALIDATION = "FIELD_CUSTOM_VALIDATION_EXCEPTION"


@pytest.fixture(scope="module")
def filled(tmp_path_factory: pytest.TempPathFactory, forks: Forks, org: Emulator) -> Desk:
    """A desk that has pulled the cases."""
    desk = Desk(tmp_path_factory.mktemp("filled"), forks, login(org))
    assert desk.run("pull", "Case", "User").code == 0
    return desk


def listed(desk: Desk, *words: str) -> list[str]:
    return [one["id"] for one in desk.run("commands", "list", *words, "--json").objects()]


def test_commands_are_chosen_by_state_object_code_and_age(place: Desk) -> None:
    """Each filter by itself and together, the youngest first, on both databases."""
    old, late, other, waiting = put(
        place,
        command(state="rejected", error_code="A", at=ago(hours=3)),
        command(state="rejected", error_code="A", at=ago(minutes=40)),
        command(state="dead", sobject="WorkOrder", error_code="B", at=ago(days=2)),
        command(at=ago(seconds=5)),
    )
    assert listed(place) == [waiting, late, old, other]
    assert listed(place, "--limit", "2") == [waiting, late]
    assert listed(place, "--state", "rejected") == [late, old]
    assert listed(place, "--object", "workorder") == [other]
    assert listed(place, "--code", "A", "--older-than", "1h") == [old]
    assert listed(place, "--newer-than", "1200s") == [waiting]
    assert listed(place, "--older-than", "100m", "--newer-than", "1d") == [old]
    assert listed(place, "--state", "discarded") == []


def test_causes_are_counted_whatever_ids_and_numbers_they_name(place: Desk) -> None:
    """One line a cause, with its count, its oldest and an example; what is well is left out."""
    text = "record 500RM00000000{:02}YAA is locked since 2026-11-24T12:00:0{}Z, and {} times more"
    failed = [
        command(state="rejected", error_code=VALIDATION, error_message=text.format(n, n, n))
        for n in range(3)
    ]
    failed[1] |= {"finished_at": ago(hours=3), "submitted_at": ago(hours=3)}
    put(place, *failed, command(state="dead", error_code="X", error_message="X: boom"))
    put(place, command(state="applied"), command(), command())
    found = place.run("commands", "list", "--by-cause", "--json").objects()
    assert [one["commands"] for one in found] == [3, 2, 1]
    first = found[0]
    assert first["error_message"] == "record # is locked since #, and # times more"
    assert first["example"] == failed[0]["id"]
    shown = place.run("commands", "list", "--by-cause").out.splitlines()
    assert re.fullmatch(rf"      3 rejected  Case +3h  {failed[0]['id']}", shown[0])
    assert shown[1] == f"        {VALIDATION}: record # is locked since #, and #"
    assert shown[2] == "        times more"
    assert max(map(len, shown)) <= 80
    assert len(place.run("commands", "list", "--by-cause", "--state", "dead").out.splitlines()) == 2


def test_what_others_wrote_is_shown_as_it_stands(place: Desk) -> None:
    """Brackets are no colours, and nothing moves the terminal's cursor."""
    fields = {"Subject": "[/b] [red]x", "Description": "a\x1b[2Jb\nc"}
    (one,) = put(place, command(fields=fields, state="dead", error_message="\x1b[31m[bold]"))
    shown = place.run("commands", "show", one)
    assert shown.code == 0
    assert "[/b] [red]x" in shown.out
    assert "\x1b" not in shown.out + place.run("commands", "list").out


def test_a_row_that_is_no_command_can_be_shown(bare: Desk) -> None:
    """Any program may insert; what it wrote is told as it is."""
    store_of(bare).close()
    with sqlite3.connect(bare.folder / "scsync.db") as db:
        db.execute(
            "INSERT INTO scsync_commands (id, op, sobject, fields, not_before, submitted_at) "
            "VALUES ('0b7c9a52-6f0e-4f0e-9d0e-2f6f4a1b7c3d', 'burn', 'Case', 'x{', 'soon', 'now')"
        )
    for words in (
        ["show", "0b7c9a52-6f0e-4f0e-9d0e-2f6f4a1b7c3d"],
        ["list"],
        ["list", "--by-cause"],
    ):
        for more in ([], ["--json"]):
            done = bare.run("commands", *words, *more)
            assert (done.code, done.err) == (0, "")
            assert "burn" in done.out or "--by-cause" in words


def test_a_life_is_told_at_80_columns(place: Desk) -> None:
    """Asked beside standing, what it waits for, whom it carries; each attempt with its wait."""
    lane = "Case/500RM0000000037YAA"
    gone = command(state="rejected")
    first = command(lane=lane, not_before=ago(hours=-40), ready=1)
    rider = command(lane=lane, carrier=first["id"])
    child = command(
        op="create",
        record_id=None,
        sobject="CaseComment",
        fields={"ParentId": {"$command": first["id"]}, "CommentBody": "x " * 400},
        depends_on=[gone["id"]],
        waits_for=1,
        key_kind="probe",
        on_conflict=None,
        idempotency_key="order-1",
    )
    put(place, gone, first, rider)
    put(place, child)
    timed = place.run("commands", "show", first["id"]).out
    assert re.search(r"^waits +for its time$", timed, re.MULTILINE)
    assert re.search(r"^not before   \d{4}-.* \(in 39h\)$", timed, re.MULTILINE)
    assert re.search(rf"^carries +{rider['id']}$", timed, re.MULTILINE)
    riding = place.run("commands", "show", rider["id"]).out
    assert re.search(rf"^folded into +{first['id']}$", riding, re.MULTILINE)
    shown = place.run("commands", "show", child["id"].upper()).out
    assert "looked for by creator, time and contents" in " ".join(shown.split())
    assert f"the record of {first['id']}" in " ".join(shown.split())
    assert re.search(rf"^depends on +{gone['id']} \(rejected\)$", shown, re.MULTILINE)
    assert "(800 characters)" in " ".join(shown.split())
    assert max(map(len, (timed + riding + shown).splitlines())) <= 80
    document = place.run("commands", "show", child["id"], "--json").document()
    assert document["parents"] == {gone["id"]: "rejected", first["id"]: "pending"}
    assert (document["waits"], document["key_kind"]) == ("dependency", "probe")


def test_surprises_and_retries_are_told(filled: Desk, org: Emulator, case_ids: list[str]) -> None:
    """A rule of the org changes the owner: marked. A lock is told with the wait after it."""
    (user,) = org.run(
        lambda it: it.query_rows(
            "SELECT Id FROM User WHERE IsActive = true ORDER BY Id DESC LIMIT 1"
        )
    )
    org.control("POST", "assignment", {"active": True, "owner": user["Id"]})
    (other,) = org.run(
        lambda it: it.query_rows("SELECT Id FROM User WHERE IsActive = true ORDER BY Id LIMIT 1")
    )
    made = filled.run(
        "action", "create_case", "Subject=S", f"OwnerId={other['Id']}", "--auto-assign", "true"
    ).out.strip()
    org.fault(match={"method": "PATCH", "path": case_ids[0]}, do={"lock": True})
    locked = filled.run("submit", "update", "Case", case_ids[0], "Priority=High").out.strip()
    filled.run("push")
    org.control("POST", "assignment", {"active": False})
    time.sleep(3)
    assert filled.run("push").code == 0
    put_back(filled, locked)
    shown = filled.run("commands", "show", made).out
    assert re.search(rf"^! +OwnerId +{other['Id']} +{user['Id']} *$", shown, re.MULTILINE)
    assert re.search(r"^ +Subject +S *$", shown, re.MULTILINE)
    assert re.search(r"^assigned by +rule: the active one$", shown, re.MULTILINE)
    tries = filled.run("commands", "show", locked).out.partition("ATTEMPT")[2].splitlines()
    assert re.fullmatch(r" +1  [\d-]+ [\d:]+ +[\d.]+s  pending", tries[1])
    assert "UNABLE_TO_LOCK_ROW" in tries[2]
    waited = next(place for place, line in enumerate(tries) if "waited" in line)
    assert re.fullmatch(r" +2  [\d-]+ [\d:]+ +[\d.]+s  applied", tries[waited + 1])
    secrets = [filled.settings[name] for name in ("CLIENT_SECRET", "REFRESH_TOKEN")]
    assert not any(secret in shown for secret in secrets)


def put_back(desk: Desk, command_id: str) -> None:
    """Have a first attempt been a minute earlier: a slow push tries again by itself, too soon."""
    attempts, minute = Attempt.__table__, timedelta(minutes=1)  # type: ignore[attr-defined]
    with closing(store_of(desk)) as store, store.begin() as tx:
        (first, *_) = outbox.attempts(tx, command_id)
        assert first.finished_at
        times = {"started_at": first.started_at - minute, "finished_at": first.finished_at - minute}
        mine = (attempts.c.command_id == command_id, attempts.c.number == first.number)
        tx.execute(attempts.update().where(*mine).values(**times))


def test_a_conflict_is_won_when_a_person_says_so(
    filled: Desk, org: Emulator, case_ids: list[str]
) -> None:
    """As the error's remedy says: rejected, then retried with --overwrite, alone or in bulk."""
    words = ["submit", "update", "Case", case_ids[1], "Priority=High"]
    (one,) = [
        filled.run("action", "update_case", *words[3:], "--on-conflict", "reject").out.strip()
    ]
    org.act("update", sobject="Case", id=case_ids[1], fields={"Priority": "Low"})
    time.sleep(1)
    org.act("update", sobject="Case", id=case_ids[1], fields={"Priority": "Medium"})
    filled.run("push")
    assert "CONFLICT" in filled.run("commands", "show", one).out
    retried = filled.run("commands", "retry", "--code", "CONFLICT", "--overwrite", "--json")
    assert retried.document() == {"retried": [one], "along": [], "overwriting": 1}
    assert filled.run("push", "--json").document()["settled"] == {"applied": 1}
    shown = filled.run("commands", "show", one, "--json").document()
    assert (shown["state"], shown["on_conflict"]) == ("applied", "overwrite")


def test_options_are_edited(filled: Desk, org: Emulator, case_ids: list[str]) -> None:
    """What a command says beside its fields can be mended, too, and is checked like the rest."""
    org.fault(
        match={"method": "PATCH", "path": case_ids[2]},
        do={"status": 400, "code": VALIDATION, "message": "Not today"},
    )
    one = filled.run("submit", "update", "Case", case_ids[2], "Priority=High").out.strip()
    filled.run("push")
    options = ["--on-conflict", "merge", "--auto-assign", "true", "--allow-duplicates"]
    assert filled.run("commands", "edit", one, *options).out == "1 edited\n"
    assert filled.run("push", "--json").document()["settled"] == {"applied": 1}
    shown = filled.run("commands", "show", one, "--json").document()
    kept = [shown[name] for name in ("on_conflict", "auto_assign", "allow_duplicates", "fields")]
    assert kept == ["merge", "true", True, {"Priority": "High"}]


def test_all_that_match_are_edited(filled: Desk, case_ids: list[str]) -> None:
    """A field renamed, one left out, a value set: on what they are about, and on nothing else."""
    asked = {"Subjct": "One", "Nonsense": 1, "priority": "Low"}
    wrong = {"state": "rejected", "error_code": "INVALID_FIELD"}
    mine = put(filled, *(command(fields=asked, record_id=one, **wrong) for one in case_ids[3:6]))
    (other,) = put(filled, command(fields={"Subjct": "One"}, **wrong))
    chosen = ["commands", "edit", "--object", "Case", "--code", "INVALID_FIELD"]
    assert "did you mean Subject" in filled.run(*chosen, "--rename", "Subjct=Subjec").err
    done = filled.run(*chosen, "--rename", "Subjct=Subject", "--drop", "nonsense", "Priority=High")
    assert done.out == "3 edited\n"
    assert "1 left alone: without the field" in done.err
    held = states(filled)
    assert [held[one] for one in (*mine, other)] == ["pending"] * 3 + ["rejected"]
    shown = filled.run("commands", "show", mine[0], "--json").document()
    assert shown["fields"] == {"Subject": "One", "Priority": "High"}
    with closing(store_of(filled)) as store, store.read() as tx:
        (act,) = audit.latest(tx, limit=9, subject=mine[0])
    assert act.act == "command.edit"
    assert act.detail == {
        "fields": ["Priority"],
        "renamed": {"Subjct": "Subject"},
        "dropped": ["nonsense"],
    }
    assert filled.run("commands", "discard", "--object", "Case", "--state", "pending").code == 0
    assert filled.run("commands", "discard", other).code == 0


def test_a_revival_takes_along_what_failed_for_its_sake(place: Desk) -> None:
    """In bulk, and it says how many; what is not failed is left alone."""
    parents = [command(state="rejected", error_code="A") for _ in range(3)]
    children = [
        command(state="rejected", error_code="DEPENDENCY_FAILED", sobject="CaseComment")
        for _ in range(3)
    ]
    put(place, *parents, *children, command(state="applied"))
    link(place, *zip([one["id"] for one in parents], [one["id"] for one in children], strict=True))
    done = place.run("commands", "retry", "--code", "A")
    assert done.out == "3 retried\n3 more that had failed for their sake\n"
    assert sorted(states(place).values()) == ["applied", *["pending"] * 6]
    with closing(store_of(place)) as store, store.read() as tx:
        acts = audit.latest(tx, limit=9)
    assert {one.subject for one in acts} == {one["id"] for one in parents}
    assert {(one.act, one.operator.endswith(" at a shell")) for one in acts} == {
        ("command.retry", True)
    }


def test_ten_thousand_are_retried_given_up_and_edited_at_once(place: Desk) -> None:
    """Set by set, beside as many again that are none of it."""
    put(
        place, *(command(state="rejected", error_code=code) for code in "AB" for _ in range(10_000))
    )
    for words, said in (
        (("retry", "--code", "A"), "10,000 retried\n"),
        (("discard", "--state", "pending"), "10,000 discarded\n"),
        (("edit", "--code", "B", "--object", "Case", "--drop", "Priority"), "10,000 edited\n"),
    ):
        assert place.run("commands", *words).out == said
    assert sorted(set(states(place).values())) == ["discarded", "pending"]


def test_what_waits_for_the_discarded_is_rejected(place: Desk) -> None:
    """Nothing waits for ever; each names its cause."""
    parent = command()
    child = command(depends_on=[parent["id"]], waits_for=1, ready=0)
    put(place, parent, child)
    link(place, (parent["id"], child["id"]))
    assert place.run("commands", "discard", parent["id"]).out == "1 discarded\n"
    shown = place.run("commands", "show", child["id"], "--json").document()
    assert (shown["state"], shown["error_code"]) == ("rejected", "DEPENDENCY_FAILED")


@pytest.mark.parametrize(("answer", "left"), [("n", 101), ("y", 0)])
def test_more_than_a_hundred_are_asked_for_on_a_terminal(
    bare: Desk, answer: str, left: int
) -> None:
    """Whoever says no has changed nothing; --yes, or no terminal, is not asked."""
    put(bare, *(command(state="dead") for _ in range(101)))
    words = ["commands", "discard", "--state", "dead"]
    code, shown = on_a_terminal(bare, *words, answer=f"{answer}\n")
    assert "discard 101 commands?" in shown
    assert code == (1 if left else 0)
    assert list(states(bare).values()).count("dead") == left
    assert bare.run("commands", "discard", "--state", "dead", "--yes").out == f"{left} discarded\n"


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["list", "--older-than", "3 weeks"], "'3 weeks' is no age: write 90s, 15m, 2h, 3d"),
        (["list", "--older-than", "999999w"], "more than a century"),
        (["retry"], "name a command, or choose some"),
        (["retry", "--state", "applied"], "retry takes what is rejected or dead, not applied"),
        (["retry", "0b7c9a52-6f0e-4f0e-9d0e-2f6f4a1b7c3d"], "cannot be retried"),
        (["discard", "--state", "sending"], "discard takes what is pending or rejected or dead"),
        (["edit", "0b7c9a52-6f0e-4f0e-9d0e-2f6f4a1b7c3d"], "nothing to edit"),
        (["edit", "x", "--auto-assign", "x" * 19], "at most 18 fit"),
        (["edit", "Priority=High"], "name a command, or choose some"),
        (["edit", "--code", "A", "Priority=High"], "several are edited by --object"),
        (["purge"], "Missing option '--older-than'"),
        (["purge", "--older-than", "1d", "--state", "pending"], "what is pending is not finished"),
        (["show", "nonsense"], "there is no command nonsense"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_a_wrong_word_is_named(bare: Desk, words: list[str], said: str) -> None:
    """Exit 2, and nothing is printed for machines."""
    done = bare.run("commands", *words)
    assert (done.code, done.out) == (2, "")
    assert said in " ".join(done.err.replace("│", " ").split())
