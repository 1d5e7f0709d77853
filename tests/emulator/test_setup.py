"""Setup's pages: who gets in, what they refuse, and that they change what they show."""

from __future__ import annotations

import re
from contextlib import contextmanager
from datetime import timedelta

import httpx
import pytest

from emulator.server import Emulator
from tests.emulator.callers import Clock, refresh
from tests.emulator.test_rights import metadata

FORM = {
    "name": "desk",
    "contact": "ada@example.com",
    "oauth": "on",
    "callbacks": "https://desk.example/back\nhttp://localhost:8788/callback",
    "scope.api": "on",
    "scope.refresh_token": "on",
    "require_secret": "on",
    "require_pkce": "on",
}


@pytest.fixture(scope="module")
def clock():
    return Clock()


@pytest.fixture(scope="module")
def org(clock):
    with Emulator(cases=50, setup=True, clock=clock) as emulator:
        yield emulator


@contextmanager
def entered(org, user="admin", **changed):
    """Log in, right or wrong; give the client, and the page it came to."""
    form = {"username": f"{user}@emulated.example", "password": org.password, "to": "/setup/apps"}
    with httpx.Client(base_url=org.url, follow_redirects=True) as http:
        yield http, http.post("/setup/login", data=form | changed)


@pytest.fixture
def setup(org):
    with entered(org) as (http, page):
        assert page.url.path == "/setup/apps"
        yield http


def made(org, setup, **changed):
    page = setup.post("/setup/apps/new", data={**FORM, **changed})
    client_id = page.url.path.rpartition("/")[2]
    apps = {app["client_id"]: app for app in org.control("GET", "apps")}
    return apps[client_id]


def test_only_an_administrator_gets_in(org):
    """Nobody without a login, nobody with a wrong one, no user of another profile; out is out."""
    stranger = httpx.get(f"{org.url}/setup/apps")
    assert (stranger.status_code, stranger.headers["location"]) == (
        303,
        "/setup/login?to=/setup/apps",
    )
    for user, changed, words in (
        ("admin", {"password": "guess"}, "check your username and password"),
        ("clerk", {}, "Only administrators"),
    ):
        with entered(org, user, **changed) as (http, page):
            assert words in page.text
            assert http.get("/setup/users").url.path == "/setup/login"
    with entered(org) as (http, _):
        http.post("/setup/logout")
        assert http.get("/setup/users").url.path == "/setup/login"


@pytest.mark.parametrize("to", ["https://example.com/", "//example.com", "/services/data"])
def test_a_login_leads_to_pages_of_setup_alone(org, to):
    """An address that somebody was given does not carry him elsewhere."""
    with entered(org, to=to) as (_, page):
        assert page.url.path == "/setup"


def test_an_app_is_made_as_its_form_says(org, setup):
    """Callbacks, scopes and switches; the key is unknown until the app is active."""
    org.control("POST", "doors", {"activation_seconds": 3600})
    app = made(org, setup)
    org.control("POST", "doors", {"activation_seconds": 0})
    assert app["redirect_uris"] == FORM["callbacks"].split()
    assert app["scopes"] == ["api", "refresh_token", "offline_access"]
    assert (app["require_pkce"], app["require_refresh_secret"], app["rotation"]) == (
        True,
        False,
        False,
    )
    assert app["flows"] == ["web_server"]
    page = setup.get(f"/setup/apps/{app['client_id']}/keys").text
    assert app["client_id"] in page
    assert re.search(r'id="consumer-secret">[0-9A-F]{64}<', page)
    assert refresh(org, client_id=app["client_id"]).json()["error"] == "invalid_client_id"
    assert "becomes active at" in setup.get(f"/setup/apps/{app['client_id']}").text


@pytest.mark.parametrize(
    ("changed", "words"),
    [
        ({"name": " "}, "External Client App Name"),
        ({"contact": "ada"}, "Contact Email"),
        ({"callbacks": ""}, "Callback URL"),
        ({"callbacks": "http://desk.example/back"}, "must be https"),
        ({"flow.jwt_bearer": "on", "certificate": "nonsense"}, "Certificate"),
    ],
)
def test_a_form_that_will_not_do_comes_back_with_what_was_typed(org, setup, changed, words):
    """Nothing is made, and what is typed is never taken for markup."""
    before = org.control("GET", "apps")
    page = setup.post("/setup/apps/new", data={**FORM, "name": "<b>desk", **changed})
    alert = re.search(r'role="alert">([^<]+)', page.text)
    assert alert
    assert words in alert[1]
    assert "<b>desk" not in page.text
    assert org.control("GET", "apps") == before


