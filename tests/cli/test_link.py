"""Each way to link, from the command line, against an org that checks what it is given."""

import json
import re
import socket
import struct
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import httpx
import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

from emulator.grants import SCOPES
from emulator.server import Emulator
from tests.cli.conftest import PATIENCE, SCSYNC, Desk
from tests.cli.test_daemon import pulled, running
from tests.emulator.test_http_oauth import hidden, log_in
from tests.services import free_port

BROWSER = """#!{python}
import pathlib, sys
pathlib.Path({target!r}).write_text(sys.argv[1])
"""


@pytest.fixture(scope="module")
def port() -> int:
    """A loopback port that nobody else is given."""
    return free_port()


@pytest.fixture(scope="module")
def org(port: int) -> Iterator[Emulator]:
    uris = (f"http://localhost:{port}/callback",)
    with Emulator(cases=200, redirect_uris=uris) as emulator:
        yield emulator


@pytest.fixture
def office(bare: Desk, org: Emulator, port: int) -> Iterator[Desk]:
    """A folder whose settings name the app, but no token."""
    bare.settings = {
        "LOGIN_URL": org.url,
        "CLIENT_ID": org.client_id,
        "CLIENT_SECRET": org.client_secret,
        "CALLBACK_PORT": str(port),
    }
    yield bare
    org.clear_faults()


@pytest.fixture
def key_file(office: Desk, org: Emulator) -> Path:
    """The private key whose public half the app knows."""
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    public = key.public_key().public_bytes(
        serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
    )
    org.configure(certificate=public.decode())
    path = office.folder / "app.key"
    path.touch(mode=0o600)
    path.write_bytes(written(key))
    return path


def written(key: rsa.RSAPrivateKey) -> bytes:
    """Write a private key as `--jwt-key` takes it."""
    return key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )


def approve(org: Emulator, address: str, decision: str = "allow") -> str:
    """Do what a person does in the browser; give the address it is sent back to."""
    page = log_in(org, httpx.get(address, timeout=PATIENCE))
    form = {"request": hidden(page), "decision": decision}
    url = f"{org.url}/services/oauth2/approve"
    answer = httpx.post(url, data=form, timeout=PATIENCE)
    return str(answer.headers["location"])


