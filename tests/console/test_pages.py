"""Every page over plain HTTP: what it shows, where it leads, and what its buttons do."""

import csv
import io
import itertools
import json
import re
import shutil
from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager
from copy import copy
from datetime import datetime, timedelta
from html import unescape
from types import SimpleNamespace
from typing import Any

import pytest
from sqlalchemy import Connection, text
from starlette.testclient import TestClient

from console.app import console
from console.pages.charted import charts_of
from emulator.server import Emulator
from models.api_key import Scope
from models.columns import Kind
from models.field_state import FieldState
from models.finding import FindingKind
from models.incident import IncidentKind
from models.outbox import CommandState
from models.watermark import Watermark
from pipelines.causes import blanked
from store import (
    audit,
    backfills,
    findings,
    incidents,
    keys,
    leases,
    listing,
    reports,
    runs,
    watermarks,
)
from store.reports import CATALOG, Column
from tests.console.browsing import HERE, Browser, Page, applied, browsing, misspelt, pull
from tests.console.ground import BROWSER
from tests.pipelines.push.ground import Place
from tests.store.shared import database
from tests.worker.conftest import eventually
from worker.app import App
from worker.turns import Feed, Turns

_DEEP = 90  # pages that a crawl looks at


@pytest.fixture(scope="module")
def org() -> Iterator[Emulator]:
    with Emulator(cases=200) as emulator:
        yield emulator


@pytest.fixture(scope="module", params=["sqlite", "postgres"])
def place(
    request: pytest.FixtureRequest, org: Emulator, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Place]:
    """A linked account that has pulled, for all tests of this file; each uses commands of its own."""
    with ExitStack() as stack:
        if request.param == "sqlite":
            path = tmp_path_factory.mktemp("console") / "store.db"
            shutil.copy(request.getfixturevalue("migrated_sqlite"), path)
            url = f"sqlite:///{path}"
        else:
            server = request.getfixturevalue("shared_postgres")
            template = request.getfixturevalue("migrated_postgres")
            made = stack.enter_context(database(server, template=template))
            url = made.render_as_string(hide_password=False)
        place = Place(org, url)
        stack.enter_context(closing(place.app))
        place.app.link_from_settings()
        pull(place)
        yield place


@pytest.fixture(scope="module")
def browser(place: Place) -> Iterator[Browser]:
    with browsing(place) as browser:
        yield browser


@pytest.fixture(scope="module")
def cases(place: Place) -> list[str]:
    with place.app.store.read() as tx:
        return list(tx.exec_driver_sql("SELECT id FROM cases ORDER BY id LIMIT 40").scalars())


def acts(place: Place, subject: str) -> list[str]:
    with place.app.store.read() as tx:
        return [one.act for one in audit.latest(tx, limit=50, subject=subject)]


def test_every_page_that_is_linked_stands(browser: Browser, place: Place, cases: list[str]) -> None:
    """From the overview on: each answers, is well formed, has one heading and nothing inline."""
    applied(place, cases[0], Priority="High")
    misspelt(place, cases[1:3])
    ahead, seen = ["/", f"/records/Case/{cases[0]}"], set[str]()
    while ahead and len(seen) < _DEEP:
        path = ahead.pop(0).partition("#")[0]
        if path in seen or not path.startswith("/"):
            continue
        seen.add(path)
        text = browser.see(path)
        if path.partition("?")[0].endswith("/csv"):
            continue
        page = Page(text)
        assert len(page.all("h1")) == 1, path
        assert len(page.all("main")) == 1, path
        assert [one for _, one in page.elements if "style" in one] == []
        assert [one for one in page.all("script") if "src" not in one] == []
        ids = [one["id"] for _, one in page.elements if "id" in one]
        assert len(ids) == len(set(ids)), path
        landmarks = [one for one in page.landmarks if one[1]]
        assert len(landmarks) == len(set(landmarks)), path
        ahead += page.links
    for part in ("/objects/Case", "/commands/causes", "/reports/open_cases", "/accounts/guide"):
        assert part in seen


def test_a_command_is_told_from_submission_to_result(
    browser: Browser, place: Place, cases: list[str]
) -> None:
    """What it asked, its request, its answer, and the record that it leads to."""
    held = place.row("Case", cases[3])
    assert held
    wanted = "High" if held["priority"] == "Low" else "Low"
    command_id = applied(place, cases[3], Priority=wanted)
    shown = browser.see(f"/commands/{command_id}")
    for part in ("Request 1", "applied", "Priority", "as asked", f"/records/Case/{cases[3]}"):
        assert part in shown
    record = browser.see(f"/records/Case/{cases[3]}")
    assert f"/commands/{command_id}" in record
    (change,) = re.findall(r'<th scope="row">priority</th>.*?>(\w+)</td></tr>', record)
    assert change == wanted
    assert browser.see("/commands/7f0f4a5e-58a7-4a0e-9d2f-0c9f5a2f1a01", 404)


def test_a_failed_command_is_edited_retried_and_discarded(
    browser: Browser, place: Place, cases: list[str]
) -> None:
    """Each by its button; each noted with who did it."""
    first, second, third = misspelt(place, cases[4:7])
    edited = browser.do(
        f"/commands/{first}/edit",
        **{"field.Priorty": "", "was.Priorty": "High", "more": "Subject", "more_value": "Mended"},
    )
    assert "Changed, and returned to the queue." in edited
    assert place.entry(first).fields == {"Priorty": None, "Subject": "Mended"}
    assert "1 returned to the queue." in browser.do(f"/commands/{second}/retry")
    assert place.state(second) == CommandState.PENDING
    assert "1 discarded" in browser.do(f"/commands/{third}/discard")
    assert place.state(third) == CommandState.DISCARDED
    assert "moved on meanwhile" in browser.do(f"/commands/{third}/retry")
    assert [acts(place, one) for one in (first, second, third)] == [
        ["command.edit"],
        ["command.retry"],
        ["command.discard"],
    ]


