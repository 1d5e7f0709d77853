"""The verbs that move data, used for real: what they print, store and return."""

import json
import re
import sqlite3
from contextlib import closing

import pytest

from emulator.server import Emulator
from models import CATALOG
from tests.cli.conftest import Desk, Forks, login
from tests.cli.terminal import on_a_terminal

TEN_THOUSAND = 10_000


@pytest.fixture(scope="module")
def filled(tmp_path_factory: pytest.TempPathFactory, forks: Forks, org: Emulator) -> Desk:
    """A desk that has pulled and compared everything once."""
    desk = Desk(tmp_path_factory.mktemp("filled"), forks, login(org))
    assert desk.run("pull").code == 0
    assert desk.run("verify").code == 0
    return desk


def test_status_fits_80_columns(filled: Desk) -> None:
    """One line an object, none folded."""
    done = filled.run("status")
    lines = done.out.splitlines()
    assert done.code == 0
    assert lines[0] == "all is well"
    heads = ["OBJECT", "ROWS", "GONE", "WATERMARK", "VERIFIED", "FRESH", "SETTLE", "RUN"]
    assert lines[2].split() == heads
    assert len(lines) == 3 + len(CATALOG) + 2
    assert re.fullmatch(r"our API calls of the last 24 h: .*\d+ pull.*", lines[-1])
    assert max(map(len, lines)) <= 80


@pytest.mark.parametrize(
    "words",
    [
        ("pull", "User"),
        ("push",),
        ("status",),
        ("doctor",),
        ("schema", "Case"),
        ("settings",),
        ("accounts", "list"),
        ("verify", "User"),
        ("db", "upgrade"),
    ],
    ids=" ".join,
)
def test_json_is_one_document_and_nothing_else(filled: Desk, words: tuple[str, ...]) -> None:
    """Standard output parses as a whole; every logged line is JSON, and holds no secret."""
    done = filled.run(*words, "--json")
    assert done.code == 0, done.err
    assert done.document()
    assert done.said == ""
    hidden = [filled.settings[name] for name in ("CLIENT_SECRET", "REFRESH_TOKEN")]
    hidden.append((filled.folder / "scsync.key").read_text())
    assert not any(secret in done.out + done.err for secret in hidden)


def test_log_lines_say_whose_what_and_which_run(filled: Desk, case_ids: list[str]) -> None:
    """Account, object and run on what a pull logs; account, object and command on a push."""
    pulled = filled.run("pull", "Case").logs
    assert pulled
    for line in pulled:
        assert line["account"] == "default"
        assert line["object"] == "Case"
        assert line["run"]
    command = filled.run("submit", "update", "Case", case_ids[0], "Priority=High").out.strip()
    settled = [line for line in filled.run("push").logs if line["event"] == "command.settled"]
    assert [(line["account"], line["object"], line["command"]) for line in settled] == [
        ("default", "Case", command)
    ]


def test_a_terminal_shows_progress_and_no_log_lines(filled: Desk) -> None:
    """On a terminal a bar with rows; the table afterwards; what went well is not logged."""
    code, shown = on_a_terminal(filled, "pull", "Case", "--backfill")
    assert code == 0, shown
    assert re.search(r"Case .*\d+ rows", shown)
    assert "OUTCOME" in shown
    assert "pull.finished" not in shown


def test_values_are_read_as_their_fields_want_them(filled: Desk) -> None:
    """Digits stay text in a text field, and become a flag or number in one of those."""
    done = filled.run(
        "submit", "create", "Case", "Subject=12345", "IsEscalated=true", "Description=null"
    )
    shown = filled.run("commands", "show", done.out.strip(), "--json").document()
    assert shown["fields"] == {"Subject": "12345", "IsEscalated": True, "Description": None}