def start(office: Desk, *words: str, **env: str) -> "subprocess.Popen[str]":
    return subprocess.Popen(
        [SCSYNC, "link", *words],
        cwd=office.folder,
        env=office.env() | env,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def said_until(process: "subprocess.Popen[str]", wanted: str) -> str:
    """Read what it says up to a line that matches."""
    assert process.stderr
    for line in process.stderr:
        if found := re.search(wanted, line):
            return found[0]
    raise AssertionError(f"it never said {wanted}")


def test_the_browser_comes_back_with_a_code(office: Desk, org: Emulator) -> None:
    """Strangers at the same address are turned away; the approved grant pulls."""
    browser = office.folder / "browser"
    opened = office.folder / "opened"
    browser.write_text(BROWSER.format(python=sys.executable, target=str(opened)))
    browser.chmod(0o755)
    with start(office, "--json", BROWSER=f"{browser} %s") as process:
        said_until(process, "waiting at")
        back = approve(org, opened.read_text())
        stranger = back.replace("state=", "state=not")
        assert httpx.get(stranger, timeout=PATIENCE).status_code == 404
        assert httpx.get(back, timeout=PATIENCE).status_code == 200
        out, err = process.communicate(timeout=PATIENCE)
    assert process.returncode == 0, err
    linked = json.loads(out)
    assert linked["grant"] == "refresh_token"
    assert linked["org_id"] == org.org.id
    assert office.run("pull", "User").code == 0


def test_a_pasted_address_serves_as_well(office: Desk, org: Emulator) -> None:
    """The browser may be on another machine; no secret stands in the address that is printed."""
    with start(office, "--no-browser") as process:
        address = said_until(process, r"http\S+/services/oauth2/authorize\S+")
        assert org.client_secret not in address
        assert parse_qs(urlsplit(address).query)["code_challenge_method"] == ["S256"]
        out, err = process.communicate(approve(org, address) + "\n", timeout=PATIENCE)
    assert process.returncode == 0, err
    assert f"org {org.org.id}" in out
    code = re.compile(r"aPrx|5Aep|" + org.client_secret)
    assert not code.search(out + err)


def test_what_is_pasted_instead_is_not_taken_for_the_answer(office: Desk) -> None:
    """The line says what was wanted; a stranger's answer is another matter."""
    done = office.run("link", "--no-browser", given="hello\n")
    assert (done.code, "begins with http://localhost" in done.said) == (2, True), done.err


def test_what_is_no_text_or_no_address_is_told_as_such(office: Desk) -> None:
    """Exit 2 and what was wanted, whatever the bytes; a token is never repeated."""
    wanted = {
        ("--no-browser",): (b"http://[bad?state=1\n", "begins with http://localhost"),
        ("--refresh-token-stdin",): (b"\xff\xfe\n", "no refresh token: it is not ASCII"),
    }
    for words, (given, said) in wanted.items():
        with start(office, *words, LC_ALL="C", PYTHONUTF8="0") as process:
            assert process.stdin
            process.stdin.buffer.write(given)
            _, err = process.communicate(timeout=PATIENCE)
        assert (process.returncode, said in err) == (2, True), err
        assert "foreseen" not in err


def test_a_visitor_who_hangs_up_is_not_spoken_of(office: Desk, org: Emulator, port: int) -> None:
    """The person sees what to do, and no traceback; the answer that follows still counts."""
    browser = office.folder / "browser"
    browser.write_text("#!/bin/sh\nexit 0\n")
    browser.chmod(0o755)
    with start(office, BROWSER=str(browser)) as process:
        address = said_until(process, r"http\S+/services/oauth2/authorize\S+")
        said_until(process, "waiting at")
        with socket.create_connection(("127.0.0.1", port)) as visitor:
            reset = struct.pack("ii", 1, 0)
            visitor.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, reset)
            visitor.sendall(b"GET / HTTP/1.1\r\nHost:")
        assert httpx.get(approve(org, address), timeout=PATIENCE).status_code == 200
        _, err = process.communicate(timeout=PATIENCE)
    assert process.returncode == 0, err
    assert "Traceback" not in err
    assert "Exception occurred" not in err


def test_the_settings_token_is_tried_once(office: Desk, org: Emulator) -> None:
    """Rotated since, it would end the grant that it began: linking anew is for the browser."""
    org.configure(rotation=True)
    token = org.control("POST", "grants", {})["refresh_token"]
    office.settings["REFRESH_TOKEN"] = token
    assert office.run("link").code == 0
    before = len(org.control("GET", "grants"))
    browser = office.folder / "browser"
    browser.write_text("#!/bin/sh\nexit 0\n")
    browser.chmod(0o755)
    with start(office, BROWSER=str(browser)) as process:
        said_until(process, "has made a link before, and may be spent: approve anew")
        process.kill()
    assert len(org.control("GET", "grants")) == before
    assert office.run("pull", "User").code == 0


def test_a_denial_links_nothing(office: Desk, org: Emulator) -> None:
    """Exit 3, with what to do; no account is left behind."""
    with start(office, "--no-browser") as process:
        address = said_until(process, r"http\S+/services/oauth2/authorize\S+")
        _, err = process.communicate(approve(org, address, "deny") + "\n", timeout=PATIENCE)
    assert process.returncode == 3
    assert "denied" in err
    assert "scsync link" in err
    assert office.run("accounts", "list", "--json").document() == []


def test_an_app_without_the_refresh_scope_links_nothing(office: Desk, org: Emulator) -> None:
    """Salesforce sends such a browser straight back: exit 2, and where to look."""
    org.configure(scopes=["api", "id"])
    try:
        with start(office, "--no-browser") as process:
            address = said_until(process, r"http\S+/services/oauth2/authorize\S+")
            back = httpx.get(address, timeout=PATIENCE).headers["location"]
            _, err = process.communicate(f"{back}\n", timeout=PATIENCE)
    finally:
        org.configure(scopes=list(SCOPES))
    assert (process.returncode, "scopes" in err) == (2, True), err
    assert office.run("accounts", "list", "--json").document() == []


