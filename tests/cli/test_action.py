"""The 34 actions, each done once from the command line against an org."""

from contextlib import closing
from typing import Any

import pytest

from cli.context import Context
from emulator.server import Emulator
from models.action import ACTIONS
from store import audit
from store.engine import Store
from tests.cli.conftest import Desk


def made(desk: Desk, command_id: str) -> str:
    """Apply what is due; give the record that a command made or changed."""
    assert desk.run("push").code == 0
    shown = desk.run("commands", "show", command_id, "--json").document()
    assert shown["state"] == "applied", shown
    return str(shown["result_id"])


def test_every_action_does_what_its_name_says(desk: Desk, org: Emulator) -> None:
    """Created, listed, updated, read, published, found, deleted: what is done is in the org."""
    account = org.run(lambda it: it.query_rows("SELECT Id FROM Account LIMIT 1"))[0]["Id"]
    case = org.run(lambda it: it.query_rows("SELECT Id FROM Case LIMIT 1"))[0]["Id"]
    content = {
        "case": ({"Subject": "Ringing zebra", "Origin": "Web"}, ("Subject", "Silent zebra")),
        "case_comment": ({"ParentId": case, "CommentBody": "Old"}, ("CommentBody", "New")),
        "entitlement": ({"Name": "Silver", "AccountId": account}, ("Name", "Gold")),
        "knowledge_article": (
            {"Title": "Feeding a zebra", "UrlName": "feeding-a-zebra"},
            ("Title", "Calming a zebra"),
        ),
        "service_contract": ({"Name": "Yearly", "AccountId": account}, ("Name", "Monthly")),
        "work_order": ({"Subject": "Mend the zebra"}, ("Subject", "Mended zebra")),
    }
    done = set()

    def act(name: str, *words: str) -> Any:
        done.add(name)
        found = desk.run("action", name, *words, "--json")
        assert found.code == 0, found.err
        return found.objects()

    commands = {
        one: act(f"create_{one}", *(f"{name}={value}" for name, value in fields.items()))[0]["id"]
        for one, (fields, _) in content.items()
    }
    ids = {one: made(desk, command) for one, command in commands.items()}
    for one, (fields, (field, value)) in content.items():
        listed = act(f"list_{one}s", "--where", f"Id={ids[one]}", "--fields", field)
        assert listed == [{field: fields[field]}]
        act(f"update_{one}", ids[one], f"{field}={value}")
    assert desk.run("push").code == 0
    for one, (_, (field, value)) in content.items():
        assert act(f"get_{one}", ids[one])[0][field] == value
    made(desk, act("publish_knowledge_article", ids["knowledge_article"])[0]["id"])
    for found_as in ("cases", "work_orders", "knowledge_articles"):
        (found,) = act(f"search_{found_as}", "zebra")
        assert found["Id"] in ids.values()
    spare = act("create_knowledge_article", "Title=Not this", "UrlName=not-this")[0]["id"]
    ids["knowledge_article"] = made(desk, spare)
    for one in content:
        act(f"delete_{one}", ids[one])
    assert desk.run("push").code == 0
    for one in content:
        gone = desk.run("action", f"get_{one}", ids[one])
        assert (gone.code, "there is no" in gone.said) == (1, True)
    assert done == set(ACTIONS)
    assert len(done) == 34


def test_the_store_answers_without_a_call(desk: Desk, org: Emulator) -> None:
    """The same filters, the same records, in the same form; a search is the org's."""
    assert desk.run("pull", "Case").code == 0
    words = [
        "list_cases",
        "--where",
        "Status!=Closed",
        "--where",
        "CreatedDate>2020-01-01T00:00:00Z",
    ]
    words += ["--order", "CaseNumber DESC", "--fields", "Id,CaseNumber,IsClosed", "--json"]
    of_org = desk.run("action", *words).objects()
    calls = org.requests()["total"]
    of_store = desk.run("action", *words, "--from", "store").objects()
    assert of_store == of_org
    assert len(of_store) > 3
    one = desk.run("action", "get_case", of_store[0]["Id"], "--from", "store", "--json").document()
    assert one["CaseNumber"] == of_store[0]["CaseNumber"]
    assert desk.run("action", "search_cases", "x ray", "--from", "store").code == 2
    assert org.requests()["total"] == calls


def test_an_answer_of_the_store_says_how_fresh_it_is(desk: Desk) -> None:
    """Beside the records, which stay as they are; the org's own answers are of this moment."""
    never = desk.run("action", "list_cases", "--from", "store", "--json")
    assert (never.code, never.out, "run scsync pull Case" in never.said) == (0, "", True)
    assert desk.run("pull", "Case").code == 0
    watermark = desk.run("status", "--json").document()["objects"]["Case"]["watermark"]
    said = f"as of {watermark[:10]} {watermark[11:16]} UTC (watermark)"
    done = desk.run("action", "list_cases", "--limit", "1", "--from", "store", "--json")
    assert (done.said, len(done.objects())) == (said, 1)
    found = done.objects()[0]["Id"]
    assert desk.run("action", "get_case", found, "--from", "store").said == said
    assert desk.run("action", "list_cases", "--limit", "1").said == ""