def test_what_shares_a_cause_is_moved_together(
    browser: Browser, place: Place, cases: list[str]
) -> None:
    """Whatever varies in its message; nothing else is touched, and nothing without the box."""
    mine = [
        place.insert(op="update", sobject="Case", record_id=one, fields=f'{{"F{n}": 1, "A": 2}}')
        for n, one in enumerate(cases[7:10])
    ]
    other = misspelt(place, cases[10:11])
    message = place.entry(mine[0]).error_message
    assert message
    with place.app.store.read() as tx:
        choice = listing.Choice(states=(CommandState.REJECTED,))
        told = {blanked(one) for id_, one in listing.ids_with_messages(tx, choice) if id_ in mine}
    (blank,) = told
    assert blank in unescape(browser.see("/commands/causes"))
    group = {"state": "rejected", "object": "Case", "code": "INVALID_FIELD", "message": blank}
    browser.do("/commands/causes/move", act="discard", status=400, **group)
    assert "3 discarded" in browser.do("/commands/causes/move", act="discard", sure="yes", **group)
    assert {place.state(one) for one in mine} == {CommandState.DISCARDED}
    assert place.state(other[0]) == CommandState.REJECTED


def test_what_shares_a_cause_is_edited_together(
    browser: Browser, place: Place, cases: list[str]
) -> None:
    """One misspelt field of many commands is mended once, and each command says so in the audit."""
    mine = [
        place.insert(op="update", sobject="Case", record_id=one, fields=f'{{"Subjct": "{n}"}}')
        for n, one in enumerate(cases[14:17])
    ]
    place.drain()
    message = place.entry(mine[0]).error_message
    shown = Page(browser.see("/commands/causes"))
    assert {"value": "Subjct"} in shown.all("option")
    group = {"state": "rejected", "object": "Case", "code": "INVALID_FIELD", "message": message}
    renamed = {**group, "field": "subjct", "change": "rename", "to": "Subject"}
    page = "/commands/causes/edit"
    for wrong in (
        {"sure": ""},
        {"to": "Subjec"},
        {"to": " "},
        {"field": ""},
        {"change": "explode"},
    ):
        browser.do(page, **{**renamed, "sure": "yes", **wrong}, status=400)
    lacking = {**renamed, "field": "Origin", "sure": "yes"}
    assert "Nothing was done: they lack the field" in browser.do(page, **lacking)
    assert {place.state(one) for one in mine} == {CommandState.REJECTED}
    assert "3 changed, and returned to the queue." in browser.do(page, **renamed, sure="yes")
    place.drain()
    held = [place.row("Case", one) for one in cases[14:17]]
    assert [row["subject"] for row in held if row] == ["0", "1", "2"]
    assert [acts(place, one) for one in mine] == [["command.edit"]] * 3


def test_chosen_commands_are_moved(browser: Browser, place: Place, cases: list[str]) -> None:
    """Those whose boxes were ticked."""
    one, two, left = misspelt(place, cases[11:14])
    assert "2 discarded" in browser.do("/commands/move", act="discard", id=[one, two])
    assert place.state(left) == CommandState.REJECTED
    browser.do("/commands/move", act="explode", id=[left], status=400)
    assert "tick the commands that are meant" in browser.do("/commands/move", act="retry")


@pytest.mark.parametrize(
    ("query", "status"),
    [("state=rejected&object=case&newer=2h", 200), ("newer=soon", 400), ("state=odd", 400)],
)
def test_commands_are_filtered(browser: Browser, query: str, status: int) -> None:
    """As on the command line; what cannot be read is said, not left out."""
    assert browser.see(f"/commands?{query}", status)


def test_a_number_beyond_use_is_as_good_as_none(browser: Browser) -> None:
    """However many digits somebody puts into an address."""
    many = "9" * 5_000
    for path in ("/commands?limit=", "/reports/open_cases?page=", "/commands?done=retried."):
        assert browser.see(f"{path}{many}")
    assert "1,234 returned to the queue" in browser.see("/commands?done=retried.1234")


@pytest.mark.parametrize("path", ["/commands", "/commands/causes"])
def test_a_filter_that_will_not_do_is_said_where_it_was_asked(browser: Browser, path: str) -> None:
    """With what there is instead; what else was asked stands in the form still."""
    shown = browser.see(f"{path}?state=bogus&object=Case&code=MINE&newer=2h", 400)
    assert "bogus is no state of a command: pending, sending" in shown
    typed = {one.get("name"): one.get("value") for one in Page(shown).all("input")}
    assert (typed["object"], typed["code"], typed["newer"]) == ("Case", "MINE", "2h")


def test_a_backfill_is_not_called_nothing(browser: Browser, place: Place) -> None:
    """The sentence says what the bar below it shows."""
    with place.app.store.begin() as tx:
        backfills.plan(tx, "Asset", "first load", now=place.clock())
    shown = browser.see("/objects/Asset")
    assert "<progress" in shown
    assert "Being read from the beginning." in shown
    assert "Nothing is under way" not in shown
    with place.app.store.begin() as tx:
        backfills.lead(tx, "Asset", owner="x", now=place.clock())
        backfills.finish(tx, "Asset", owner="x", now=place.clock())


