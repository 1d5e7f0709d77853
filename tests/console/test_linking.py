"""Linking from the console: begun by an operator, approved at the org, answered once."""

import re
from collections.abc import Iterator
from contextlib import closing
from html import unescape
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import httpx
import pytest
from starlette.testclient import TestClient

from console.app import console
from emulator.server import Emulator
from models.api_key import Scope
from pipelines.cycle import Cycle
from store import accounts, audit
from tests.console.browsing import BROWSER, HERE, Browser, browsing
from tests.console.conftest import PATIENCE
from tests.console.ground import ELSEWHERE, bearer, bench
from tests.emulator.test_http_oauth import hidden, log_in
from tests.pipelines.push.ground import Place

PUBLIC = "https://console.example.com/accounts/callback"


@pytest.fixture(scope="module")
def org() -> Iterator[Emulator]:
    with Emulator(
        cases=50, redirect_uris=("http://localhost:8484/accounts/callback", PUBLIC)
    ) as org:
        yield org


@pytest.fixture
def place(org: Emulator, sqlite_store_url: str) -> Iterator[Place]:
    """Settings that name the app, but no token."""
    place = Place(org, sqlite_store_url, refresh_token=None)
    with closing(place.app):
        yield place


@pytest.fixture
def browser(place: Place) -> Iterator[Browser]:
    with browsing(place) as browser:
        yield browser


def begun(page: str) -> str:
    """Give the address at Salesforce that a page of ours leads to."""
    return unescape(re.findall(r'href="([^"]+/services/oauth2/authorize[^"]+)"', page)[0])


def approved(org: Emulator, address: str, decision: str = "allow") -> str:
    """Log in there and decide; give the path that the browser is sent back to."""
    page = log_in(org, httpx.get(address, timeout=PATIENCE))
    form = {"request": hidden(page), "decision": decision}
    answer = httpx.post(f"{org.url}/services/oauth2/approve", data=form, timeout=PATIENCE)
    parts = urlsplit(str(answer.headers["location"]))
    assert address.startswith(org.url)
    assert parse_qs(urlsplit(address).query)["redirect_uri"] == [
        f"{parts.scheme}://{parts.netloc}{parts.path}"
    ]
    return f"{parts.path}?{parts.query}"


def acts(place: Place) -> list[tuple[str, str]]:
    with place.app.store.read() as tx:
        return [(one.operator, one.act) for one in audit.latest(tx, limit=9)]


def linked_org(place: Place) -> str | None:
    with place.app.store.read() as tx:
        return accounts.org(tx, "default")


def test_an_approved_account_is_linked_and_pulls(
    browser: Browser, place: Place, org: Emulator
) -> None:
    """With PKCE and no secret in the address; an answer serves once; the audit says who began."""
    assert "not linked" in browser.see("/accounts")
    address = begun(browser.do("/accounts/link"))
    assert parse_qs(urlsplit(address).query)["code_challenge_method"] == ["S256"]
    assert org.client_secret not in address
    back = approved(org, address)
    assert acts(place) == []
    assert "url=/accounts?done=linked" in browser.see(back)
    assert linked_org(place) == org.org.id
    assert acts(place) == [("local", "account.link")]
    assert "nobody waits" in browser.see(back, 400)
    assert "Linked. What waited" in browser.see("/accounts?done=linked")
    assert "Link anew" in browser.see("/accounts")
    Cycle(puller=place.app.puller()).run(place.app.chosen(("User",)))


def test_who_has_lost_the_key_links_anew_here(org: Emulator, tmp_path: Path) -> None:
    """No key is made by looking; the pages say what is amiss, and linking makes one."""
    url, key = f"sqlite:///{tmp_path / 'scsync.db'}", tmp_path / "scsync.key"
    for _ in range(2):
        place = Place(org, url, refresh_token=None, secret_key=None)
        with closing(place.app), browsing(place) as browser:
            assert key.exists() is (linked_org(place) is None)
            assert ("holds no key" in browser.see("/")) is not key.exists()
            browser.see(approved(org, begun(browser.do("/accounts/link"))))
            assert place.app.client.limits()
            assert "holds no key" not in browser.see("/")
        key.unlink()


@pytest.mark.parametrize("decision", ["deny", "stale", "stranger", "second"])
def test_any_other_answer_links_nothing(
    browser: Browser, place: Place, org: Emulator, decision: str
) -> None:
    """Denied; too late; with another state; or to an attempt that another has replaced."""
    address = begun(browser.do("/accounts/link"))
    back = approved(org, address, "deny" if decision == "deny" else "allow")
    match decision:
        case "deny":
            assert "denied" in browser.see(back, 409)
            assert "nobody waits" in browser.see(back, 400)
        case "stale":
            place.clock.advance(minutes=11)
            browser.see(back, 400)
        case "stranger":
            browser.see(back.replace("state=", "state=not"), 400)
        case "second":
            browser.do("/accounts/link")
            browser.see(back, 400)
    assert linked_org(place) is None
    assert acts(place) == []


def test_a_link_is_begun_by_an_operator_at_a_page_of_ours(browser: Browser) -> None:
    """No address that is merely opened begins one, and no form from elsewhere."""
    assert browser.client.get("/accounts/link").status_code == 405
    forged = browser.client.post("/accounts/link", data={"csrf": "forged"})
    assert forged.status_code == 403


def test_elsewhere_it_takes_a_key_https_and_the_scope(org: Emulator, sqlite_store_url: str) -> None:
    """The way back is open to whoever bears the state: no session comes along from Salesforce."""
    settings = {
        "login_url": org.url,
        "client_id": org.client_id,
        "client_secret": org.client_secret,
        "trusted_proxies": ELSEWHERE[0],
    }
    with bench(sqlite_store_url, **settings) as made:
        operator = bearer(made.key("ann", Scope.READ, Scope.OPERATE))
        reader = bearer(made.key("bob", Scope.READ))
        https = {"x-forwarded-proto": "https"}
        client = made.client(base_url="http://console.example.com")
        assert client.post("/accounts/link", headers=reader | https).status_code == 403
        plain = client.post("/accounts/link", headers=operator)
        assert (plain.status_code, "https, or to localhost" in plain.text) == (409, True)
        page = client.post("/accounts/link", headers=operator | https)
        assert PUBLIC in page.text
        back = approved(org, begun(page.text))
        assert client.get(back).status_code == 200
        assert made.acts() == [("ann", "account.link", "default")]


def test_without_an_app_the_page_says_what_is_missing(place: Place) -> None:
    """There is no button that could only fail."""
    place.app.settings = place.app.settings.model_copy(update={"client_id": None})
    with TestClient(console(place.app), base_url=HERE, headers=BROWSER) as client:
        shown = client.get("/accounts").text
    assert "SCSYNC_CLIENT_ID" in shown
    assert 'action="/accounts/link"' not in shown