def test_a_key_given_twice_is_one_command(filled: Desk) -> None:
    """The second answer names the first command."""
    words = ("submit", "create", "Case", "Subject=Once", "Origin=Web", "--key", "order-1", "--json")
    first, second = (filled.run(*words).document() for _ in range(2))
    assert second == {"id": first["id"], "repeated": True}
    other = filled.run("submit", "create", "Case", "Subject=Twice", "--key", "order-1")
    assert (other.code, other.out) == (2, "")
    assert "'order-1' is the key of another command" in " ".join(other.err.split())


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        (
            (
                '{"op":"update","sobject":"Case","record_id":"1","fields":{"Priorty":1}}\n'
                '{"op":"create","sobject":"Csae","fields":{"Subject":"x"}}\n'
            ),
            ["command 1: ", "did you mean Priority?", "command 2: ", "no sObject 'Csae'"],
        ),
        ('{"op":"delete","sobject":"Case"}\n{"op":\n', ["line 2 is not JSON"]),
        ('\n{"op":"burn","sobject":"Case"}\n', ["line 2", "unknown op 'burn'"]),
    ],
)
def test_a_refused_file_stores_nothing_and_names_each_line(
    filled: Desk, text: str, parts: list[str]
) -> None:
    """All or nothing, and every reason at once."""
    before = filled.run("status", "--json").document()["commands"]
    done = filled.run("submit", "--file", "-", given=text)
    assert (done.code, done.out) == (2, "")
    assert [part for part in parts if part not in done.said] == [], done.said
    assert filled.run("status", "--json").document()["commands"] == before


def test_ten_thousand_lines_are_accepted_in_seconds(filled: Desk, case_ids: list[str]) -> None:
    """A file of that size is checked and stored within the runner's minute, one id a line."""
    form = {"op": "update", "sobject": "Case", "fields": {"Priority": "Low"}}
    lines = (
        json.dumps({**form, "record_id": case_ids[number % len(case_ids)]})
        for number in range(TEN_THOUSAND)
    )
    (filled.folder / "commands.ndjson").write_text("\n".join(lines))
    done = filled.run("submit", "--file", "commands.ndjson", "--json")
    assert (done.code, len({one["id"] for one in done.objects()})) == (0, TEN_THOUSAND)
    assert filled.run("commands", "discard", "--state", "pending", "--json").code == 0


def test_verify_finds_and_repairs(filled: Desk, org: Emulator, case_ids: list[str]) -> None:
    """A change that no pull has seen is a difference: exit 3, then none after the repair."""
    org.act("update", sobject="Case", id=case_ids[1], fields={"Subject": "Changed unseen"})
    found = filled.run("verify", "Case")
    assert found.code == 3
    assert case_ids[1] in found.out
    assert filled.run("verify", "Case", "--repair").code == 0


def test_a_refused_command_is_listed_retried_and_discarded(
    filled: Desk, case_ids: list[str], org: Emulator
) -> None:
    """A person finds it with its cause, and returns it to the queue or gives it up."""
    org.fault(
        match={"method": "PATCH", "path": case_ids[2]},
        do={"status": 400, "code": "FIELD_CUSTOM_VALIDATION_EXCEPTION", "message": "Not today"},
    )
    command = filled.run("submit", "update", "Case", case_ids[2], "Priority=High").out.strip()
    filled.run("push")
    listed = filled.run("commands", "list", "--state", "rejected")
    assert f"{command}  rejected   update  Case" in listed.out
    assert "FIELD_CUSTOM_VALIDATION_EXCEPTION: Not today" in listed.out
    assert filled.run("commands", "retry", command).out == "1 retried\n"
    assert filled.run("push", "--json").document()["settled"] == {"applied": 1}
    again = filled.run("commands", "discard", command)
    assert (again.code, "cannot be discarded" in again.said) == (2, True)


def test_a_refused_command_is_edited_and_applied(
    filled: Desk, case_ids: list[str], org: Emulator
) -> None:
    """What Salesforce refuses for its values is mended in place, and keeps the rest of them."""
    org.fault(
        match={"method": "PATCH", "path": case_ids[3], "body": "Wrong"},
        do={"status": 400, "code": "FIELD_CUSTOM_VALIDATION_EXCEPTION", "message": "Not so"},
    )
    words = ("submit", "update", "Case", case_ids[3], "Subject=Wrong", "Priority=High")
    command = filled.run(*words).out.strip()
    filled.run("push")
    assert filled.run("commands", "edit", command, "Subject=12345").out == "1 edited\n"
    assert filled.run("push", "--json").document()["settled"] == {"applied": 1}
    shown = filled.run("commands", "show", command, "--json").document()
    assert shown["fields"] == {"Subject": "12345", "Priority": "High"}
    again = filled.run("commands", "edit", command, "Subject=x")
    assert (again.code, "cannot be edited" in again.said) == (2, True)