def test_a_pull_and_a_comparison_are_asked_for(browser: Browser, place: Place) -> None:
    """In the daemon's way: due at once, without the request waiting for any of it."""
    now = place.clock()
    with place.app.store.begin() as tx:
        resting = timedelta(hours=20)
        leases.hold(tx, "verify/Case", owner="rests", now=now, span=resting)
    assert "A pull was asked for" in browser.do("/objects/Case/pull")
    assert "A comparison was asked for" in browser.do("/objects/Case/verify")
    with place.app.store.read() as tx:
        assert watermarks.read(tx, "Case").ended_at is None
        assert leases.until(tx, "verify/Case") is None
    rung: list[tuple[str, str]] = []
    Turns(place.app).ring_feeds(lambda feed, sobject, _: rung.append((feed, sobject)))
    assert (Feed.VERIFY, "Case") in rung
    assert acts(place, "Case") == ["object.verify", "object.pull"]
    browser.do("/objects/Csae/pull", status=404)


def test_what_cannot_be_noted_is_not_done(place: Place) -> None:
    """Who asked for a comparison or an examination stands in the audit, or there is none."""
    with place.app.store.begin() as tx:
        resting = timedelta(hours=20)
        leases.hold(tx, "verify/Account", owner="x", now=place.clock(), span=resting)
    client = TestClient(
        console(place.app), base_url=HERE, headers=BROWSER, raise_server_exceptions=False
    )
    browser = Browser(client)
    (token, *_) = re.findall(r'name="csrf" value="(\w+)"', browser.see("/accounts"))
    rename = "ALTER TABLE {} RENAME TO {}"
    with place.app.store.begin() as tx:
        tx.exec_driver_sql(rename.format("scsync_audit", "away"))
    try:
        for path in ("/objects/Account/verify", "/accounts/doctor/run"):
            assert client.post(path, data={"csrf": token}).status_code >= 500
    finally:
        with place.app.store.begin() as tx:
            tx.exec_driver_sql(rename.format("away", "scsync_audit"))
    with place.app.store.read() as tx:
        assert leases.until(tx, "verify/Account") is not None
    assert "Not examined" in browser.see("/accounts/doctor")


def filled(page: Page) -> dict[str, str]:
    """Read the form of a proposal as a browser would send it."""
    given: dict[str, str] = {}
    chosen = ""
    for tag, one in page.elements:
        name, value = one.get("name") or "", one.get("value") or ""
        if tag in {"input", "textarea", "select"}:
            chosen = name
        if tag == "input" and name.startswith(("field.", "was.", "modstamp")):
            given[name] = value
        elif tag == "textarea":
            given[name] = page.texts.get(f"i-{name.removeprefix('field.')}", "").removeprefix("\n")
        elif tag == "option" and (chosen not in given or "selected" in one):
            given[chosen] = value
    return given


def propose(
    browser: Browser, path: str, status: int = 200, *, shown: str = "", **changed: str
) -> str:
    """Send a record's form as its page shows it, or has been `shown`, but for what is changed."""
    given = filled(Page(shown or browser.see(path)))
    given |= {
        name if name == "on_conflict" else f"field.{name}": one for name, one in changed.items()
    }
    return browser.do(path, path, status=status, **given)


def database_of(place: Place) -> str:
    """Name what the store is in: the org is that of both, and holds what was written by the other."""
    return place.app.store.url.get_backend_name()


def test_a_proposed_change_becomes_a_command(
    browser: Browser, place: Place, cases: list[str]
) -> None:
    """Only what differs is sent, and only if nobody else has changed the record since."""
    path = f"/records/Case/{cases[20]}"
    before = place.counts().get("pending", 0)
    subject = f"Proposed on {database_of(place)}"
    assert "Accepted: here is how it fares." in propose(browser, path, Subject=subject)
    with place.app.store.read() as tx:
        (entry, *_) = listing.of_record(tx, "Case", cases[20], limit=5)
    assert entry.fields == {"Subject": subject}
    assert (entry.on_conflict, bool(entry.expected_modstamp)) == ("reject", True)
    assert acts(place, entry.id) == ["command.submit"]
    assert place.counts()["pending"] == before + 1


def test_what_is_wrong_with_a_proposal_stands_at_its_field(
    browser: Browser, place: Place, cases: list[str]
) -> None:
    """What was typed is kept; nothing is stored."""
    path, before = f"/records/Case/{cases[21]}", place.counts()
    shown = propose(browser, path, 422, Subject="x" * 256, Description="kept as typed")
    wrong = [one for one in Page(shown).all("input") if one.get("aria-invalid")]
    assert [one["name"] for one in wrong] == ["field.Subject"]
    assert 'id="w-Subject"' in shown
    assert "kept as typed" in shown
    assert "nothing was changed" in propose(browser, path, 422)
    assert place.counts() == before


def test_a_text_is_what_was_typed(browser: Browser, place: Place, cases: list[str]) -> None:
    """`null` and JSON are words like others; nothing empties a field but an empty input."""
    case, pasted = cases[26], f'{{"{database_of(place)}": [1, 2]}}'
    path = f"/records/Case/{case}"
    propose(browser, path, Subject="null", Description=pasted)
    with place.app.store.read() as tx:
        (entry, *_) = listing.of_record(tx, "Case", case, limit=5)
    assert entry.fields == {"Subject": "null", "Description": pasted}
    place.org.act("update", sobject="Case", id=case, fields={"Subject": "not null"})
    (command_id,) = misspelt(place, [case])
    page = f"/commands/{command_id}"
    given = {"was.Priorty": "High", "more": "Subject"}
    browser.do(f"{page}/edit", **given, **{"field.Priorty": "null"}, more_value=pasted)
    assert place.entry(command_id).fields == {"Priorty": "null", "Subject": pasted}


@pytest.mark.parametrize("typed", ["null", '{"a": 1}', "[1]", "NaN", "1e999", "1,2", "{" * 9999])
def test_what_is_no_number_is_told_at_its_field(
    browser: Browser, cases: list[str], typed: str
) -> None:
    """Whatever else JSON would make of it."""
    shown = propose(browser, f"/records/Case/{cases[27]}", 422, Refund_Amount__c=typed)
    wrong = [one["name"] for one in Page(shown).all("input") if one.get("aria-invalid")]
    wrong += [one["name"] for one in Page(shown).all("textarea") if one.get("aria-invalid")]
    assert wrong == ["field.Refund_Amount__c"]


