"""Who may ask: on loopback, by key, by session, by a proxy's word; and from which page."""

import socket
from collections.abc import Iterator
from datetime import timedelta
from urllib.parse import urlsplit

import httpx
import pytest
from starlette.routing import Route
from starlette.testclient import TestClient

from config.settings import ConfigError
from console.app import refuse_unscoped
from console.serving import Serving
from models.api_key import Scope
from store import keys
from tests.console.conftest import PATIENCE
from tests.console.ground import BROWSER, ELSEWHERE, Bench, bearer, bench, csrf_of, login

COOKIE = "scsync_session_8484"
TOKEN = "open sesame"
PAGES = ("/", "/readyz", "/metrics", "/v1/status", "/v1/commands", "/openapi.json")
PROXY = ("10.1.2.3", 50_000)


@pytest.fixture
def ground(sqlite_store_url: str) -> Iterator[Bench]:
    with bench(sqlite_store_url) as found:
        yield found


@pytest.fixture
def outside(ground: Bench) -> TestClient:
    """Somebody elsewhere, before a console that is open to all."""
    return ground.client()


def test_a_strangers_name_for_this_machine_is_not_answered(ground: Bench) -> None:
    """A page elsewhere, whose name points here, would be read as ours."""
    here = ground.client(is_loopback=True)
    for host in ("evil.example:8484", "127.0.0.1.evil.example", ""):
        assert here.get("/v1/status", headers={"Host": host}).status_code == 421
    for host in ("localhost:8484", "127.0.0.1:8484", "[::1]:8484", "localhost"):
        assert here.get("/v1/status", headers={"Host": host}).status_code == 200


@pytest.mark.parametrize("sign", ["Forwarded", "Via", "X-Forwarded-For", "X-Real-IP"])
def test_what_a_proxy_on_this_machine_hands_on_is_not_let_in(ground: Bench, sign: str) -> None:
    """It comes from anywhere; the remedy is told, and a key is good whichever way it comes."""
    here, came = ground.client(is_loopback=True), {sign: "203.0.113.5"}
    for path in PAGES:
        refused = here.get(path, headers=came)
        assert refused.status_code == 403
        assert refused.headers["content-type"] == "application/problem+json"
        assert f"({sign.lower()})" in refused.json()["detail"]
        assert "SCSYNC_CONSOLE_TOKEN" in refused.json()["detail"]
    assert here.post("/v1/commands", json={}, headers=came).status_code == 403
    assert here.get("/v1/status", headers={**came, **bearer(ground.key("bot"))}).status_code == 200


def test_a_proxy_that_says_nothing_is_known_by_its_http(ground: Bench) -> None:
    """A bare `proxy_pass` of nginx adds no header, and asks by HTTP/1.0 under our own name."""
    serving = Serving(ground.app, port=0)
    thread = serving.start()
    for version, status in (("1.0", b"403"), ("1.1", b"200")):
        here = urlsplit(serving.url)
        asked = f"GET /v1/status HTTP/{version}\r\nHost: {here.netloc}\r\nConnection: close\r\n\r\n"
        with socket.create_connection((here.hostname, here.port)) as wire:
            wire.sendall(asked.encode())
            assert wire.makefile("rb").readline().split()[1] == status
    serving.stop()
    thread.join()


def test_beyond_loopback_nobody_is_let_in_without_a_key(outside: TestClient) -> None:
    """Told as a problem with its remedy; only whether we live is told to anyone."""
    assert outside.get("/healthz").status_code == 200
    for path in PAGES:
        refused = outside.get(path)
        assert refused.status_code == 401
        assert refused.headers["content-type"] == "application/problem+json"
        assert "Bearer" in refused.headers["www-authenticate"]
    assert "scsync keys make" in outside.get("/v1/status").json()["detail"]


@pytest.mark.parametrize(
    "shown", ["Bearer guess", "Bearer", "Basic !", "Digest x", "Bearer scsync_"]
)
def test_what_opens_nothing_is_refused_on_loopback_too(ground: Bench, shown: str) -> None:
    """Whoever shows a key means to be held to it."""
    here = ground.client(is_loopback=True)
    assert here.get("/v1/status", headers={"Authorization": shown}).status_code == 401


def test_the_token_opens_everything(sqlite_store_url: str) -> None:
    """As a bearer's or as a browser's password, on loopback as well."""
    with bench(sqlite_store_url, console_token=TOKEN) as ground:
        here = ground.client(is_loopback=True)
        assert here.get("/v1/status").status_code == 401
        assert here.get("/v1/status", headers=bearer(TOKEN)).status_code == 200
        assert here.get("/v1/status", auth=("anybody", TOKEN)).status_code == 200
        assert (
            here.get("/v1/status", headers={"Authorization": "Bearer öffne".encode()}).status_code
            == 401
        )


