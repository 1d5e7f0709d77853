"""A newcomer's walk, in a real browser: from what the guide prints to the first rows, and astray.

Whoever walks knows what `scsync guide` says and what Setup's pages show, and nothing else.
"""

import json
import re
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from playwright.sync_api import Browser, Page

from emulator.planting.people import DOMAIN
from emulator.server import Emulator
from tests.cli.conftest import PATIENCE, Desk
from tests.cli.test_link import BROWSER, said_until, start, written
from tests.services import free_port

ACTIONS = "get_case,list_cases,update_case,create_case_comment"
PAGE_PATIENCE = 60_000  # ms; bounds a wait for a page of a local server


@pytest.fixture(scope="module")
def org() -> Iterator[Emulator]:
    """An org in which nothing has been made yet."""
    with Emulator(cases=200, setup=True) as emulator:
        emulator.control("POST", "doors", {"activation_seconds": 0})
        yield emulator


@pytest.fixture(scope="module")
def port() -> int:
    return free_port()


@pytest.fixture
def page(chromium: Browser) -> Iterator[Page]:
    """A browser without cookies; whatever its pages complain of fails the walk."""
    with chromium.new_context() as context:
        page = context.new_page()
        page.set_default_timeout(PAGE_PATIENCE)
        complaints: list[str] = []
        page.on("console", lambda one: complaints.append(one.text) if one.type == "error" else None)
        page.on("pageerror", lambda one: complaints.append(str(one)))
        yield page
        assert complaints == []


@dataclass
class Walk:
    """Somebody before a screen: a browser, a shell, and a guide to go by."""

    page: Page
    org: Emulator
    desk: Desk
    guide: dict[str, Any] = field(default_factory=dict)
    seen: list[str] = field(default_factory=list)

    def log_in(self, user: str) -> None:
        self.page.get_by_label("Username").fill(f"{user}@{DOMAIN}")
        self.page.get_by_label("Password").fill(self.org.password)
        self.press("Log In")

    def press(self, name: str) -> None:
        self.page.get_by_role("button", name=name, exact=True).click()
        self.look()

    def follow(self, name: str) -> None:
        self.page.get_by_role("link", name=name, exact=True).last.click()
        self.look()

    def look(self) -> None:
        self.seen.append(self.page.text_content("body") or "")

    def step(self, number: int) -> list[str]:
        """Begin a step; of the one before, every name must have been on the pages."""
        if number > 1:
            before = self.guide["steps"][number - 2]
            missing = [one for one in before["labels"] if not any(one in it for it in self.seen)]
            assert missing == [], f"step {number - 1}, {before['title']}"
        self.seen = [self.page.text_content("body") or ""]
        details: list[str] = self.guide["steps"][number - 1]["details"]
        return details

    def tick(self, said: str) -> None:
        """Tick the boxes that a line of the guide names by their whole label."""
        boxes = self.page.get_by_role("checkbox")
        labels = [box.evaluate("it => it.labels[0].textContent.trim()") for box in boxes.all()]
        wanted = [label for label in labels if label in said]
        assert wanted, f"no box on the page is named in: {said}"
        for label in wanted:
            self.page.get_by_label(label, exact=True).check()

    def link(self, *words: str) -> "Linking":
        return Linking(self, *words)


class Linking:
    """`scsync link` in a shell, which opens the walk's browser by the system's way."""

    def __init__(self, walk: Walk, *words: str) -> None:
        self._walk = walk
        browser, opened = walk.desk.folder / "browser", walk.desk.folder / "opened"
        browser.write_text(BROWSER.format(python=sys.executable, target=str(opened)))
        browser.chmod(0o755)
        self._process = start(walk.desk, *words, BROWSER=f"{browser} %s")
        said_until(self._process, "waiting at")
        self.address = opened.read_text()

    def go(self, address: str | None = None) -> None:
        self._walk.page.goto(address or self.address)
        self._walk.look()

    def done(self) -> tuple[int, str, str]:
        with self._process as process:
            out, err = process.communicate(timeout=PATIENCE)
        return process.returncode, out, err


@pytest.fixture
def walk(page: Page, org: Emulator, bare: Desk) -> Walk:
    """Nobody has been given anything yet."""
    org.control("POST", "users", {"username": f"integration@{DOMAIN}", "permission_sets": []})
    return Walk(page, org, bare)


@pytest.fixture(scope="module")
def app(org: Emulator, port: int) -> dict[str, Any]:
    """An app as the guide would have it, for walks that begin behind it."""
    settings = {
        "client_id": "3MVG9walker",
        "client_secret": "A1B2C3",
        "redirect_uris": [f"http://localhost:{port}/callback"],
    }
    org.control("POST", "apps", settings)
    return settings