def test_policies_are_kept_and_shown(org, setup):
    """An expiry needs a period of at most 720 units."""
    app = made(org, setup)
    path = f"/setup/apps/{app['client_id']}"
    policies = {"refresh_policy": "unused", "refresh_unit": "hours", "relax_ip": "on"}
    refused = setup.post(f"{path}/policies", data={**policies, "refresh_period": "721"})
    assert "1 to 720 hours" in refused.text
    chosen = {"permitted_users": "admin", "admit.Read Only": "on", "refresh_period": "36"}
    shown = setup.post(f"{path}/policies", data=policies | chosen).text
    assert 'value="36"' in shown
    kept = next(a for a in org.control("GET", "apps") if a["client_id"] == app["client_id"])
    assert (kept["refresh_seconds"], kept["admitted"], kept["relax_ip"]) == (
        36 * 3600,
        ["Read Only"],
        True,
    )


def test_usage_lists_grants_and_ends_them(org, setup):
    """Revoked, blocked, uninstalled: each shows at the next refresh."""
    app = made(org, setup)
    client = {"client_id": app["client_id"]}
    secret = re.search(
        r'consumer-secret">(\w+)', setup.get(f"/setup/apps/{app['client_id']}/keys").text
    )
    who = {**client, "username": "auditor@emulated.example"}
    token = org.control("POST", "grants", who)["refresh_token"]
    credentials = {**client, "client_secret": secret[1], "refresh_token": token}
    assert refresh(org, **credentials).status_code == 200
    page = setup.get("/setup/oauth-usage").text
    assert "auditor@emulated.example" in page
    number = re.findall(r'name="revoke" value="(\d+)"', page)[-1]
    usage = f"/setup/oauth-usage/{app['client_id']}"
    for form, error in (
        ({"blocked": "on"}, "OAUTH_APP_BLOCKED"),
        ({"blocked": "", "installed": ""}, "OAUTH_EC_APP_NOT_FOUND"),
        ({"installed": "on", "revoke": number}, "invalid_grant"),
    ):
        setup.post(usage, data=form)
        assert refresh(org, **credentials).json()["error"] == error


@pytest.mark.parametrize(("policy", "lives"), [("unused", True), ("after", False)])
def test_an_expiry_by_disuse_starts_anew_with_each_refresh(org, clock, policy, lives):
    """And one by date does not: both are of ten minutes, and seven pass twice."""
    app = {"client_id": "expiring", "client_secret": "s"}
    org.control("POST", "apps", {**app, "refresh_policy": policy, "refresh_seconds": 600})
    who = {"client_id": "expiring", "username": "auditor@emulated.example"}
    token = org.control("POST", "grants", who)["refresh_token"]
    answers = []
    for _ in range(2):
        clock.ahead += timedelta(minutes=7)
        answers.append(refresh(org, **app, refresh_token=token).status_code == 200)
    assert answers == [True, lives]


def test_what_was_made_in_setup_outlives_a_restart(tmp_path):
    """Apps, grants, profiles and permission sets, beside the org's file and for its owner alone."""
    file = tmp_path / "org.db"
    who = {"client_id": "kept", "username": "auditor@emulated.example"}
    with Emulator(cases=50, setup=True, path=str(file)) as org:
        org.control("POST", "apps", {"client_id": "kept", "client_secret": "s"})
        org.control("POST", "permission-sets", {"xml": metadata()})
        org.control("POST", "users", {"username": who["username"], "permission_sets": ["desk"]})
        token = org.control("POST", "grants", who)["refresh_token"]
    assert (tmp_path / "org.db.grants.json").stat().st_mode & 0o077 == 0
    with Emulator(cases=50, setup=True, path=str(file)) as org:
        found = {user["username"]: user for user in org.control("GET", "users")}
        assert found[who["username"]]["permission_sets"] == ["desk"]
        assert found["clerk@emulated.example"]["profile"] == "Standard User"
        form = {"client_id": "kept", "client_secret": "s", "refresh_token": token}
        assert refresh(org, **form).status_code == 200