def test_a_reference_to_a_command_is_taken_as_one(
    browser: Browser, place: Place, cases: list[str]
) -> None:
    """To the letter: the record that another command makes."""
    (contact,) = place.submit({"op": "create", "sobject": "Contact", "fields": {"LastName": "New"}})
    refers = {"$command": contact}
    propose(browser, f"/records/Case/{cases[28]}", ContactId=json.dumps(refers))
    with place.app.store.read() as tx:
        (entry, *_) = listing.of_record(tx, "Case", cases[28], limit=5)
    assert entry.fields == {"ContactId": refers}


def test_a_value_that_is_none_stands_empty_in_the_form(
    browser: Browser, place: Place, cases: list[str]
) -> None:
    """What is left alone stays as it was asked."""
    command_id = place.insert(
        op="update", sobject="Case", record_id=cases[29], fields='{"Priorty": null}'
    )
    place.drain()
    (shown,) = [
        one
        for one in Page(browser.see(f"/commands/{command_id}")).all("input")
        if one.get("name") == "field.Priorty"
    ]
    assert shown["value"] == ""


def overtaken(place: Place, case: str, **theirs: str) -> None:
    """Have the store learn of a change that somebody else has made of a case."""
    place.org.act("update", sobject="Case", id=case, fields=theirs)
    pull(place)


def test_a_form_that_was_refused_does_not_forget_what_it_was_based_on(
    browser: Browser, place: Place, cases: list[str]
) -> None:
    """Sent again, it is refused as before; both values stand at the field, and the choice is kept."""
    case, before = cases[24], place.counts()
    path = f"/records/Case/{case}"
    shown = browser.see(path)
    mine, theirs = (f"{whose} on {database_of(place)}" for whose in ("Mine", "Theirs"))
    overtaken(place, case, Subject=theirs)
    for _ in range(2):
        shown = propose(browser, path, 422, shown=shown, Subject=mine, Description="x" * 40_000)
    shown = propose(browser, path, 422, shown=shown, Description="")
    assert "The record has changed since this page was loaded" in shown
    assert filled(Page(shown))["field.Subject"] == mine
    assert f'It became: <span class="value">{theirs}</span>' in shown
    assert place.counts() == before
    kept = propose(
        browser, path, 422, shown=shown, Description="x" * 40_000, on_conflict="overwrite"
    )
    assert filled(Page(kept))["on_conflict"] == "overwrite"
    propose(browser, path, shown=kept, Description="")
    place.drain()
    held = place.row("Case", case)
    assert held
    assert held["subject"] == mine


def test_what_others_left_alone_is_written_though_the_store_knows_of_their_change(
    browser: Browser, place: Place, cases: list[str]
) -> None:
    """Fields of the form that others changed keep what they became; with nothing left it is refused."""
    case = cases[25]
    path, mine = (
        f"/records/Case/{case}",
        {"Subject": "Mine", "Description": f"Mine on {database_of(place)}"},
    )
    shown = browser.see(path)
    theirs = f"Theirs on {database_of(place)}"
    overtaken(place, case, Subject=theirs)
    merging = {"shown": shown, "on_conflict": "merge"}
    refused = propose(browser, path, 422, **merging, Subject="Mine")
    assert "The record has changed since this page was loaded" in refused
    assert filled(Page(refused))["on_conflict"] == "merge"
    assert "but for the fields that somebody else had changed" in propose(
        browser, path, **merging, **mine
    )
    place.drain()
    held = place.row("Case", case)
    assert held
    assert (held["subject"], held["description"]) == (theirs, mine["Description"])


def test_a_proposal_that_is_not_enabled_is_refused_and_noted(
    place: Place, cases: list[str]
) -> None:
    """It stands above the form, and the audit says who proposed it."""
    barred, path = copy(place), f"/records/Case/{cases[22]}"
    settings = place.app.settings.model_copy(update={"actions": ("list_*",)})
    barred.app = App(settings, clock=place.clock)
    with closing(barred.app), browsing(barred) as browser:
        assert "update_case is not enabled" in propose(browser, path, 422, Subject="No")
    with place.app.store.read() as tx:
        (noted,) = audit.latest(tx, limit=9, subject="update_case")
    assert (noted.operator, noted.act) == ("local", "action.refused")


def test_records_are_found_by_their_id(browser: Browser, cases: list[str]) -> None:
    """Fifteen characters do; what is no id, or unknown, is said."""
    assert cases[0] in browser.see(f"/records?id={cases[0][:15]}")
    browser.see("/records?id=nonsense", 400)
    browser.see("/records?id=500000000000000AAA", 404)
    browser.see(f"/records/Csae/{cases[0]}", 404)


@pytest.mark.parametrize(
    ("stored", "shown"),
    [(37.7936, "37.7936"), (0.004, "0.004"), (0.00001, "0.00001"), (1234567.0, "1,234,567")],
)
def test_a_records_numbers_are_told_in_full(
    browser: Browser, place: Place, stored: float, shown: str
) -> None:
    """A latitude without its last digits is another place."""
    with place.app.store.begin() as tx:
        account = tx.exec_driver_sql("SELECT id FROM accounts ORDER BY id LIMIT 1").scalar_one()
        change = text("UPDATE accounts SET billing_latitude = :it WHERE id = :id")
        tx.execute(change, {"it": stored, "id": account})
    page = browser.see(f"/records/Account/{account}")
    assert f'BillingLatitude</th><td class="wrap value">{shown}</td>' in page