@pytest.mark.parametrize(
    ("scope", "method", "path"),
    [
        (Scope.READ, "GET", "/v1/commands"),
        (Scope.READ, "GET", "/metrics"),
        (Scope.SUBMIT, "POST", "/v1/commands"),
        (Scope.SUBMIT, "POST", "/v1/actions/create_case"),
        (Scope.OPERATE, "POST", "/v1/commands/7f0f4a5e-58a7-4a0e-9d2f-0c9f5a2f1a01/retry"),
    ],
)
def test_a_key_opens_what_its_scopes_name(
    ground: Bench, outside: TestClient, scope: Scope, method: str, path: str
) -> None:
    """A 403 that names the scope without it; with it alone, whatever the address answers."""
    others = [one for one in Scope if one is not scope]
    refused = outside.request(method, path, headers=bearer(ground.key("others", *others)))
    assert refused.status_code == 403
    assert f"lacks the scope {scope}" in refused.json()["detail"]
    taken = outside.request(method, path, headers=bearer(ground.key("own", scope)))
    assert taken.status_code not in {401, 403}


def test_a_revoked_key_opens_nothing_from_the_next_request_on(
    ground: Bench, outside: TestClient
) -> None:
    """Nor does the session that was begun with it; an expired one likewise."""
    until = ground.clock() + timedelta(hours=1)
    key, other = ground.key("bot"), ground.key("guest", Scope.READ, expires_at=until)
    login(outside, key)
    guest = ground.client(headers=bearer(other))
    assert outside.get("/", headers=BROWSER).status_code == 200
    assert guest.get("/v1/status").status_code == 200
    with ground.app.store.begin() as tx:
        assert keys.revoke(tx, "bot", now=ground.clock())
    ground.clock.advance(hours=1)
    assert outside.get("/v1/status", headers=bearer(key)).status_code == 401
    assert outside.get("/", headers=BROWSER).headers["location"] == "/login?next=/"
    assert guest.get("/v1/status").status_code == 401


def test_a_person_logs_in_with_a_key_and_out_again(ground: Bench, outside: TestClient) -> None:
    """Led to the login, from there to what was wanted; what the cookie allows is the key's."""
    led = outside.get("/?at=1", headers=BROWSER)
    assert (led.status_code, led.headers["location"]) == (303, "/login?next=/%3Fat%3D1")
    assert login(outside, "scsync_0_guess").status_code == 401
    entered = login(outside, ground.key("ada", Scope.READ))
    assert (entered.status_code, entered.headers["location"]) == (303, "/")
    page = outside.get("/", headers=BROWSER)
    assert page.status_code == 200
    assert outside.post("/logout", headers=BROWSER).status_code == 403
    data = {"csrf": csrf_of(outside)}
    assert outside.post("/logout", data=data, headers=BROWSER).status_code == 303
    assert outside.get("/", headers=BROWSER).status_code == 303


@pytest.mark.parametrize("token", [None, TOKEN])
def test_a_session_that_was_left_is_over(sqlite_store_url: str, token: str | None) -> None:
    """A copy of its cookie opens nothing, at whichever console of the store; others go on."""
    with bench(sqlite_store_url, console_token=token) as ground:
        ada, key = ground.client(), token or ground.key("ada")
        login(ada, key)
        copy = {**BROWSER, "Cookie": f"{COOKIE}={ada.cookies[COOKIE]}"}
        bob = ground.client()
        login(bob, key)
        ada.post("/logout", data={"csrf": csrf_of(ada)}, headers=BROWSER)
        for console in (ada, ground.client()):
            console.cookies.clear()
            left = console.get("/", headers=copy)
            assert (left.status_code, left.headers["location"]) == (303, "/login?next=/")
            assert console.get("/v1/status", headers=copy).status_code == 401
        assert bob.get("/", headers=BROWSER).status_code == 200


@pytest.mark.parametrize(
    "wanted", ["//evil.example", "https://evil.example", "/\\evil", "javascript:1"]
)
def test_a_login_leads_nowhere_else(ground: Bench, outside: TestClient, wanted: str) -> None:
    """A link to our login that ends on a stranger's page would be trusted for our name."""
    assert login(outside, ground.key("ada"), next=wanted).headers["location"] == "/"


def test_the_cookie_is_kept_from_scripts_and_from_other_sites(ground: Bench) -> None:
    """And from the open wire, where the browser speaks HTTPS; it holds no key."""
    key = ground.key("ada")
    entered = login(ground.client(base_url="https://console.example"), key)
    cookie = entered.headers["set-cookie"]
    for flag in ("HttpOnly", "SameSite=Strict", "Secure", "Path=/", "Max-Age=43200"):
        assert f"; {flag}" in cookie
    assert key.split("_", 2)[2] not in cookie
    assert "Secure" not in login(ground.client(), ground.key("bob")).headers["set-cookie"]


