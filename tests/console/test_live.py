"""Pages that renew themselves in a real browser: all of what they say, and nothing that somebody works in."""

from collections.abc import Iterator

import httpx
import pytest
from playwright.sync_api import Browser, Page, expect

from models.finding import FindingKind
from store import findings
from tests.console.browsing import misspelt
from tests.console.chromium import opened
from tests.pipelines.push.ground import Place

CASES = [f"500RM0000000{number:04}AAA" for number in range(9)]
KEPT = "(id) => getComputedStyle(document.getElementById(id), '::after').content"


@pytest.fixture
def page(chromium: Browser, http: httpx.Client) -> Iterator[Page]:
    """A telephone, on which tables are wider than the page."""
    view = {"width": 390, "height": 800}
    with opened(chromium, base_url=str(http.base_url), viewport=view) as context:
        yield context.new_page()


def asked(place: Place, record_id: str) -> str:
    return place.insert(op="update", sobject="Case", record_id=record_id, fields='{"Priorty": 1}')


def test_a_table_that_was_clicked_into_is_renewed(place: Place, page: Page) -> None:
    """It keeps its focus, and stays scrolled to where it was."""
    asked(place, CASES[0])
    page.goto("/commands")
    page.locator("#rows td.code").click()
    region = page.get_by_role("region", name="Table: Commands")
    region.evaluate("(one) => { one.scrollLeft = 40 }")
    asked(place, CASES[1])
    page.evaluate("refresh()")
    expect(page.locator("#rows tbody tr")).to_have_count(2)
    expect(region).to_be_focused()
    assert region.evaluate("(one) => one.scrollLeft") == 40


def test_a_part_that_is_left_alone_says_so(place: Place, page: Page) -> None:
    """As of when it is, ages included; once it is left, it is renewed."""
    asked(place, CASES[0])
    page.clock.install()
    page.goto("/commands")
    for begin, end in (
        ("#rows th a", "(one) => one.blur()"),
        ("#rows input", "(one) => { one.checked = false; one.blur() }"),
    ):
        link, before = page.locator(begin).first, page.locator("#rows tr").count()
        link.focus()
        if begin.endswith("input"):
            link.check()
        asked(place, CASES[1])
        page.evaluate("refresh()")
        expect(page.locator("#rows[data-kept]")).to_have_count(1)
        assert "UTC: not renewed while you work here." in page.evaluate(KEPT, "rows")
        age = page.locator("#rows time").first.inner_text()  # till then, time goes by here, too
        page.clock.fast_forward(7_200_000)
        page.evaluate("tellAges()")
        expect(page.locator("#rows tr")).to_have_count(before)
        assert page.locator("#rows time").first.inner_text() == age
        link.evaluate(end)
        page.evaluate("refresh()")
        expect(page.locator("#rows tr")).to_have_count(before + 1)
        assert page.evaluate(KEPT, "rows") == "none"


def test_a_command_that_is_rejected_meanwhile_can_be_edited(place: Place, page: Page) -> None:
    """The button's form comes with it, the title says so; what was typed is kept."""
    command_id = asked(place, CASES[0])
    page.goto(f"/commands/{command_id}")
    expect(page).to_have_title("update Case: pending - scsync")
    place.drain()
    page.evaluate("refresh()")
    expect(page).to_have_title("update Case: rejected - scsync")
    page.get_by_role("link", name="Edit").click()
    field = page.locator("#edit").get_by_label("Priorty")
    field.fill("High")
    field.blur()
    place.insert(op="update", sobject="Case", record_id=CASES[1], fields="{}")
    page.evaluate("refresh()")
    expect(page.locator("#editing[data-kept]")).to_have_count(1)
    expect(field).to_have_value("High")
    field.fill("1")
    field.blur()
    page.evaluate("refresh()")
    expect(page.locator("#editing[data-kept]")).to_have_count(0)


def test_the_first_command_is_listed(place: Place, page: Page) -> None:
    """On a page that was opened before there was any, beside its count; it can be chosen."""
    page.goto("/commands")
    expect(page.get_by_text("None yet.")).to_be_visible()
    misspelt(place, CASES[:1])
    page.evaluate("refresh()")
    expect(page.get_by_text("None yet.")).to_have_count(0)
    page.locator("#rows").get_by_role("checkbox").check()
    page.get_by_role("button", name="Discard what is chosen").click()
    expect(page.get_by_text("1 discarded; they stay listed.")).to_be_visible()


def test_what_is_to_be_known_of_an_object_comes_and_goes(place: Place, page: Page) -> None:
    """And the page says as of when it is."""
    page.goto("/objects/Case")
    expect(page.get_by_text("What to know")).to_have_count(0)
    as_of = page.locator("#as-of").inner_text()
    place.clock.advance(minutes=9)
    with place.app.store.begin() as tx:
        findings.raise_(tx, "Case", FindingKind.DRIFT, "they differ by three", now=place.clock())
    page.evaluate("refresh()")
    expect(page.get_by_text("they differ by three")).to_be_visible()
    expect(page.locator("#as-of")).not_to_have_text(as_of)
    with place.app.store.begin() as tx:
        findings.clear(tx, "Case", FindingKind.DRIFT, now=place.clock())
    page.evaluate("refresh()")
    expect(page.get_by_text("What to know")).to_have_count(0)
