"""An open page whose console is gone, or whose session has ended, does not go on saying what it said."""

from collections.abc import Iterator
from contextlib import closing

import pytest
from playwright.sync_api import Browser, expect

from console.serving import Serving
from store import keys
from tests.console.chromium import opened
from tests.console.ground import Bench

STALE = "#stale"


@pytest.fixture
def desk(sqlite_store_url: str) -> Iterator[Bench]:
    bench = Bench(sqlite_store_url)
    with closing(bench.app):
        yield bench


def test_a_console_that_is_gone_is_told_on_its_pages(chromium: Browser, desk: Bench) -> None:
    """Since when, in plain sight and to whoever listens; nothing is green any more."""
    serving = Serving(desk.app, port=0)
    thread = serving.start()
    with opened(chromium) as context:
        page = context.new_page()
        page.goto(serving.url)
        page.evaluate("refresh()")
        expect(page.locator(STALE)).to_be_empty()
        serving.stop()
        thread.join()
        page.evaluate("refresh()")
        expect(page.get_by_role("status").filter(has_text="Not renewed since")).to_be_visible()
        expect(page.locator(STALE)).to_contain_text("UTC: the console does not answer.")
        dim, title, border = (
            page.evaluate(f"getComputedStyle(document.querySelector('{one}')).{what}")
            for one, what in (
                (".foot", "color"),
                ("h1", "color"),
                (".verdict", "borderLeftColor"),
            )
        )
        assert title == border == dim


def test_a_session_that_has_ended_is_told_and_heals(chromium: Browser, desk: Bench) -> None:
    """Its key was revoked; the page that was loaded with it says so, and why."""
    key = desk.key("desk")
    desk.app.settings = desk.app.settings.model_copy(update={"proxy_user_header": "X-User"})
    serving = Serving(desk.app, port=0)
    thread = serving.start()
    with opened(chromium) as context:
        page = context.new_page()
        page.goto(f"{serving.url}/reports")
        page.get_by_label("Key").fill(key)
        page.get_by_role("button", name="Log in").click()
        expect(page.locator("h1")).to_have_text("The desk")
        page.evaluate("refresh()")
        expect(page.locator(STALE)).to_be_empty()
        with desk.app.store.begin() as tx:
            keys.revoke(tx, "desk", now=desk.clock())
        page.evaluate("refresh()")
        expect(page.locator(STALE)).to_contain_text("the session has ended")
    serving.stop()
    thread.join()
