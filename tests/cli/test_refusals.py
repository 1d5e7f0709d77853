"""Every error of OAuth, made by an org that is set so: what the program says of it, and its end.

Each scene puts the org, its app or a user into a state, has the program meet it, and looks for
Salesforce's words, the cause and the remedy.
"""

import re
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import parse_qsl, urlsplit

import httpx
import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

from emulator.grants import FLOWS, SCOPES
from emulator.server import Emulator
from tests.cli.conftest import PATIENCE, Desk, Done
from tests.cli.test_link import approve, written
from tests.emulator.callers import Clock, refresh
from tests.emulator.test_http_oauth import log_in

PORT = 8788  # nobody listens there: the answers are pasted
CALLBACK = f"http://localhost:{PORT}/callback"
AS_MADE = {
    "blocked": False,
    "installed": True,
    "flows": list(FLOWS),
    "scopes": list(SCOPES),
    "redirect_uris": [CALLBACK],
    "permitted_users": "self",
    "preauthorized": True,
    "refresh_policy": "until_revoked",
    "refresh_window": 0,
    "active_at": 0,
}
OPEN = {
    "state": "open",
    "my_domain": True,
    "audiences": ["https://test.salesforce.com"],
    "logins_per_hour": None,
    "code_seconds": 900,
    "wording": "",
}
WELCOME = {"active": True, "frozen": False, "locked": False, "hours": None, "addresses": []}


@dataclass
class Stage:
    """An org, and a desk that meets it."""

    org: Emulator
    desk: Desk
    clock: Clock
    key: Path

    def doors(self, **state: Any) -> None:
        self.org.control("POST", "doors", state)

    def app(self, **settings: Any) -> None:
        self.org.configure(**settings)

    def user(self, **standing: Any) -> None:
        self.org.control("POST", "users", {"username": self.org.username, **standing})

    def pull(self) -> Done:
        """Meet the state by a refresh token, as every cycle does when a session is over."""
        return self.desk.run("pull", "User")

    def by_app(self) -> Done:
        return self.desk.run("link", "--client-credentials")

    def by_key(self) -> Done:
        return self.desk.run("link", "--jwt-key", str(self.key), "--username", self.org.username)

    def in_browser(
        self,
        visit: Callable[["Stage", str], str] | None = None,
        after: Callable[["Stage", str], None] | None = None,
    ) -> Done:
        """Link as a person does; `after` happens between the approval and the paste."""

        def go(address: str) -> str:
            back = visit(self, address) if visit else approve(self.org, address)
            if after:
                after(self, back)
            return back

        question = r"http\S+/services/oauth2/authorize\S+(?=\n)"
        return self.desk.converse("link", "--no-browser", question=question, answer=go)


class Scene(NamedTuple):
    """One error as section 1.7 of the fact sheet lists it, and the state that brings it."""

    error: str
    description: str
    enter: Callable[[Stage], Any]
    code: int
    cause: str
    remedy: str


def assertions_run_out(stage: Stage) -> None:
    """Refuse however they are signed: by a wrong clock alone they would be signed once more."""
    refused = {"status": 400, "code": "invalid_grant", "message": "expired assertion"}
    stage.org.fault(match={"path": "oauth2/token"}, do=refused, times=10)


def sent_back(_: Stage, address: str) -> str:
    """Follow an address that the org answers at once, without a page."""
    return str(httpx.get(address, timeout=PATIENCE).headers["location"])


def turned_away(stage: Stage, address: str) -> str:
    """Log in, and be sent back instead of being asked."""
    page = httpx.get(address, timeout=PATIENCE)
    return str(log_in(stage.org, page).headers["location"])


def without(*names: str) -> Callable[[Stage, str], str]:
    """Visit an address from which parameters were taken away."""
    pattern = "|".join(names)
    return lambda stage, address: sent_back(stage, re.sub(rf"&({pattern})=[^&]*", "", address))


def denied(stage: Stage, address: str) -> str:
    return approve(stage.org, address, "deny")


def for_another(stage: Stage, address: str) -> str:
    """Approve an address whose challenge belongs to another attempt."""
    other = re.sub(r"code_challenge=[^&]*", f"code_challenge={'A' * 43}", address)
    return approve(stage.org, other)