@pytest.fixture
def ready(walk: Walk, app: dict[str, Any], port: int) -> Walk:
    """The settings name the app; nothing is linked."""
    walk.desk.settings = {
        "LOGIN_URL": walk.org.url,
        "CLIENT_ID": app["client_id"],
        "CLIENT_SECRET": app["client_secret"],
        "CALLBACK_PORT": str(port),
        "OBJECTS": "Case",
        "ACTIONS": "get_case",
    }
    return walk


def make_the_app(walk: Walk) -> None:
    """Steps 1 and 2: the form of a new app, by the labels of the guide."""
    first = " ".join(walk.step(1))
    walk.page.goto(f"{walk.org.url}/setup")
    walk.log_in("admin")
    walk.follow("External Client App Manager")
    walk.follow("New External Client App")
    assert "External Client App Name: scsync." in first
    walk.page.get_by_label("External Client App Name").fill("scsync")
    walk.page.get_by_label("Contact Email").fill("ada@example.com")
    for line in walk.step(2):
        if found := re.search(r"Callback URL, to the letter: (\S+)", line):
            walk.page.get_by_label("Callback URL").fill(found[1])
        elif line.startswith(("OAuth Scopes", "Security", "Flow", "Under", "or ")):
            walk.tick(line)
        if "upload the certificate" in line:
            walk.page.get_by_label("Upload certificate").set_input_files(certificate(walk.desk))
    walk.press("Create")
    assert walk.page.get_by_role("alert").count() == 0


def certificate(desk: Desk) -> Path:
    """Do what the guide's openssl line does: a key, and a certificate of it."""
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    (desk.folder / "app.key").touch(mode=0o600)
    (desk.folder / "app.key").write_bytes(written(key))
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "scsync")])
    now = datetime.now(UTC)
    made = (
        x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
        .not_valid_before(now)
        .not_valid_after(now + timedelta(days=730))
        .sign(key, hashes.SHA256())
    )
    path = desk.folder / "app.crt"
    path.write_bytes(made.public_bytes(serialization.Encoding.PEM))
    return path


def open_the_objects(walk: Walk, metadata: Path) -> None:
    """Steps 3 and 4: the permission set is deployed, assigned, and the app's only key."""
    walk.step(3)
    walk.follow("Permission Sets")
    walk.page.get_by_label("Upload metadata").set_input_files(metadata)
    walk.press("Deploy")
    walk.page.get_by_label("Assign scsync to").select_option(f"integration@{DOMAIN}")
    walk.press("Add Assignment")
    policies = " ".join(walk.step(4))
    walk.follow("External Client App Manager")
    walk.follow("scsync")
    permitted = re.search(r"Permitted Users: ([\w -]+)\.", policies)
    assert permitted
    walk.page.get_by_label("Permitted Users").select_option(permitted[1])
    walk.page.get_by_label("scsync", exact=True).check()
    if policy := re.search(r"Refresh Token Policy: ([\w ]+)\.", policies):
        walk.page.get_by_label("Refresh Token Policy").select_option(policy[1])
    if "Run As: the user of step 3" in policies:
        walk.page.get_by_label("Run As").select_option(f"integration@{DOMAIN}")
    walk.press("Save")


def write_the_settings(walk: Walk) -> None:
    """Step 5: the lines of the guide, with what the app's page shows in their gaps."""
    lines = [line for line in walk.step(5) if line.startswith("SCSYNC_")]
    walk.follow("Consumer Key and Secret")
    key, secret = (walk.page.text_content(f"#consumer-{one}") for one in ("key", "secret"))
    text = "\n".join(lines).replace("<consumer key>", key or "")
    file = walk.desk.folder / ".env"
    file.write_text(text.replace("<consumer secret>", secret or ""))
    file.chmod(0o600)


def test_a_newcomer_gets_from_nothing_to_the_first_rows(
    walk: Walk, org: Emulator, port: int
) -> None:
    """Guide, Setup, link, login, consent, doctor, pull: each step's names are on the pages."""
    walk.desk.settings = {"LOGIN_URL": org.url, "CALLBACK_PORT": str(port)}
    metadata = walk.desk.folder / "scsync.permissionset-meta.xml"
    words = ["--actions", ACTIONS, "--interactive", "--permission-set", str(metadata), "--json"]
    walk.guide = walk.desk.run("guide", *words).document()
    make_the_app(walk)
    open_the_objects(walk, metadata)
    write_the_settings(walk)
    walk.desk.settings = {"CALLBACK_PORT": str(port)}
    commands = [line for line in walk.step(6) if line.startswith("scsync")]
    assert commands == ["scsync link", "scsync doctor", "scsync pull"]

    linking = walk.link()
    linking.go()
    walk.log_in("integration")
    assert "Perform requests at any time (refresh_token, offline_access)" in walk.seen[-1]
    walk.press("Allow")
    assert "Back to the terminal" in walk.seen[-1]
    code, out, err = linking.done()
    assert code == 0, err
    assert "4 of the 4 enabled ones may be done" in out
    assert "hidden in" not in out

    looked = walk.desk.run("doctor", "--json")
    assert looked.code == 0, looked.out
    verdicts = {one["topic"]: one["verdict"] for one in looked.document()}
    opened = ("User", "Account", "Contact", "Case", "actions", "action fields", "grants")
    assert [verdicts[topic] for topic in opened] == ["ok"] * len(opened)
    pulled = walk.desk.run("pull")
    assert pulled.code == 0, pulled.err
    rows = walk.desk.run("status", "--json").document()["objects"]["Case"]["rows"]
    assert rows == org.run(lambda it: it.query_rows("SELECT COUNT(Id) n FROM Case"))[0]["n"]