def test_what_a_record_was_before_bears_names(
    browser: Browser, place: Place, cases: list[str]
) -> None:
    """The owner then and the owner now, each leading to its record; an unknown one keeps its Id."""
    change = text(
        "INSERT INTO record_history (sobject, record_id, field, old_value, new_value, changed_at)"
        " VALUES ('Case', :case, 'owner_id', :old, :new, '2026-01-02T00:00:00.000Z')"
    )
    with place.app.store.begin() as tx:
        users = tx.exec_driver_sql("SELECT id, name FROM users ORDER BY id LIMIT 2").all()
        was = [*(user_id for user_id, _ in users), "005000000000000AAA"]
        for old, new in itertools.pairwise(was):
            tx.execute(change, {"case": cases[22], "old": old, "new": new})
    shown = unescape(browser.see(f"/records/Case/{cases[22]}"))
    past = shown.partition('id="past-head"')[2]
    for user_id, name in users:
        assert f'<a href="/records/User/{user_id}">{name}</a>' in past
    assert f'<td class="wrap">{was[-1]}</td>' in past


def test_what_has_not_ended_bears_no_date(browser: Browser) -> None:
    """The year 9999 is for comparisons; a person sees that there is no end."""
    shown = browser.see("/reports/open_spells?until>=9999-01-01T00:00:00Z")
    assert "<td>-</td>" in shown
    assert "9999-12-31" not in shown


def test_a_report_is_filtered_sorted_and_taken_away(browser: Browser, place: Place) -> None:
    """The file holds what the page counts; a column that is none is said."""
    shown = browser.see("/reports/open_cases?column=priority&sign=!%3D&value=High&order=subject")
    assert "priority!=High" in shown
    (file,) = [one for one in Page(shown).links if "/csv" in one]
    text = browser.see(file)
    header, *lines = list(csv.reader(io.StringIO(text)))
    with place.app.store.read() as tx:
        columns, rows = reports.rows(tx, "open_cases", where=[("priority!=", "High")])
    assert header == [one.name for one in columns]
    assert len(lines) == len(rows)
    assert f"{len(rows)} rows" in shown
    for query in ("column=nmae&value=1", "order=nmae", "age_days=old"):
        browser.see(f"/reports/open_cases?{query}", 400)
    browser.see("/reports/open_caess", 404)


@pytest.mark.parametrize("begins", list("=+-@\t\r\n"))
def test_a_file_for_a_spreadsheet_holds_no_formula(
    browser: Browser, place: Place, begins: str
) -> None:
    """Customers write subjects, and whoever opens the file would run them; the page shows them."""

    def subject_of(case: str) -> str:
        file = browser.see(f"/reports/open_cases/csv?id={case}")
        (line,) = csv.DictReader(io.StringIO(file, newline=""))
        assert line["age_days"].isdecimal()
        return line["subject"]

    with place.app.store.read() as tx:
        _, rows = reports.rows(tx, "open_cases", limit=1)
    case, before = rows[0][0], subject_of(rows[0][0])
    for subject in (f"{begins}1+1|cmd", before):
        with place.app.store.begin() as tx:
            tx.execute(
                text("UPDATE cases SET subject = :s WHERE id = :i"), {"s": subject, "i": case}
            )
        assert subject_of(case) == (subject if subject is before else f"'{subject}")


def test_a_wrong_filter_costs_none_of_the_others(browser: Browser) -> None:
    """It is left out and said; what was typed can be mended."""
    shown = browser.see(
        "/reports/open_cases?priority%21%3D=High&column=age_days&sign=%3E%3D&value=old", 400
    )
    assert "Left out: age_days takes a whole number of 64 bits, not &#39;old&#39;" in shown
    assert "Remove: </span>priority!=High" in shown
    assert "<option selected>age_days</option>" in shown
    assert "<option selected>&gt;=</option>" in shown
    assert 'value="old"' in shown
    huge = f"age_days={'9' * 30}"
    assert "Left out: age_days takes" in browser.see(f"/reports/open_cases?{huge}", 400)
    browser.see(f"/reports/open_cases/csv?{huge}", 400)
    right = browser.see("/reports/open_cases?priority%21%3D=High")
    rows = re.compile(r">([\d,]+) rows<")
    assert rows.findall(shown) == rows.findall(right) != ["0"]


def test_filters_on_one_column_hold_together(browser: Browser) -> None:
    """Each is kept, shown, drawn, taken into the CSV, and can be removed by itself."""
    for_both = "status%21%3D=Escalated&status%21%3D=Working"
    added = "column=status&sign=%21%3D&value=Working"
    shown = browser.see(f"/reports/open_cases?status%21%3D=Escalated&{added}")
    file = browser.see(f"/reports/open_cases/csv?{for_both}")
    rows = [*csv.DictReader(io.StringIO(file, newline=""))]
    assert rows
    assert not {row["status"] for row in rows} & {"Escalated", "Working"}
    assert f">{len(rows)} rows<" in shown
    (chart,) = specs(shown)
    assert sum(chart["series"][0]["values"]) == len(rows)
    for one in ("Escalated", "Working"):
        assert f"Remove: </span>status!={one}" in shown
        assert f'href="/reports/open_cases?status%21%3D={one}"' in shown
    assert f'href="/reports/open_cases/csv?{for_both.replace("&", "&amp;")}"' in shown


def test_a_page_beyond_the_last_is_the_last(browser: Browser) -> None:
    """Rows go while somebody pages: an empty page would say that there never were any."""
    shown = browser.see("/reports/cases_by_day?page=9999")
    assert "Nothing yet" not in shown
    (page, pages) = re.findall(r"page (\d+) of (\d+)", shown)[0]
    assert page == pages != "1"