def spend(stage: Stage, back: str) -> None:
    """Use the code before its owner does."""
    code = dict(parse_qsl(urlsplit(back).query))["code"]
    form = {"grant_type": "authorization_code", "code": code}
    form |= {"client_id": stage.org.client_id, "client_secret": stage.org.client_secret}
    httpx.post(f"{stage.org.url}/services/oauth2/token", data=form, timeout=PATIENCE)


def doing(**state: Any) -> Callable[[Stage], Done]:
    """Set the app, then pull."""
    return lambda stage: (stage.app(**state), stage.pull())[1]


def with_user(**standing: Any) -> Callable[[Stage], Done]:
    return lambda stage: (stage.user(**standing), stage.pull())[1]


def with_doors(**state: Any) -> Callable[[Stage], Done]:
    return lambda stage: (stage.doors(**state), stage.pull())[1]


def revoked(stage: Stage) -> Done:
    """By an administrator, in the life of the link."""
    assert stage.pull().code == 0
    return never_good(stage)


def never_good(stage: Stage) -> Done:
    """As a token that was copied amiss, or long ago."""
    stage.org.control("POST", "grants/revoke", {"client_id": stage.org.client_id})
    return stage.pull()


def just_made(stage: Stage) -> Done:
    """Come before the app has spread through Salesforce; an hour from now, not from the import."""
    stage.app(active_at=time.time() + 3_600)
    return stage.pull()


def met_by_another(stage: Stage) -> Done:
    """Refresh at the moment somebody else does."""
    stage.app(refresh_window=3_600)
    token = stage.desk.settings["REFRESH_TOKEN"]
    assert refresh(stage.org, refresh_token=token).status_code == 200
    return stage.pull()


def set_(name: str, value: str) -> Callable[[Stage], Done]:
    def enter(stage: Stage) -> Done:
        stage.desk.settings[name] = value
        return stage.pull()

    return enter


def then(before: Callable[[Stage], Any], act: Callable[[Stage], Done]) -> Callable[[Stage], Done]:
    return lambda stage: (before(stage), act(stage))[1]


def other_key(stage: Stage) -> None:
    stage.key.write_bytes(written(rsa.generate_private_key(public_exponent=65537, key_size=2048)))