def test_a_taken_port_names_the_ways_out(office: Desk, port: int) -> None:
    """Exit 2 before any browser opens."""
    with socket.socket() as other:
        other.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        other.bind(("127.0.0.1", port))
        other.listen()
        done = office.run("link")
    assert done.code == 2
    assert "SCSYNC_CALLBACK_PORT" in done.said
    assert "--no-browser" in done.said


def test_a_signed_assertion_outlives_its_sessions(
    office: Desk, org: Emulator, key_file: Path
) -> None:
    """No refresh token exists, and the key file may be gone: the daemon's verbs renew by it."""
    done = office.run("link", "--jwt-key", str(key_file), "--username", org.username, "--json")
    assert done.code == 0, done.err
    assert done.document()["grant"] == "jwt"
    key_file.unlink()
    org.expire_sessions()
    assert office.run("pull", "User").code == 0


def test_client_credentials_outlive_their_sessions(office: Desk, org: Emulator) -> None:
    """The app's own user, renewed by the app's secret; refresh scopes are not asked for."""
    office.settings["SCOPES"] = "api"
    done = office.run("link", "--client-credentials", "--json")
    assert done.code == 0, done.err
    assert done.document()["grant"] == "client_credentials"
    org.expire_sessions()
    assert office.run("pull", "User").code == 0


def test_the_key_is_stored_as_ciphertext(office: Desk, org: Emulator, key_file: Path) -> None:
    """Whoever reads the store has no key of the app."""
    assert office.run("link", "--jwt-key", str(key_file), "--username", org.username).code == 0
    stored = b"".join(one.read_bytes() for one in office.folder.glob("scsync.db*"))
    assert b"PRIVATE KEY" not in stored
    assert key_file.read_bytes().splitlines()[1] not in stored


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--client-credentials", "--refresh-token-stdin"], "choose one"),
        (["--username", "me@example.com"], "belong together"),
        (["--jwt-key", "nowhere.pem", "--username", "me"], "nowhere.pem"),
        (["--account", "No Name"], "SCSYNC_ACCOUNT"),
        (["--no-browser"], "no address was pasted"),
    ],
)
def test_wrong_usage_is_told_before_any_call(office: Desk, words: list[str], said: str) -> None:
    """Exit 2 and one line."""
    done = office.run("link", *words)
    assert done.code == 2
    assert said in done.said


def test_a_refused_key_says_what_to_look_at(office: Desk, org: Emulator, key_file: Path) -> None:
    """Another app's key, and no key at all: the remedy differs, the key is never shown."""
    org.configure(certificate="")
    done = office.run("link", "--jwt-key", str(key_file), "--username", org.username)
    assert done.code == 2
    assert "certificate" in done.said
    key_file.write_text("no key")
    done = office.run("link", "--jwt-key", str(key_file), "--username", org.username)
    assert done.code == 2
    assert "PEM" in done.said


def test_a_key_that_others_may_read_is_refused(office: Desk, org: Emulator, key_file: Path) -> None:
    """Before it is used, with the remedy; nothing of it is kept."""
    key_file.chmod(0o640)
    done = office.run("link", "--jwt-key", str(key_file), "--username", org.username)
    assert (done.code, f"run: chmod 600 {key_file}" in done.said) == (2, True)
    assert office.run("accounts", "list", "--json").document() == []