def test_an_empty_report_says_how_old_it_is(browser: Browser, place: Place) -> None:
    """No violated milestone is good news only once all of them were read."""
    shown = browser.see("/reports/open_cases?priority=Nobody")
    assert "Fresh as of" in shown
    with place.app.store.begin() as tx:
        tx.exec_driver_sql("UPDATE scsync_watermarks SET skipped = 'gone' WHERE sobject = 'Case'")
    try:
        shown = browser.see("/reports/open_cases?priority=Noone")
    finally:
        with place.app.store.begin() as tx:
            tx.exec_driver_sql("UPDATE scsync_watermarks SET skipped = NULL WHERE sobject = 'Case'")
    assert "Not all of it was read to its end" in shown
    assert "Fresh as of" not in shown


def test_a_report_on_what_the_org_hides_is_not_fresh(browser: Browser, place: Place) -> None:
    """Neither is the desk: a count of what nobody can see is no figure."""
    tile = re.compile(r"Not entitled</a></dt><dd[^>]*>([-\d,]+)<small>([^<]+)")
    with hidden(place, "EntitlementId"):
        shown = browser.see("/reports/cases_without_entitlement?priority=Nobody")
        desk = browser.see("/reports")
    assert "Not readable: Case.EntitlementId, which these figures hang on." in shown
    assert "Fresh as of" not in shown
    assert "Not readable: Case.EntitlementId." in desk
    assert tile.findall(desk) == [("-", "Case.EntitlementId: not readable")]
    assert "Not readable" not in browser.see("/reports")


@contextmanager
def hidden(place: Place, field: str) -> Iterator[None]:
    """Have the store know that the org does not show a field of cases."""
    for status in ("frozen", "active"):
        with place.app.store.begin() as tx:
            table = FieldState.__table__  # type: ignore[attr-defined]
            mine = (table.c.sobject == "Case", table.c.api_name == field)
            tx.execute(table.update().where(*mine).values(status=status))
        if status == "frozen":
            yield


LEADS = {
    "owner": "owner_id",
    "account": "account_id",
    "agent": "user_id",
    "entitlement": "entitlement_id",
    "contract": "contract_id",
    "territory": "territory_id",
    "work_order_number": "id",
    "article_number": "id",
    "contract_number": "id",
}


@pytest.mark.parametrize("name", CATALOG)
def test_names_lead_to_records_and_ids_stand_last(
    browser: Browser, place: Place, name: str
) -> None:
    """What people read comes first: a case by its number, a customer by its name."""
    report = CATALOG[name]
    with place.app.store.read() as tx:
        columns, (first, *_) = reports.rows(tx, name, limit=1)
    row = dict(zip([one.name for one in columns], first, strict=True))
    links = Page(browser.see(f"/reports/{name}")).links
    heads = [link.partition("order=")[2].partition("+")[0] for link in links if "order=" in link]
    ids = [one.name for one in report.columns if one.name == "id" or one.name.endswith("_id")]
    assert heads[len(report.columns) - len(ids) : len(report.columns)] == ids
    table = unescape(browser.see(f"/reports/{name}")).partition('id="rows-head"')[2]
    for called, id_of in LEADS.items():
        if called in row and row.get(id_of) and row[called] not in {None, row[id_of]}:
            assert re.search(
                rf'href="/records/\w+/{row[id_of]}">{re.escape(row[called])}</a>', table
            )


def test_a_milestone_leads_to_its_case(browser: Browser, place: Place) -> None:
    """Not the promise is what somebody opens, but the case that it is about."""
    with place.app.store.read() as tx:
        _, ((record_id, case_id, number, state, *_), *_) = reports.rows(tx, "milestones", limit=1)
    shown = browser.see("/reports/milestones").partition('id="rows-head"')[2]
    row = shown.partition('<th scope="row">')[2].partition("</tr>")[0]
    assert row.startswith(f'<a href="/records/Case/{case_id}">{number}</a></th>')
    assert row.index(state) < row.index(f"/records/CaseMilestone/{record_id}")


def test_a_figure_leads_to_its_records(browser: Browser, place: Place) -> None:
    """From open cases by status to the cases themselves, as many as were counted."""
    with place.app.store.read() as tx:
        _, rows = reports.rows(tx, "open_cases_by", where=[("dimension", "status")])
    shown = browser.see("/reports/open_cases_by?dimension=status")
    (_, status, _, number, *_) = rows[0]
    leads = next(one for one in Page(shown).links if one == f"/reports/open_cases?status={status}")
    assert f"{number} rows" in browser.see(leads)


@pytest.mark.parametrize(
    ("figures", "records", "number"),
    [("open_cases_by", "open_cases", "cases"), ("work_orders_by", "work_orders", "open")],
)
def test_a_figure_of_one_name_leads_by_its_id(
    browser: Browser, place: Place, figures: str, records: str, number: str
) -> None:
    """Two customers may bear one name, and an owner whom the store does not know has none."""
    with place.app.store.read() as tx:
        columns, rows = reports.rows(tx, figures, where=[("value_id!=", "")], order="dimension")
    named = [dict(zip([one.name for one in columns], row, strict=True)) for row in rows]
    for row in {one["dimension"]: one for one in named}.values():
        leads = f"/reports/{records}?{row['dimension']}_id={row['value_id']}"
        listed = browser.see(f"/reports/{figures}?dimension={row['dimension']}")
        assert leads in Page(listed).links
        assert f"{row[number]} rows" in browser.see(leads)
    alike = {"dimension": "owner", "value": "Kim", number: 1}
    answer = SimpleNamespace(
        columns=[Column(name, Kind.TEXT, "", "") for name in (*alike, "value_id")],
        rows=[(*alike.values(), "005A"), (*alike.values(), "005B")],
        total=2,
    )
    (chart,) = charts_of(CATALOG[figures], [("dimension", "owner")], lambda *_, **__: answer)
    assert (chart.labels, chart.series[0].values) == (("Kim", "Kim"), (1, 1))


