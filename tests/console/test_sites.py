"""Whoever comes to the console from another site, in a real browser, which shows no cookie there."""

import threading
from collections.abc import Iterator
from contextlib import closing, contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import Browser, BrowserContext, expect

from console.serving import Serving
from emulator.server import Emulator
from models.api_key import EVERY_SCOPE
from store import keys
from tests.console import chromium as windows
from tests.console.ground import Bench, bench
from tests.pipelines.push.ground import Place
from worker.app import App


class Site(BaseHTTPRequestHandler):
    """Another site: its one page leads to the address after the question mark."""

    def do_GET(self) -> None:
        page = f'<a href="{self.path.partition("?")[2]}">go</a>'
        self.send_response(200)
        self.send_header("content-type", "text/html")
        self.end_headers()
        self.wfile.write(page.encode())

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - its name there
        """Say nothing."""


@pytest.fixture
def elsewhere() -> Iterator[str]:
    """Serve a page that leads on; it is another site than 127.0.0.1."""
    with ThreadingHTTPServer(("127.0.0.1", 0), Site) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield f"http://localhost:{server.server_port}/"
        server.shutdown()
        thread.join()


@contextmanager
def closed(app: App) -> Iterator[str]:
    """Serve a console that asks for a key."""
    app.settings = app.settings.model_copy(update={"proxy_user_header": "X-User"})
    with opened(app) as url:
        yield url


@contextmanager
def opened(app: App) -> Iterator[str]:
    serving = Serving(app, port=0)
    thread = serving.start()
    yield serving.url
    serving.stop()
    thread.join()


@pytest.fixture
def desk(sqlite_store_url: str) -> Iterator[Bench]:
    with bench(sqlite_store_url) as made:
        yield made


@pytest.fixture
def context(chromium: Browser) -> Iterator[BrowserContext]:
    with windows.opened(chromium) as context:
        yield context


def log_in(context: BrowserContext, url: str, key: str) -> None:
    page = context.new_page()
    page.goto(url)
    page.get_by_label("API key").fill(key)
    page.get_by_role("button", name="Log in").click()
    expect(page.get_by_role("button", name="Log out")).to_be_visible()


def test_a_link_elsewhere_leads_into_a_session(
    context: BrowserContext, desk: Bench, elsewhere: str
) -> None:
    """To the page that it names, query included; the session stays what it was."""
    with closed(desk.app) as console:
        log_in(context, console, desk.key("ada"))
        page, before = context.new_page(), context.cookies(console)
        for path in ("/objects/User", "/commands?state=pending&newer=2h"):
            page.goto(f"{elsewhere}?{console}{path}")
            page.get_by_role("link", name="go").click()
            expect(page.get_by_role("button", name="Log out")).to_be_visible()
            expect(page).to_have_url(f"{console}{path}")
        page.goto(f"{elsewhere}?{console}/accounts/callback?state=none")
        page.get_by_role("link", name="go").click()
        expect(page.get_by_text("nobody waits for this answer")).to_be_visible()
        assert context.cookies(console) == before


def test_a_link_elsewhere_leads_to_the_login_and_on(
    context: BrowserContext, desk: Bench, elsewhere: str
) -> None:
    """Whoever has no session is asked for a key, then led to what the link named."""
    with closed(desk.app) as console:
        page = context.new_page()
        page.goto(f"{elsewhere}?{console}/objects/User")
        page.get_by_role("link", name="go").click()
        page.get_by_label("API key").fill(desk.key("ada"))
        page.get_by_role("button", name="Log in").click()
        expect(page).to_have_url(f"{console}/objects/User")


def test_two_consoles_of_one_host_leave_each_other_alone(
    context: BrowserContext, desk: Bench, tmp_path: Path, migrated_sqlite: Path
) -> None:
    """Another store and another key behind another port: forms are taken, and sessions go on."""
    path = tmp_path / "other.db"
    path.write_bytes(migrated_sqlite.read_bytes())
    with (
        bench(f"sqlite:///{path}") as other,
        closed(desk.app) as console,
        opened(other.app) as second,
    ):
        log_in(context, console, desk.key("ada"))
        here, there = context.new_page(), context.new_page()
        here.goto(f"{console}/objects/User")
        there.goto(f"{second}/objects/User")
        for page in (here, there):
            page.get_by_role("button", name="Pull now").click()
            expect(page.get_by_text("A pull was asked for")).to_be_visible()


def test_whoever_links_comes_back_to_their_session(
    context: BrowserContext, sqlite_store_url: str
) -> None:
    """From the button through the org's login to the account, which says that it is linked."""
    with Emulator(cases=1) as org:
        place = Place(org, sqlite_store_url, refresh_token=None)
        with closing(place.app), closed(place.app) as served:
            console = f"http://localhost:{urlsplit(served).port}"
            org.configure(redirect_uris=[f"{console}/accounts/callback"])
            with place.app.store.begin() as tx:
                key = keys.make(tx, "ada", EVERY_SCOPE, now=place.clock())
            log_in(context, console, key)
            page = context.new_page()
            page.goto(f"{console}/accounts")
            page.get_by_role("button", name="Link", exact=True).click()
            page.get_by_role("link", name="Continue to Salesforce").click()
            page.locator("input[name=username]").fill(org.username)
            page.locator("input[name=password]").fill(org.password)
            page.locator("button").first.click()
            page.locator("button[value=allow]").click()
            expect(page.get_by_text("Linked. What waited goes on by itself.")).to_be_visible()
            expect(page.get_by_role("button", name="Log out")).to_be_visible()