def test_a_suspended_account_makes_no_call_until_it_is_resumed(filled: Desk) -> None:
    """Suspending is the operator's brake; the grant is kept."""
    assert filled.run("accounts", "suspend").out == "account default is suspended\n"
    held = filled.run("pull", "User")
    assert (held.code, "scsync accounts resume" in held.said) == (3, True)
    assert filled.run("accounts", "resume").code == 0
    assert filled.run("pull", "User").code == 0


def test_an_object_the_org_lacks_is_skipped_and_said(bare: Desk) -> None:
    """Field Service switched off costs its objects, nothing else."""
    with Emulator(cases=200, without=["WorkOrder"]) as org:
        bare.settings = login(org)
        done = bare.run("pull", "User", "WorkOrder")
        assert done.code == 0
        assert re.search(r"WorkOrder +skipped", done.out)
        verified = bare.run("verify", "User", "WorkOrder")
    assert verified.code == 0
    assert "WorkOrder: not compared: " in verified.said


def test_a_quiet_pull_costs_a_call_for_five_objects(filled: Desk, org: Emulator) -> None:
    """The verb asks as the daemon does: seventeen objects, four calls."""
    filled.run("pull")
    org.control("DELETE", "requests")
    assert filled.run("pull").code == 0
    counts = org.control("GET", "requests")["counts"]
    calls = {kind: number for kind, number in counts.items() if kind != "versions"}
    assert sum(calls.values()) == -(-len(CATALOG) // 5) == 4, counts


def test_what_waits_for_api_calls_is_told_as_incomplete(bare: Desk) -> None:
    """A pull that holds back to leave the rest to writes exits 1, and says that it goes on."""
    with Emulator(cases=200) as org:
        bare.settings = login(org)
        assert bare.run("pull", "User").code == 0
        org.limits(used=99_000)
        bare.run("pull", "User")
        held = bare.run("pull", "User")
    assert (held.code, "waits for API calls" in held.said) == (1, True)
    assert "held" in held.out


def test_nothing_where_there_was_much_needs_a_person(bare: Desk) -> None:
    """An org that hides its cases by sharing answers as if there were none, and no call fails."""
    with Emulator(cases=200) as org:
        bare.settings = login(org)
        assert bare.run("pull", "Case").code == 0
        with closing(sqlite3.connect(bare.folder / "scsync.db")) as store:
            ids = [one for (one,) in store.execute("SELECT id FROM cases")]
        org.control("POST", "sharing", {"hide": ids})
        empty = bare.run("pull", "Case", "--backfill")
        org.control("POST", "sharing", {"show": ids})
        again = bare.run("pull", "Case", "--backfill")
    assert (empty.code, again.code) == (3, 0)
    assert "needs you: Case: a read from the beginning brought no rows, while 200" in empty.said
    assert "needs you" not in again.said


def test_a_wrong_api_version_is_no_missing_object(bare: Desk, own_org: Emulator) -> None:
    """An org answers an unknown version as it does an unknown object; the remedy is another."""
    bare.settings = {**login(own_org), "API_VERSION": "99.0"}
    done = bare.run("pull", "Case")
    assert (done.code, "Set SCSYNC_API_VERSION to one of" in done.out) == (1, True)
    assert "does not speak 99.0" in bare.run("doctor").out


def test_a_row_filter_that_is_wrong_says_why(bare: Desk, own_org: Emulator) -> None:
    """In one line: the setting, and what the org has against it."""
    bare.settings = login(own_org)
    (bare.folder / "scsync.toml").write_text('[objects.Case]\nwhere = "Sttus = 1"\n')
    done = bare.run("pull", "Case")
    assert (done.code, "No such column 'Sttus'" in " ".join(done.out.split())) == (1, True)