@pytest.mark.parametrize("name", CATALOG)
def test_every_report_has_a_picture(browser: Browser, name: str) -> None:
    """Of its own figures, or of how many of its rows are of which kind."""
    assert specs(browser.see(f"/reports/{name}"))


def test_a_picture_is_of_what_the_page_is_filtered_by(browser: Browser, place: Place) -> None:
    """Hours are drawn as hours, a series for each priority; the backlog has its own course."""
    with place.app.store.read() as tx:
        columns, rows = reports.rows(tx, "response_times", where=[("metric", "resolution")])
        _, tallied = reports.tally(tx, "open_cases", "age_band", where=[("priority", "High")])
        _, days = reports.rows(tx, "cases_by_day", limit=100)
    hours, days = (
        [dict(zip([one.name for one in columns], row, strict=True)) for row in rows],
        days[::-1],
    )
    (chart,) = specs(browser.see("/reports/response_times?metric=resolution"))
    drawn = {
        (label, series["name"]): value
        for series in chart["series"]
        for label, value in zip(chart["labels"], series["values"], strict=True)
        if value is not None
    }
    assert drawn == {(one["month"], one["priority"]): one["average_hours"] for one in hours}
    (chart,) = specs(browser.see("/reports/open_cases?priority=High"))
    assert dict(zip(chart["labels"], chart["series"][0]["values"], strict=True)) == dict(tallied)
    _, chart = specs(browser.see("/reports/cases_by_day"))
    values = dict(zip(chart["labels"], chart["series"][0]["values"], strict=True))
    known = {str(row[0]): row[3] for row in days}
    assert len(values.keys() & known.keys()) > 30  # a day may begin in between
    assert {values[day] - known[day] for day in values.keys() & known.keys()} == {0}
    assert specs(browser.see("/reports/open_spells?priority=High")) == []


@pytest.mark.parametrize(
    ("name", "total", "labels", "note"),
    [
        ("agents_load", 29, [f"Agent {one}" for one in range(29)], "the first 24 of 29"),
        ("agents_load", 24, [f"Agent {one}" for one in range(24)], ""),
        ("cases_by_day", 731, [f"day {one:03}" for one in range(100)], "the last 99 days of 731"),
        ("cases_by_day", 2, ["day 1", "day 2"], ""),
        (
            "milestones_by_month",
            9,
            ["2026-03", "2026-03", "2026-02", "2026-01"],
            "the last 2 months",
        ),
    ],
)
def test_a_chart_that_is_cut_says_so(name: str, total: int, labels: list[str], note: str) -> None:
    """What nobody draws is not what nobody has; where labels were counted, of how many."""
    columns = CATALOG[name].columns
    (label,) = {"agent", "day", "month"} & {one.name for one in columns}
    rows = [[text if one.name == label else 1 for one in columns] for text in labels]
    answer = SimpleNamespace(columns=columns, rows=rows, total=total)
    for chart in charts_of(CATALOG[name], (), lambda *_, **__: answer):
        assert chart.note == note
        assert len(chart.labels) < total or not note


def test_what_ends_soon_is_drawn_by_when() -> None:
    """In the order of time, whatever is most; of what is over there is no such picture."""
    counted = SimpleNamespace(
        columns=[Column(name, Kind.WHOLE, "", "") for name in ("ends_within", "rows")],
        rows=[(None, 7), (90, 4), (30, 2)],
        total=3,
    )

    def ask(_: str, where: reports.Conditions, *, tally: str | None = None) -> Any:
        assert ("state", "active") in where
        return counted if tally == "ends_within" else pytest.fail("only what is active ends")

    (chart,) = charts_of(CATALOG["entitlements"], [("state", "active")], ask)
    assert chart.labels == ("within 30 days", "61 to 90 days", "later or never")
    assert chart.series[0].values == (2, 4, 7)
    assert [*charts_of(CATALOG["entitlements"], [("state", "expired")], ask)] == []


def specs(page: str) -> list[dict[str, Any]]:
    return [json.loads(str(one["data-chart"])) for one in Page(page).all("canvas")]


def test_an_account_is_suspended_and_resumed(browser: Browser, place: Place) -> None:
    """By buttons that say who pressed them."""
    assert "Suspended" in browser.do("/accounts/suspend")
    assert "rests" in browser.see("/objects/Case")
    assert "account default is suspended" in browser.see("/")
    assert "Resumed." in browser.do("/accounts/resume")
    assert acts(place, "default") == ["account.resume", "account.suspend"]
    assert "local" in browser.see("/accounts")


def test_acts_at_a_shell_are_listed_beside_ours(browser: Browser, place: Place) -> None:
    """Each as it is: what it has no detail of is not said to be None."""
    detail = {"scopes": ["read", "submit"], "expires_at": None}
    with place.app.store.begin() as tx:
        now, who = place.app.clock(), "ada at a shell"
        audit.note(tx, operator=who, act="key.make", subject="bot", detail=detail, now=now)
    shown = browser.see("/accounts")
    for part in ("wherever they were done", "ada at a shell", "scopes read, submit"):
        assert part in shown
    assert "expires_at" not in shown


def test_the_doctor_comes_on_request(browser: Browser) -> None:
    """It works beside the page, which shows what it has seen."""
    assert "Not examined" in browser.see("/accounts/doctor")
    assert "The examination has begun." in browser.do("/accounts/doctor/run", "/accounts/doctor")
    eventually(lambda: "things looked at:" in browser.see("/accounts/doctor"))
    shown = browser.see("/accounts/doctor")
    for part in ("broker", "API version", "CaseComment"):
        assert part in shown


def test_the_guide_is_for_what_is_wanted(browser: Browser) -> None:
    """One action's needs, and no other's."""
    query = "action=update_case&environment=sandbox&unattended=yes"
    shown = browser.see(f"/accounts/guide?{query}")
    assert "Enable JWT Bearer Flow" in shown
    assert "SCSYNC_ACTIONS=update_case" in shown


