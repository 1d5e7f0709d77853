"""Every page over plain HTTP: what it shows, where it leads, and what its buttons do."""

import csv
import io
import re
import shutil
from collections.abc import Iterator
from contextlib import ExitStack, closing
from datetime import timedelta
from html import unescape
from typing import Any

import pytest
from sqlalchemy import text

from emulator.server import Emulator
from models.api_key import Scope
from models.finding import FindingKind
from models.incident import IncidentKind
from models.outbox import CommandState
from pipelines.causes import blanked
from store import audit, findings, incidents, keys, leases, listing, reports, watermarks
from tests.console.browsing import Browser, Page, applied, browsing, misspelt, pull
from tests.pipelines.push.ground import Place
from tests.store.shared import database
from tests.worker.conftest import eventually
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


def test_chosen_commands_are_moved(browser: Browser, place: Place, cases: list[str]) -> None:
    """Those whose boxes were ticked."""
    one, two, left = misspelt(place, cases[11:14])
    assert "2 discarded" in browser.do("/commands/move", act="discard", id=[one, two])
    assert place.state(left) == CommandState.REJECTED
    browser.do("/commands/move", act="explode", id=[left], status=400)


@pytest.mark.parametrize(
    ("query", "status"),
    [("state=rejected&object=case&newer=2h", 200), ("newer=soon", 400), ("state=odd", 400)],
)
def test_commands_are_filtered(browser: Browser, query: str, status: int) -> None:
    """As on the command line; what cannot be read is said, not left out."""
    assert browser.see(f"/commands?{query}", status)


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


def propose(browser: Browser, path: str, status: int = 200, **changed: str) -> str:
    """Send a record's form as its page shows it, but for what is changed."""
    page = Page(browser.see(path))
    inputs = [one for one in page.all("input") if (one.get("name") or "").startswith("was.")]
    given = {"field." + str(one["name"])[4:]: one["value"] for one in inputs}
    given |= {str(one["name"]): one["value"] for one in inputs}
    (stamp,) = [one["value"] for one in page.all("input") if one.get("name") == "modstamp"]
    given |= {"modstamp": stamp, "on_conflict": "reject"}
    given |= {f"field.{name}": value for name, value in changed.items()}
    return browser.do(path, path, status=status, **given)


def test_a_proposed_change_becomes_a_command(
    browser: Browser, place: Place, cases: list[str]
) -> None:
    """Only what differs is sent, and only if nobody else has changed the record since."""
    path = f"/records/Case/{cases[20]}"
    before = place.counts().get("pending", 0)
    subject = f"Proposed on {place.app.store.url.get_backend_name()}"
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


def test_records_are_found_by_their_id(browser: Browser, cases: list[str]) -> None:
    """Fifteen characters do; what is no id, or unknown, is said."""
    assert cases[0] in browser.see(f"/records?id={cases[0][:15]}")
    browser.see("/records?id=nonsense", 400)
    browser.see("/records?id=500000000000000AAA", 404)
    browser.see(f"/records/Csae/{cases[0]}", 404)


def test_a_report_is_filtered_sorted_and_taken_away(browser: Browser, place: Place) -> None:
    """The file holds what the page counts; a column that is none is said."""
    shown = browser.see("/reports/open_cases?column=priority&sign=!%3D&value=High&order=subject")
    assert "priority!=High" in shown
    (file,) = [one for one in Page(shown).links if "/csv" in one]
    text = browser.see(file)
    header, *lines = list(csv.reader(io.StringIO(text)))
    with place.app.store.read() as tx:
        columns, rows = reports.rows(tx, "open_cases", where={"priority!=": "High"})
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


def test_a_figure_leads_to_its_records(browser: Browser, place: Place) -> None:
    """From open cases by status to the cases themselves, as many as were counted."""
    with place.app.store.read() as tx:
        _, rows = reports.rows(tx, "open_cases_by", where={"dimension": "status"})
    shown = browser.see("/reports/open_cases_by?dimension=status")
    (_, status, number, *_) = rows[0]
    leads = next(one for one in Page(shown).links if one == f"/reports/open_cases?status={status}")
    assert f"{number} rows" in browser.see(leads)


def test_an_account_is_suspended_and_resumed(browser: Browser, place: Place) -> None:
    """By buttons that say who pressed them."""
    assert "Suspended" in browser.do("/accounts/suspend")
    assert "rests" in browser.see("/objects/Case")
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