@pytest.mark.parametrize("csrf", ["", "0" * 64, "foreign", "ä"])
def test_a_forged_form_changes_nothing(ground: Bench, outside: TestClient, csrf: str) -> None:
    """Without the token, with a wrong one, or with that of another's session."""
    if csrf == "foreign":
        csrf = csrf_of(ground.client())
    refused = login(outside, ground.key("ada"), csrf)
    assert refused.status_code == 403
    assert "not ours" in refused.text


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({"Origin": "http://evil.example"}, 403),
        ({"Sec-Fetch-Site": "cross-site"}, 403),
        ({"Cookie": "scsync_session_8484=x"}, 403),
        ({"Content-Type": "text/plain"}, 403),
        ({"Content-Type": "application/x-www-form-urlencoded"}, 403),
        ({}, 415),
        ({"Content-Type": "text/xml"}, 415),
    ],
)
def test_a_page_elsewhere_submits_nothing_by_a_browser_on_this_machine(
    ground: Bench, headers: dict[str, str], status: int
) -> None:
    """A browser cannot help saying that it is one; programs need no token on loopback."""
    here = ground.client(is_loopback=True)
    assert here.post("/v1/commands", content=b"{}", headers=headers).status_code == status


@pytest.mark.parametrize("site", ["cross-site", "same-site"])
def test_a_page_elsewhere_spends_no_api_calls(ground: Bench, site: str) -> None:
    """It could read no answer, and has none made; a link to a page of ours leads there."""
    here = ground.client(is_loopback=True)
    sent = {"Sec-Fetch-Site": site, "Sec-Fetch-Mode": "no-cors"}
    for path in ("/v1/actions/list_cases?limit=1", "/v1/status"):
        refused = here.get(path, headers=sent)
        assert (refused.status_code, "a page elsewhere" in refused.text) == (403, True)
    assert here.get("/v1/status", headers={**sent, **bearer(ground.key("bot"))}).status_code == 200
    assert here.get("/commands", headers=sent).status_code == 200
    for own in ("same-origin", "none"):
        assert here.get("/v1/status", headers={"Sec-Fetch-Site": own}).status_code == 200


def test_a_script_of_our_pages_sends_the_token_as_a_header(ground: Bench) -> None:
    """That of the page it came with, whose session the cookie is."""
    outside = ground.client()
    login(outside, ground.key("ada"))
    headers = {**BROWSER, "Content-Type": "application/json"}
    assert outside.post("/v1/commands", content=b"[]", headers=headers).status_code == 403
    headers["X-CSRF-Token"] = csrf_of(outside)
    assert outside.post("/v1/commands", content=b"[]", headers=headers).status_code == 400


def test_a_trusted_proxy_says_who_asks(sqlite_store_url: str) -> None:
    """From its own address alone; a caller's own header that it let through is refused."""
    with bench(
        sqlite_store_url, proxy_user_header="X-User", trusted_proxies="10.0.0.0/8"
    ) as ground:
        ada = {"X-User": "ada", "X-Forwarded-Proto": "https"}
        proxied, direct = ground.client(address=PROXY), ground.client(address=ELSEWHERE)
        page = proxied.get("/", headers={**BROWSER, **ada})
        assert page.status_code == 200
        assert "Secure" in page.headers["set-cookie"]
        assert direct.get("/v1/status", headers=ada).status_code == 401
        twice = proxied.get("/v1/status", headers=[("X-User", "root"), ("X-User", "ada")])
        assert twice.status_code == 400
        # What a proxy on this machine hands on comes from anywhere.
        assert ground.client(is_loopback=True).get("/v1/status").status_code == 401


def test_every_answer_bears_the_policy(ground: Bench) -> None:
    """Pages, refusals and failures alike; nothing but the files of pages is kept by browsers."""
    here = ground.client(is_loopback=True)
    for path in ("/", "/nowhere", "/v1/status", "/healthz"):
        headers = here.get(path).headers
        assert "default-src 'none'; script-src 'self'" in headers["content-security-policy"]
        assert "unsafe" not in headers["content-security-policy"]
        assert headers["x-content-type-options"] == "nosniff"
        assert headers["referrer-policy"] == "no-referrer"
        assert headers["cache-control"] == "no-store"
    assert here.get("/", headers={"Host": "evil.example"}).headers["x-content-type-options"]


def test_a_route_without_a_scope_is_no_route() -> None:
    """The console does not start with an address that nobody thought about."""
    with pytest.raises(TypeError, match="scope"):
        refuse_unscoped([Route("/open", lambda _request: None)])


def test_an_address_that_others_reach_is_served_once_there_is_a_key(ground: Bench) -> None:
    """Not before: nobody could come in, and whoever forgot would learn it elsewhere."""
    everywhere = "0.0.0.0"  # noqa: S104 - what is tested
    with pytest.raises(ConfigError, match="scsync keys make"):
        Serving(ground.app, host=everywhere, port=0)
    key = ground.key("bot", Scope.READ)
    serving = Serving(ground.app, host=everywhere, port=0)
    thread = serving.start()
    url = f"{serving.url.replace(everywhere, '127.0.0.1')}/v1/actions"
    assert httpx.get(url, timeout=PATIENCE).status_code == 401
    assert httpx.get(url, headers=bearer(key), timeout=PATIENCE).status_code == 200
    serving.stop()
    thread.join()