GRANT = "invalid_grant"
SCENES = (
    Scene(GRANT, "expired access/refresh token", revoked, 3, "revoked", "scsync link"),
    Scene(
        "TOKEN_NOT_ACTIVE",
        "Salesforce says that this refresh token is not active",
        never_good,
        3,
        "mistyped",
        "scsync link --browser",
    ),
    Scene(
        GRANT,
        "expired access/refresh token",
        doing(refresh_policy="immediately"),
        3,
        "has run out",
        "scsync link",
    ),
    Scene(
        "TOKEN_REQUEST_BUSY",
        "token request is already being processed",
        met_by_another,
        1,
        "under way",
        "by itself",
    ),
    Scene(
        "TOKEN_REQUEST_BUSY",
        "expired authorization code",
        then(lambda it: it.doors(wording="2024"), met_by_another),
        1,
        "under way",
        "by itself",
    ),
    Scene(GRANT, "authentication failure", with_user(locked=True), 3, "let this user in", "unlock"),
    Scene(GRANT, "inactive user", with_user(active=False), 3, "deactivated", "activate the user"),
    Scene(GRANT, "user is frozen", with_user(frozen=True), 3, "was frozen", "unfreeze"),
    Scene(
        GRANT,
        "inactive organization",
        with_doors(state="inactive"),
        3,
        "the org was deactivated",
        "Ask Salesforce",
    ),
    Scene(GRANT, "ip restricted", with_user(addresses=["10.0.0.0/8"]), 2, "address", "IP rule"),
    Scene(GRANT, "outside of login hours", with_user(hours=[0, 0]), 2, "hour", "login hours"),
    Scene(
        "rate_limit_exceeded",
        "login rate exceeded",
        with_doors(logins_per_hour=0),
        1,
        "too often",
        "by itself",
    ),
    Scene(
        "rate_limit_exceeded",
        "login rate exceeded",
        with_doors(logins_per_hour=0, wording="2024"),
        1,
        "too often",
        "by itself",
    ),
    Scene(
        "unknown_error",
        "retry your request",
        with_doors(state="troubled"),
        1,
        "trouble of its own",
        "by itself",
    ),
    Scene("HTTP_503", "", with_doors(state="maintenance"), 1, "maintenance", "SCSYNC_LOGIN_URL"),
    Scene(
        "invalid_client_id",
        "client identifier invalid",
        set_("CLIENT_ID", "3MVG9nobody"),
        2,
        "10 to 20 minutes",
        "SCSYNC_CLIENT_ID",
    ),
    Scene(
        "invalid_client_id",
        "client identifier invalid",
        just_made,
        2,
        "10 to 20 minutes",
        "SCSYNC_CLIENT_ID",
    ),
    Scene(
        "invalid_client",
        "invalid client credentials",
        set_("CLIENT_SECRET", "of-yesterday"),
        2,
        "do not match",
        "SCSYNC_CLIENT_SECRET",
    ),
    Scene(
        "OAUTH_APP_BLOCKED",
        "this app is blocked by admin",
        doing(blocked=True),
        3,
        "blocked the app",
        "unblock it",
    ),
    Scene(
        "OAUTH_EC_APP_NOT_FOUND",
        "app not installed",
        doing(installed=False),
        3,
        "not installed",
        "install it",
    ),
    Scene(
        "OAUTH_APP_ACCESS_DENIED",
        "not admin approved",
        doing(permitted_users="admin"),
        3,
        "not admitted",
        "IP Relaxation",
    ),
    Scene(
        GRANT,
        "request not supported on this domain",
        then(lambda it: it.doors(my_domain=False), Stage.by_app),
        2,
        "own host",
        "My Domain",
    ),
    Scene(
        GRANT,
        "no client credentials user enabled",
        then(lambda it: it.app(run_as=""), Stage.by_app),
        2,
        "no user to run as",
        "Run As",
    ),
    Scene(
        "unsupported_grant_type",
        "grant type not supported",
        then(lambda it: it.app(flows=["web_server"]), Stage.by_app),
        2,
        "not offer this flow",
        "in the app",
    ),
    Scene(
        GRANT,
        "user hasn't approved this consumer",
        then(lambda it: it.app(permitted_users="admin"), Stage.by_key),
        3,
        "not pre-authorised",
        "permission set",
    ),
    Scene(
        GRANT,
        "Audience validation failed",
        then(lambda it: it.desk.settings.update(ENVIRONMENT="production"), Stage.by_key),
        2,
        "another login host",
        "test for sandboxes",
    ),
    Scene(GRANT, "invalid assertion", then(other_key, Stage.by_key), 2, "signed by", "certificate"),
    Scene(
        GRANT,
        "expired assertion",
        then(assertions_run_out, Stage.by_key),
        2,
        "run out",
        "clock",
    ),
    Scene(
        "access_denied",
        "end-user denied authorization",
        lambda it: it.in_browser(denied),
        3,
        "pressed Deny",
        "link again",
    ),
    Scene(
        "access-denied",
        "end-user denied authorization",
        then(lambda it: it.doors(wording="2024"), lambda it: it.in_browser(denied)),
        3,
        "pressed Deny",
        "link again",
    ),
    Scene(
        GRANT,
        "invalid authorization code",
        lambda it: it.in_browser(after=spend),
        3,
        "used already",
        "link again",
    ),
    Scene(
        "CODE_SPENT",
        "expired authorization code",
        then(lambda it: it.doors(code_seconds=0), Stage.in_browser),
        3,
        "has run out",
        "again",
    ),
    Scene(
        GRANT,
        "invalid code verifier",
        lambda it: it.in_browser(for_another),
        3,
        "another attempt",
        "link again",
    ),
    Scene(
        "invalid_request",
        "missing required code challenge",
        lambda it: it.in_browser(without("code_challenge", "code_challenge_method")),
        2,
        "demands PKCE",
        "proxy",
    ),
    Scene(
        "OAUTH_APPROVAL_ERROR_GENERIC",
        "",
        then(
            lambda it: it.doors(wording="generic"),
            lambda it: it.in_browser(without("code_challenge", "code_challenge_method")),
        ),
        3,
        "not installed",
        "Permitted Users, IP Relaxation",
    ),
    Scene(
        "unsupported_response_type",
        "response type not supported",
        then(lambda it: it.app(flows=["jwt_bearer"]), lambda it: it.in_browser(sent_back)),
        2,
        "not offer this flow",
        "in the app",
    ),
    Scene(
        "invalid_scope",
        "the requested scope is not allowed",
        then(lambda it: it.app(scopes=["id"]), lambda it: it.in_browser(sent_back)),
        2,
        "SCSYNC_SCOPES",
        "fewer",
    ),
    Scene(
        "redirect_uri_mismatch",
        "redirect_uri must match configuration",
        lambda it: it.in_browser(after=lambda it, _: it.app(redirect_uris=["https://else.where"])),
        2,
        "another callback URL",
        "to the letter",
    ),
    Scene(
        "redirect_uri_missing",
        "redirect_uri required",
        lambda it: it.in_browser(after=lambda it, _: it.app(redirect_uris=[])),
        2,
        "no callback URL",
        "to the letter",
    ),
    Scene(
        "inactive_user",
        "inactive user",
        then(lambda it: it.user(active=False), lambda it: it.in_browser(turned_away)),
        3,
        "deactivated",
        "administrator",
    ),
    Scene(
        "inactive_org",
        "inactive organization",
        then(lambda it: it.doors(state="inactive"), lambda it: it.in_browser(turned_away)),
        3,
        "deactivated",
        "Ask Salesforce",
    ),
)