def test_an_unattended_newcomer_needs_no_browser_but_for_setup(walk: Walk, org: Emulator) -> None:
    """The same guide for a machine: a certificate, a user to run as, two ways to link."""
    walk.desk.settings = {"LOGIN_URL": org.url}
    metadata = walk.desk.folder / "scsync.permissionset-meta.xml"
    words = ["--actions", "list_cases", "--unattended", "--permission-set", str(metadata), "--json"]
    walk.guide = walk.desk.run("guide", *words).document()
    make_the_app(walk)
    open_the_objects(walk, metadata)
    write_the_settings(walk)
    walk.desk.settings = {}
    ways = [line.removeprefix("or: ").split()[1:] for line in walk.step(6) if "scsync link" in line]
    assert [way[1] for way in ways] == ["--jwt-key", "--client-credentials"]
    for way in ways:
        done = walk.desk.run(*(word.replace("USERNAME", f"integration@{DOMAIN}") for word in way))
        assert done.code == 0, done.err
        assert "1 of the 1 enabled ones may be done" in done.out


def test_a_denial_at_the_consent_page_links_nothing(ready: Walk) -> None:
    """Exit 3, with the verb that starts again."""
    linking = ready.link()
    linking.go()
    ready.log_in("clerk")
    ready.press("Deny")
    code, _, err = linking.done()
    assert (code, "somebody pressed Deny" in err) == (3, True), err
    assert ready.desk.run("accounts", "list", "--json").document() == []


def test_a_user_without_the_api_is_told_apart(ready: Walk) -> None:
    """The login works and nothing else does: the permission that lacks is named."""
    linking = ready.link()
    linking.go()
    ready.log_in("visitor")
    ready.press("Allow")
    code, out, err = linking.done()
    assert (code, "API Enabled" in err) == (3, True), out + err
    found = ready.desk.run("doctor", "--json")
    assert found.code == 3
    failed = {one["topic"]: one for one in found.document() if one["verdict"] == "failure"}
    assert "API Enabled" in failed["login"]["remedy"]


def test_an_app_that_demands_pkce_is_told_what_took_the_challenge(ready: Walk) -> None:
    """The program always sends one: without it, something in between changed the address."""
    linking = ready.link()
    assert "code_challenge=" in linking.address
    linking.go(re.sub(r"&code_challenge(_method)?=[^&]*", "", linking.address))
    code, _, err = linking.done()
    assert (code, "the app demands PKCE" in err) == (2, True), err


def test_the_kind_of_org_is_told_apart_from_what_was_asked(ready: Walk) -> None:
    """A sandbox where production was named: linked, with a warning."""
    ready.desk.settings["ENVIRONMENT"] = "production"
    linking = ready.link("--json")
    linking.go()
    ready.log_in("auditor")
    ready.press("Allow")
    code, out, err = linking.done()
    assert code == 0, err
    outlook = json.loads(out)["outlook"]
    assert (outlook["kind"], len(outlook["warnings"])) == ("sandbox", 1)
    assert "SCSYNC_ENVIRONMENT says production" in outlook["warnings"][0]


def test_another_org_is_refused_where_one_is_pinned(ready: Walk, port: int) -> None:
    """The store keeps its org; whoever logs in to another is turned away before anything moves."""
    who = {"client_id": ready.desk.settings["CLIENT_ID"], "username": f"auditor@{DOMAIN}"}
    token = ready.org.control("POST", "grants", who)["refresh_token"]
    assert ready.desk.run("link", "--refresh-token-stdin", given=token).code == 0
    before = ready.desk.run("accounts", "list", "--json").document()
    with Emulator(cases=50, redirect_uris=(f"http://localhost:{port}/callback",)) as other:
        other.refresh()
        ready.desk.settings |= {
            "LOGIN_URL": other.url,
            "CLIENT_ID": other.client_id,
            "CLIENT_SECRET": other.client_secret,
        }
        linking = ready.link()
        linking.go()
        Walk(ready.page, other, ready.desk).log_in("integration")
        ready.press("Allow")
        code, _, err = linking.done()
    assert (code, "OTHER_ORG: this token belongs to org" in err) == (2, True), err
    assert ready.desk.run("accounts", "list", "--json").document() == before
