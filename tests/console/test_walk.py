"""A walk through the console in a real browser, before a real daemon and an emulated org."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, expect
from sqlalchemy import create_engine, text

from emulator.server import Emulator
from models import CATALOG as OBJECTS
from store.reports import CATALOG
from tests.console.chromium import Visitor, opened, visiting
from tests.services import free_port
from tests.worker.conftest import eventually

SCSYNC = str(Path(sys.executable).with_name("scsync"))
PAGES = (
    "/",
    "/objects",
    "/objects/Case",
    "/commands",
    "/commands/causes",
    "/reports",
    "/reports/open_cases_by",
    "/reports/cases_by_day",
    "/accounts",
    "/accounts/guide",
    "/accounts/doctor",
)
SEEN = ("case number", "state", "minutes left", "target date", "milestone", "owner", "account")
"""Of a milestone, the first of them on a telephone."""
MANY_BARS = """() => {
  const canvas = document.querySelector("canvas"), spec = JSON.parse(canvas.dataset.chart);
  spec.labels = Array.from({ length: 24 }, (_, at) => `Somebody ${at}`);
  spec.series[0].values = spec.labels.map((_, at) => at + 1);
  canvas.dataset.chart = JSON.stringify(spec);
  drawAll();
  const names = Chart.getChart(canvas).scales.y;
  return [names.getLabelItems().length, names.height];
}"""


@dataclass
class Site:
    """A daemon that serves the console, its store, and the org behind it."""

    org: Emulator
    base: str
    database: str

    def insert(self, record_id: str, **fields: Any) -> str:
        """Have another program ask for a change, by plain SQL."""
        engine = create_engine(self.database, connect_args={"timeout": 60})
        with engine.begin() as tx:
            made = tx.execute(
                text(
                    "INSERT INTO scsync_commands (op, sobject, record_id, fields)"
                    " VALUES ('update', 'Case', :id, :fields) RETURNING id"
                ),
                {"id": record_id, "fields": json.dumps(fields)},
            )
            command_id = str(made.scalar_one())
        engine.dispose()
        return command_id

    def subject(self, record_id: str) -> str:
        rows = self.org.run(lambda org: org.query_rows("SELECT Id, Subject FROM Case"))
        return next(str(row["Subject"]) for row in rows if row["Id"] == record_id)


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory, migrated_sqlite: Path) -> Iterator[Site]:
    """One daemon for the whole walk; what it says goes to a file."""
    folder = tmp_path_factory.mktemp("walk")
    (folder / "scsync.db").write_bytes(migrated_sqlite.read_bytes())
    port = free_port()
    with Emulator(cases=200) as org:
        kept = {name: value for name, value in os.environ.items() if "SCSYNC_" not in name}
        login = {
            "SCSYNC_LOGIN_URL": org.url,
            "SCSYNC_CLIENT_ID": org.client_id,
            "SCSYNC_CLIENT_SECRET": org.client_secret,
            "SCSYNC_REFRESH_TOKEN": org.refresh_token,
            "SCSYNC_CONSOLE_PORT": str(port),
            "SCSYNC_INTERVAL": "2",
        }
        with (
            (folder / "log").open("w") as log,
            subprocess.Popen(
                [SCSYNC, "up", "--json"],
                cwd=folder,
                env={**kept, **login},
                stdout=subprocess.PIPE,
                stderr=log,
            ) as daemon,
        ):
            assert daemon.stdout
            assert daemon.stdout.readline(), (folder / "log").read_text()
            database = f"sqlite:///{folder / 'scsync.db'}"
            yield Site(org, f"http://127.0.0.1:{port}", database)
            daemon.send_signal(signal.SIGTERM)
            assert daemon.wait(timeout=60) == 0


@pytest.fixture
def visitor(chromium: Browser, site: Site) -> Iterator[Visitor]:
    with visiting(chromium, site.base, width=1280, scheme="light") as visitor:
        yield visitor


@pytest.fixture(scope="module")
def case_ids(site: Site) -> list[str]:
    query = "SELECT Id FROM Case WHERE IsClosed = false"
    return [row["Id"] for row in site.org.run(lambda org: org.query_rows(query))]


def wait_for_rows(visitor: Visitor) -> None:
    """Stay on the overview, which renews itself, until the first pull is through."""
    visitor.go("/")
    everything = visitor.page.locator("#objects .pill", has_text="fresh")
    expect(everything).to_have_count(len(OBJECTS))


def test_a_change_is_proposed_and_arrives_in_the_org(
    visitor: Visitor, site: Site, case_ids: list[str]
) -> None:
    """Found by its id, changed in the form, and watched until it is applied."""
    wait_for_rows(visitor)
    page = visitor.page
    expect(page.locator("h1")).to_have_text("All is well.")
    page.get_by_label("Record id").fill(case_ids[0])
    page.get_by_role("button", name="Find").click()
    page.get_by_role("link", name="Propose a change").click()
    page.get_by_label("Subject", exact=True).fill("Proposed by clicks")
    page.get_by_role("button", name="Propose").click()
    expect(page.get_by_text("Accepted: here is how it fares.")).to_be_visible()
    # The page renews itself.
    expect(page.locator("#state .pill")).to_have_text("applied")
    assert site.subject(case_ids[0]) == "Proposed by clicks"
    page.get_by_role("link", name="Its record").click()
    expect(page.locator("h1")).to_contain_text("Proposed by clicks")


def test_a_command_is_edited_retried_and_discarded_by_clicks(
    visitor: Visitor, site: Site, case_ids: list[str]
) -> None:
    """What was too long is mended and lands; what was deleted comes back; the last is given up."""
    wait_for_rows(visitor)
    site.org.act("delete", sobject="Case", id=case_ids[2])
    mended = site.insert(case_ids[1], Subject="x" * 300)
    again = site.insert(case_ids[2], Subject="Retried by clicks")
    last = site.insert(case_ids[3], Subjct="Misspelt")
    for command_id in (mended, again, last):
        page = visitor.go(f"/commands/{command_id}")
        expect(page.locator("#state .pill")).to_have_text("rejected")

    page = visitor.go(f"/commands/{mended}")
    page.get_by_label("Subject").fill("Edited by clicks")
    page.get_by_role("button", name="Save and send").click()
    expect(page.get_by_text("Changed, and returned to the queue.")).to_be_visible()
    expect(page.locator("#state .pill")).to_have_text("applied")
    assert site.subject(case_ids[1]) == "Edited by clicks"

    site.org.act("undelete", sobject="Case", ids=[case_ids[2]])
    visitor.go(f"/commands/{again}")
    page.get_by_role("button", name="Retry").click()
    expect(page.get_by_text("1 returned to the queue.")).to_be_visible()
    expect(page.locator("#state .pill")).to_have_text("applied")
    assert site.subject(case_ids[2]) == "Retried by clicks"

    visitor.go("/commands/causes")
    page.get_by_text("Retry or discard").click()
    page.get_by_label("all 1").last.check()
    page.get_by_role("button", name="Discard 1").click()
    expect(page.get_by_text("1 discarded; they stay listed.")).to_be_visible()
    visitor.go(f"/commands/{last}")
    expect(page.locator("#state .pill")).to_have_text("discarded")


@pytest.mark.parametrize("width", [1280, 390])
def test_a_cause_is_edited_by_clicks(
    chromium: Browser, site: Site, case_ids: list[str], width: int
) -> None:
    """Two commands share a misspelt field; renamed once, both land."""
    mine = {one: f"{width} {one}" for one in case_ids[3:5]}
    ids = [site.insert(one, Subjct=said) for one, said in mine.items()]
    with visiting(chromium, site.base, width=width, scheme="light") as visitor:
        for command_id in ids:
            page = visitor.go(f"/commands/{command_id}")
            expect(page.locator("#state .pill")).to_have_text("rejected")
        page = visitor.go("/commands/causes")
        row = page.locator("tr", has_text="did you mean Subject").first
        row.get_by_text("Edit", exact=True).click()
        row.get_by_label("The field").fill("Subjct")
        row.get_by_label("Its name or value").fill("Subject")
        assert visitor.faults() == []
        row.get_by_label("each of").check()
        row.get_by_role("button", name="Edit").click()
        expect(page.get_by_text("changed, and returned to the queue")).to_be_visible()
        for command_id, (case_id, said) in zip(ids, mine.items(), strict=True):
            page = visitor.go(f"/commands/{command_id}")
            expect(page.locator("#state .pill")).to_have_text("applied")
            assert site.subject(case_id) == said


@pytest.mark.parametrize(("width", "scheme"), [(1280, "light"), (390, "dark")])
def test_every_page_can_be_used_by_everybody(
    chromium: Browser, site: Site, case_ids: list[str], width: int, scheme: str
) -> None:
    """No error on any page, nothing from elsewhere, and nothing grave for axe, wide or narrow."""
    faults = []
    with visiting(chromium, site.base, width=width, scheme=scheme) as visitor:
        wait_for_rows(visitor)
        command_id = site.insert(case_ids[5], Subjct="For a look")
        last = f"/commands/{command_id}"
        visitor.go(last)
        expect(visitor.page.locator("#state .pill")).to_have_text("rejected")
        more = CATALOG if width > 1000 else ()
        reports = [f"/reports/{name}" for name in more if f"/reports/{name}" not in PAGES]
        for path in (*PAGES, *reports, f"/records/Case/{case_ids[5]}", last):
            page = visitor.go(path)
            # Reports are made alike: axe looks at two of them.
            faults += visitor.faults() if path not in reports else []
            wide = page.evaluate("document.documentElement.scrollWidth - innerWidth")
            assert wide <= 0, f"{path} is {wide} px too wide"
            drawn = page.locator("canvas").count()
            shown = page.evaluate(
                "typeof Chart === 'undefined' ? 0 : Object.keys(Chart.instances).length"
            )
            assert shown == drawn, path
    assert faults == []


@pytest.mark.parametrize(("width", "scheme"), [(1280, "light"), (390, "dark")])
def test_what_matters_is_in_sight(chromium: Browser, site: Site, width: int, scheme: str) -> None:
    """Of a promise, whose it is and whether it is broken; of a picture, the name of each bar."""
    with visiting(chromium, site.base, width=width, scheme=scheme) as visitor:
        wait_for_rows(visitor)
        page = visitor.page
        # An answer of before the first pull is shown for a moment.
        eventually(
            lambda: visitor.go("/reports/milestones").get_by_role("columnheader").count() > 2
        )
        heads = [page.get_by_role("columnheader").get_by_text(name, exact=True) for name in SEEN]
        for head in heads[: len(SEEN) if width > 1000 else 2]:
            box = head.bounding_box()
            assert box
            assert box["x"] + box["width"] <= width
        visitor.go("/reports/open_cases_by?dimension=owner")
        named, height = page.evaluate(MANY_BARS)
        assert named == 24
        assert height / named > 14, "names lie upon each other"


@pytest.mark.parametrize("width", [360, 375, 390])
def test_the_overview_fits_a_telephone(chromium: Browser, site: Site, width: int) -> None:
    """How fresh each object is needs no scrolling; where there is more, an edge hints at it."""
    with visiting(chromium, site.base, width=width, scheme="light") as visitor:
        wait_for_rows(visitor)
        region = visitor.page.get_by_role("region", name="Table: Freshness by object")
        assert region.evaluate("(one) => one.scrollWidth - one.clientWidth") <= 0
        shades = "(one) => getComputedStyle(one).backgroundAttachment"
        assert region.evaluate(shades) == "local, local, scroll, scroll"


def test_the_keyboard_leads_through_a_page(visitor: Visitor) -> None:
    """The first stop skips to the content; what is focused can be seen."""
    page = visitor.go("/commands")
    page.keyboard.press("Tab")
    skip = page.get_by_role("link", name="Skip to the content")
    expect(skip).to_be_focused()
    expect(skip).to_be_in_viewport()
    page.keyboard.press("Enter")
    expect(page.locator("main")).to_be_focused()


def test_pages_work_without_a_script(chromium: Browser, site: Site) -> None:
    """Figures stand in tables, forms are forms."""
    with opened(chromium, java_script_enabled=False) as context:
        page = context.new_page()
        page.goto(f"{site.base}/objects/Case")
        page.get_by_role("button", name="Pull now").click()
        expect(page.get_by_text("A pull was asked for")).to_be_visible()
        expect(page.locator(".chart").first).to_be_hidden()
        expect(page.get_by_role("table", name="How long runs took")).to_be_visible()