@pytest.fixture(scope="module")
def key() -> rsa.RSAPrivateKey:
    return rsa.generate_private_key(public_exponent=65537, key_size=2048)


@pytest.fixture(scope="module")
def clock() -> Clock:
    return Clock()


@pytest.fixture(scope="module")
def org(clock: Clock, key: rsa.RSAPrivateKey) -> Iterator[Emulator]:
    public = key.public_key().public_bytes(
        serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
    )
    with Emulator(cases=50, clock=clock, certificate=public.decode()) as emulator:
        yield emulator


@pytest.fixture
def stage(org: Emulator, bare: Desk, clock: Clock, key: rsa.RSAPrivateKey) -> Stage:
    """The org as it was made, and a desk that holds a fresh token of it."""
    clock.ahead = timedelta()
    org.clear_faults()
    org.configure(**AS_MADE, run_as=org.username)
    org.control("POST", "doors", OPEN)
    org.control("POST", "users", {"username": org.username, **WELCOME})
    granted = org.control("POST", "grants", {"username": org.username})
    bare.settings = {
        "LOGIN_URL": org.url,
        "CLIENT_ID": org.client_id,
        "CLIENT_SECRET": org.client_secret,
        "REFRESH_TOKEN": granted["refresh_token"],
        "ENVIRONMENT": "sandbox",
    }
    file = bare.folder / "app.key"
    file.touch(mode=0o600)
    file.write_bytes(written(key))
    return Stage(org, bare, clock, file)


@pytest.mark.parametrize("scene", SCENES, ids=lambda one: f"{one.error}-{one.description}")
def test_each_error_says_what_happened_why_and_what_to_do(stage: Stage, scene: Scene) -> None:
    """Salesforce's words, the cause, the remedy, who goes on; the exit code says whose turn it is."""
    done = scene.enter(stage)
    said = done.said
    assert done.code == scene.code, done.out + done.err
    for words in (scene.error, scene.description, scene.cause, scene.remedy, "by itself"):
        assert words in said
    assert stage.desk.settings["REFRESH_TOKEN"] not in done.out + done.err


def test_the_scenes_are_undone(stage: Stage) -> None:
    """The state is what brings an error: without it each way of linking succeeds."""
    for link in (Stage.pull, Stage.by_app, Stage.by_key, Stage.in_browser):
        assert link(stage).code == 0


def test_a_machine_whose_clock_is_wrong_is_linked_all_the_same(stage: Stage) -> None:
    """The assertion is signed once more, by the clock that the refusal came with."""
    stage.clock.ahead = timedelta(hours=1)
    assert stage.by_key().code == 0


@pytest.mark.parametrize(
    ("enter", "words"),
    [
        (with_user(frozen=True), "Have an administrator unfreeze"),
        (doing(blocked=True), "Have an administrator unblock"),
    ],
    ids=["user", "app"],
)
def test_doctor_repeats_the_remedy_until_the_cause_is_gone(
    stage: Stage, enter: Callable[[Stage], Done], words: str
) -> None:
    """A linked account that dies is red in doctor; after the mending link is it well again."""
    assert stage.pull().code == 0
    stage.org.expire_sessions()
    assert enter(stage).code == 3
    found = stage.desk.run("doctor")
    assert (found.code, words in found.out) == (3, True), found.out