@pytest.mark.parametrize("order", ["Status,Priority DESC", "Id DESC", "ClosedDate", None])
def test_pages_fit_together(desk: Desk, order: str | None) -> None:
    """Each record once, in one order, from the org and from the store."""
    assert desk.run("pull", "Case").code == 0
    words = ["list_cases", "--where", "Priority!=High", "--where", "IsClosed=true"]
    words += ["--fields", "Id", "--json"] + (["--order", order] if order else [])
    whole = desk.run("action", *words, "--limit", "60").objects()
    for source in ("org", "store"):
        pages = [
            record
            for page in ("1", "2", "3")
            for record in desk.run(
                "action", *words, "--limit", "20", "--page", page, "--from", source
            ).objects()
        ]
        assert pages == whole
    assert len({one["Id"] for one in whole}) == 60


def test_a_write_says_how_it_is_to_be_done(desk: Desk, org: Emulator) -> None:
    """The options reach the command, by whichever action writes."""
    case = org.run(lambda it: it.query_rows("SELECT Id, SystemModstamp FROM Case LIMIT 1"))[0]
    options = ["--on-conflict", "overwrite", "--auto-assign", "true", "--allow-duplicates"]
    options += ["--expected-modstamp", "2026-01-31T09:00:00Z", "--key", "k-1"]
    done = desk.run("action", "update_case", case["Id"], "Priority=Low", *options, "--json")
    (command,) = done.objects()
    shown = desk.run("commands", "show", command["id"], "--json").document()
    names = ("on_conflict", "auto_assign", "allow_duplicates", "idempotency_key")
    assert [shown[name] for name in names] == ["overwrite", "true", True, "k-1"]
    assert shown["expected_modstamp"].startswith("2026-01-31T09:00:00")


def test_words_of_customers_are_no_markup(desk: Desk, org: Emulator) -> None:
    """A list shows brackets as they stand, and no control characters."""
    subject = "[/b] [bold]x\x1b[2J"
    made = org.act("create", sobject="Case", fields={"Subject": subject})
    for words in (["list_cases", "--where", f"Id={made}"], ["get_case", made]):
        done = desk.run("action", *words, "--fields", "Id,Subject")
        assert done.code == 0
        assert "[/b] [bold]x" in done.out
        assert "\x1b" not in done.out


def test_a_disabled_action_is_refused_before_any_call(desk: Desk, org: Emulator) -> None:
    """By its name, exit 2, and the audit says who asked; the list says which are enabled."""
    desk.settings |= {"ACTIONS": "get_*,list_*"}
    assert desk.run("push").code == 0  # links, which is a call by itself
    calls = org.requests()["total"]
    line = '{"op":"create","sobject":"Case","fields":{"Subject":"No"}}'
    for words, given, name in (
        ("action create_case Subject=No", "", "create_case"),
        ("action search_cases zebra", "", "search_cases"),
        ("submit update Invoice__c Name=No", "", "update_invoice__c"),
        ("submit --file -", line, "create_case"),
        ("submit --dry-run --file -", line, "create_case"),
    ):
        done = desk.run(*words.split(), given=given)
        assert done.code == 2
        assert f"{name} is not enabled" in done.said
        assert done.err.count("action.refused") == 1
        with closing(Store(f"sqlite:///{desk.folder / 'scsync.db'}")) as store, store.read() as tx:
            (last,) = audit.latest(tx, limit=1)
        assert (last.act, last.subject) == ("action.refused", name)
        assert last.operator == Context().operator
    assert org.requests()["total"] == calls
    listed = desk.run("action", "--list", "--json").document()
    assert len(listed) == 34
    assert sum(one["enabled"] for one in listed) == 12


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["create_cases"], "did you mean create_case"),
        (["list_cases", "--where", "Statsu=New"], "did you mean Status"),
        (["list_cases", "--where", "Status"], "no filter"),
        (["list_cases", "--where", "IsClosed=maybe"], "no flag value"),
        (["list_cases", "--order", "Status; DELETE"], "no order"),
        (["list_cases", "--limit", "0"], "a limit is"),
        (["get_case", "500"], "not a record id"),
        (["get_case"], "takes a record id"),
        (["list_cases", "--page", "0"], "counted from 1"),
        (["list_cases", "--page", "42"], "2,000 at most: ask the store with --from store"),
        (["get_case", "500xx0000000001AAA", "--page", "2"], "has no pages"),
        (["list_cases", "--on-conflict", "merge"], "it takes no on_conflict"),
        (["update_case", "500xx0000000001AAA", "--auto-assign", "me"], "id of an assignment rule"),
        (["create_case", "Subject=x", "--on-conflict", "merge"], "is for updates and deletes"),
        (["update_case", "500xx0000000001AAA", "--expected-modstamp", "now"], "an instant like"),
        (["search_cases", "z"], "at least 2"),
    ],
)
def test_wrong_words_are_named(desk: Desk, words: list[str], said: str) -> None:
    """Exit 2, with the remedy."""
    done = desk.run("action", *words)
    assert done.code == 2
    assert said in done.said


def test_a_term_is_looked_for_as_it_stands(desk: Desk, org: Emulator) -> None:
    """Quotes, wildcards and operators are characters, in a filter as in a search."""
    subject = 'It\'s {50%} AND "half" of C:\\ (really?)'
    org.act("create", sobject="Case", fields={"Subject": subject})
    found = desk.run("action", "search_cases", '{50%} AND "half" C:\\', "--json").objects()
    assert [one["Subject"] for one in found] == [subject]
    listed = desk.run("action", "list_cases", "--where", f"Subject={subject}", "--json").objects()
    assert [one["Subject"] for one in listed] == [subject]