@pytest.mark.parametrize(
    ("scope", "path", "status"),
    [
        (Scope.READ, "/objects/Case/pull", 403),
        (Scope.SUBMIT, "/commands/move", 403),
        (Scope.OPERATE, "/objects/Case/pull", 200),
    ],
)
def test_buttons_are_for_those_who_may(place: Place, scope: Scope, path: str, status: int) -> None:
    """Whoever only reads sees no button, and is refused without one."""
    held: tuple[Any, ...] = (Scope.READ, scope)
    with place.app.store.begin() as tx:
        key = keys.make(tx, f"{scope}{path}", set(held), now=place.clock())
    with browsing(place, is_loopback=False) as stranger:
        stranger.client.headers["authorization"] = f"Bearer {key}"
        assert ("Pull now" in stranger.see("/objects/Case")) is (scope is Scope.OPERATE)
        answer = stranger.client.post(path, data={"act": "retry"})
        assert answer.status_code == status


def test_a_form_from_elsewhere_is_refused(browser: Browser, place: Place, cases: list[str]) -> None:
    """Without a page's token nothing is done."""
    (command_id,) = misspelt(place, cases[22:23])
    answer = browser.client.post(f"/commands/{command_id}/discard", data={"csrf": "guessed"})
    assert answer.status_code == 403
    assert place.state(command_id) == CommandState.REJECTED


@pytest.mark.parametrize(
    ("path", "parts"),
    [
        ("/", {"verdict", "tiles", "objects", "commands", "budget", "incidents"}),
        ("/reports", {"fresh", "tiles"}),
        ("/reports/open_cases", {"fresh", "rows"}),
        ("/accounts", {"state", "account", "acts"}),
    ],
)
def test_what_changes_is_renewed(browser: Browser, path: str, parts: set[str]) -> None:
    """Each by its id; and there is a place to say that it is not."""
    page = Page(browser.see(path))
    assert {one["id"] for _, one in page.elements if "data-live" in one} == parts
    assert [one["role"] for _, one in page.elements if one.get("id") == "stale"] == ["status"]


def test_what_fails_by_one_cause_is_one_line(browser: Browser, place: Place) -> None:
    """However often, and whatever varies in the message: another cause is not crowded out."""
    now = place.clock()
    told = {"sobject": "Asset", "pages": 0, "rows_read": 0, "rows_written": 0, "outcome": "failed"}
    with place.app.store.begin() as tx:
        for number in range(9):
            why = f"job 750xx000000{number:04}AAA stands still"
            at = now - timedelta(minutes=30 + number)
            runs.record(tx, [{**told, "started_at": at, "error_message": why}])
    shown = browser.see("/")
    assert shown.count("stands still") == 1
    assert "9 times, last " in shown
    with place.app.store.begin() as tx:
        tx.exec_driver_sql("DELETE FROM scsync_runs WHERE outcome = 'failed'")


def test_the_desk_is_as_fresh_as_its_least_fresh_figure(browser: Browser, place: Place) -> None:
    """And of what was never read there is none: no violation known is not no violation."""
    tile = re.compile(r"Milestones violated</a></dt><dd[^>]*>([-\d,]+)<small>([^<]+)")
    assert "Not read" not in browser.see("/reports")
    with place.app.store.begin() as tx:
        mark = watermarks.read(tx, "CaseMilestone")
        set_finished(tx, "CaseMilestone", None)
        set_finished(tx, "WorkOrder", place.clock() - timedelta(hours=7))
    shown = browser.see("/reports")
    assert "Not read: CaseMilestone." in shown
    assert "7 h ago</time>." in shown
    assert tile.findall(shown) == [("-", "CaseMilestone: not read")]
    with place.app.store.begin() as tx:
        for sobject in ("CaseMilestone", "WorkOrder"):
            set_finished(tx, sobject, mark.finished_at)


def set_finished(tx: Connection, sobject: str, at: datetime | None) -> None:
    table = Watermark.__table__  # type: ignore[attr-defined]
    tx.execute(table.update().where(table.c.sobject == sobject).values(finished_at=at))


def test_what_customers_wrote_is_shown_as_they_wrote_it(
    browser: Browser, place: Place, cases: list[str]
) -> None:
    """Nobody's words become part of a page."""
    applied(place, cases[23], Subject="<script>alert(1)</script>")
    pull(place)
    shown = browser.see(f"/records/Case/{cases[23]}")
    assert "<script>alert" not in shown
    assert "&lt;script&gt;alert(1)" in shown


def test_incidents_are_told_until_they_are_over_and_a_while_longer(
    browser: Browser, place: Place
) -> None:
    """With what to do; what is a finding as well is told once."""
    with place.app.store.begin() as tx:
        incidents.open_(tx, IncidentKind.NO_WORKER, "nobody was heard of", now=place.clock())
        findings.raise_(tx, "User", FindingKind.DRIFT, "they differ by three", now=place.clock())
        findings.raise_(
            tx, "webhook", FindingKind.WEBHOOK_FAILED, "nobody took it", now=place.clock()
        )
    shown = browser.see("/")
    assert "No worker is alive" in shown
    assert "Start scsync worker" in shown
    assert "they differ by three" in shown
    assert "Org and store differ" not in shown
    assert "/objects/webhook" not in shown
    with place.app.store.begin() as tx:
        incidents.close_every(tx, now=place.clock())
        findings.clear(tx, "webhook", FindingKind.WEBHOOK_FAILED, now=place.clock())
        findings.clear(tx, "User", FindingKind.DRIFT, now=place.clock())
    shown = browser.see("/")
    assert "No worker is alive" in shown
    assert "Start scsync worker" not in shown