def test_each_account_has_a_store_of_its_own(office: Desk) -> None:
    """Two accounts side by side: listed together, suspended and unlinked one by one."""
    for words in ([], ["--account", "acme"]):
        assert office.run("link", "--client-credentials", *words).code == 0
    assert (office.folder / "scsync-acme.db").exists()
    assert office.run("--account", "acme", "pull", "User").code == 0
    rows = [
        office.run(*words, "status", "--json").document()["objects"]["User"]["rows"]
        for words in ([], ["--account", "acme"])
    ]
    assert rows[0] == 0
    assert rows[1] > 0
    assert office.run("accounts", "suspend", "acme").code == 0
    listed = office.run("accounts", "list", "--json").document()
    assert {one["name"]: one["state"] for one in listed} == {
        "default": "linked",
        "acme": "suspended",
    }
    assert office.run("accounts", "unlink", "acme").code == 0
    assert [one["name"] for one in office.run("accounts", "list", "--json").document()] == [
        "default"
    ]


def test_what_is_advised_is_for_the_account_at_hand(office: Desk, org: Emulator) -> None:
    """Who followed it to the letter would else mend the first account, and link it to that org."""
    for words in ([], ["--account", "acme"]):
        assert office.run("link", "--client-credentials", *words).code == 0
    assert office.run("accounts", "suspend", "acme").code == 0
    said = office.run("--account", "acme", "pull", "User").said
    assert "Run scsync --account acme accounts resume." in said
    assert "scsync --account acme accounts resume" in office.run("--account", "acme", "status").out
    assert office.run("--account", "acme", "accounts", "resume").code == 0
    org.configure(blocked=True)
    org.expire_sessions()
    try:
        office.run("--account", "acme", "pull", "User")
    finally:
        org.configure(blocked=False)
    done = office.run("--account", "acme", "status")
    assert "scsync --account acme link" in done.out
    assert "scsync link" not in done.out
    assert office.run("--account", "acme", "link", "--client-credentials").code == 0
    assert office.run("pull", "User").code == 0


def test_a_link_by_a_person_resumes_and_says_so(office: Desk, org: Emulator) -> None:
    """By whichever way, the settings' token among them."""
    office.settings["REFRESH_TOKEN"] = org.control("POST", "grants", {})["refresh_token"]
    assert office.run("link").code == 0
    for words in (["--client-credentials"], []):
        office.settings["REFRESH_TOKEN"] = org.control("POST", "grants", {})["refresh_token"]
        assert office.run("accounts", "suspend").code == 0
        done = office.run("link", *words)
        assert (done.code, "it was suspended, and works again" in done.out) == (0, True), done.err
        assert office.run("pull", "User").code == 0
    assert "suspended" not in office.run("link", "--client-credentials").out


def test_a_misspelt_account_makes_no_store(office: Desk) -> None:
    """Exit 2 with the remedy, and no file of that name."""
    for words in (["--account", "acmee", "status"], ["accounts", "suspend", "acmee"]):
        done = office.run(*words)
        assert done.code == 2
        assert "scsync link --account acmee" in done.said
    assert not (office.folder / "scsync-acmee.db").exists()


def test_accounts_share_a_postgresql_database_by_schema(office: Desk, postgres_url: str) -> None:
    """One database, one schema for each account."""
    office.settings["DATABASE_URL"] = postgres_url
    office.settings["SECRET_KEY"] = "0" * 43 + "="
    for words in ([], ["--account", "acme"]):
        assert office.run("link", "--client-credentials", *words).code == 0
    assert office.run("--account", "acme", "pull", "User").code == 0
    assert office.run("status", "--json").document()["objects"]["User"]["rows"] == 0
    listed = office.run("accounts", "list", "--json").document()
    assert sorted(one["name"] for one in listed) == ["acme", "default"]


def test_the_daemon_renews_by_itself_under_an_assertion(
    office: Desk, org: Emulator, key_file: Path
) -> None:
    """Sessions end under a running daemon, which goes on pulling without a person."""
    assert office.run("link", "--jwt-key", str(key_file), "--username", org.username).code == 0
    office.settings |= {"INTERVAL": "1", "OBJECTS": "User", "CONSOLE_PORT": "0"}
    with running(office, "up", "--json") as wait:
        wait(pulled)
        org.expire_sessions()
        wait(pulled)
        wait(pulled)
    assert office.run("status").code == 0
