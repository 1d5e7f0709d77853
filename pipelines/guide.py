"""The guide: how a person makes an external client app for this installation, as data.

How it looks is for others to say: a terminal, a page. Source: Salesforce Help, "Create a Local
External Client App" and "Configure the External Client App OAuth Settings".
"""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

from models.access import Need, needs
from models.action import ACTIONS, Action
from pipelines.permission_set import NAME, permission_set

WAIT = "10 to 20 minutes"
"""How long a new app, and a changed one, takes to be known at the login hosts."""


CALLBACK_PATH = "/callback"


def callback_url(port: int) -> str:
    """Name the address that has to stand among the app's callback URLs, to the letter."""
    return f"http://localhost:{port}{CALLBACK_PATH}"


class Org(StrEnum):
    """Where people log in."""

    PRODUCTION = "production"
    SANDBOX = "sandbox"
    MY_DOMAIN = "my-domain"


@dataclass(frozen=True)
class Step:
    """One thing to do, in order; `details` are done, or read, one by one."""

    title: str
    details: tuple[str, ...]


@dataclass(frozen=True)
class Guide:
    """All that somebody needs who has nothing yet."""

    environment: Org
    unattended: bool
    actions: tuple[str, ...]
    callback_url: str
    scopes: tuple[str, ...]
    steps: tuple[Step, ...]
    needs: tuple[Need, ...]
    permission_set: str
    """A permission set's metadata, ready to be deployed."""


@dataclass(frozen=True, kw_only=True)
class Wishes:
    """What is wanted, and of which installation."""

    actions: Sequence[str]
    environment: Org
    unattended: bool
    callback_url: str
    login_url: str | None = None


def guide(wishes: Wishes) -> Guide:
    """Write the guide for these wishes."""
    chosen = [ACTIONS[name] for name in wishes.actions]
    found = tuple(needs(chosen))
    scopes = ("api",) if wishes.unattended else ("api", "refresh_token")
    return Guide(
        environment=wishes.environment,
        unattended=wishes.unattended,
        actions=tuple(wishes.actions),
        callback_url=wishes.callback_url,
        scopes=scopes,
        steps=(
            _app(),
            _oauth(wishes),
            _policies(wishes),
            _permissions(chosen, found),
            _settings(wishes, scopes),
            _link(wishes),
        ),
        needs=found,
        permission_set=permission_set(found),
    )


def _app() -> Step:
    return Step(
        "Make an external client app",
        (
            (
                "In Setup, open External Client App Manager, then New External Client App. New "
                "connected apps cannot be made since Spring '26; one that you have still serves."
            ),
            "Name it scsync, give an e-mail address, leave Distribution State at Local.",
        ),
    )


def _oauth(wishes: Wishes) -> Step:
    common = (
        "Under API, Enable OAuth.",
        f"Callback URL, to the letter: {wishes.callback_url}",
        "OAuth scope: Manage user data via APIs (api).",
    )
    if wishes.unattended:
        return Step(
            "Set up OAuth",
            (
                *common,
                (
                    "Either Enable JWT Bearer Flow, and upload the certificate of a key of yours: "
                    "openssl req -x509 -newkey rsa:2048 -nodes -days 730 -subj /CN=scsync "
                    "-keyout app.key -out app.crt"
                ),
                "or Enable Client Credentials Flow, which works as one user for all.",
                "Both renew themselves: no refresh token exists that could be lost.",
            ),
        )
    return Step(
        "Set up OAuth",
        (
            *common,
            "OAuth scope: Perform requests at any time (refresh_token, offline_access).",
            "Security: Require Proof Key for Code Exchange (PKCE) on; scsync always sends it.",
            "Security: Require secret for Web Server Flow, and for Refresh Token Flow, on.",
        ),
    )


def _policies(wishes: Wishes) -> Step:
    users = (
        "On the app's Policies, Permitted Users: Admin approved users are pre-authorized, and the "
        "permission set of step 4; then nobody else can use the app."
    )
    if wishes.unattended:
        return Step(
            "Choose the policies",
            (users, "With client credentials: Run As, an integration user with few rights."),
        )
    return Step(
        "Choose the policies",
        (
            users,
            (
                "Refresh Token Policy: valid until revoked. An expiry by date ends the link on "
                "that day, one by disuse ends it after a longer outage; either needs a person."
            ),
            (
                "Refresh token rotation may be on: scsync stores each new token before it uses it. "
                "With rotation a copy of a token is worthless soon, and a store that was restored "
                "from a backup has to be linked anew."
            ),
            "Salesforce keeps five grants for each user and app; a sixth link ends the oldest.",
        ),
    )


def _permissions(chosen: Sequence[Action], found: Sequence[Need]) -> Step:
    details = [
        (
            f"Put the permission set into permissionsets/{NAME}.permissionset-meta.xml of an sf "
            "project (scsync guide --permission-set writes it), and deploy it: "
            "sf project deploy start --source-dir permissionsets"
        ),
        f"Assign it: sf org assign permset --name {NAME} --on-behalf-of USERNAME",
        (
            "It opens objects, not records: sharing decides which of them. To have all, add View "
            "All Records on each object."
        ),
    ]
    if any(need.elsewhere for need in found):
        details.append(
            "Fields that only some orgs have stand in it as comments: add those that yours has."
        )
    if any(action.sobject.startswith("Knowledge") for action in chosen):
        details.append(
            "For articles the user needs Knowledge User (a box on the user), and, to write and "
            "publish, the permissions on articles that your org gives its authors."
        )
    return Step("Give the user what these actions need", tuple(details))


def _settings(wishes: Wishes, scopes: Sequence[str]) -> Step:
    where = f"SCSYNC_ENVIRONMENT={wishes.environment}"
    if wishes.environment is Org.MY_DOMAIN:
        where = f"SCSYNC_LOGIN_URL={wishes.login_url or 'https://MYDOMAIN.my.salesforce.com'}"
    asked = "api" if wishes.unattended else " ".join(scopes)
    return Step(
        "Tell scsync",
        (
            f"Wait {WAIT} until the app is active: before, its key is refused (invalid_client_id).",
            "Copy Consumer Key and Secret from the app's settings into .env, mode 0600:",
            where,
            "SCSYNC_CLIENT_ID=<consumer key>",
            "SCSYNC_CLIENT_SECRET=<consumer secret>",
            f"SCSYNC_SCOPES={asked}",
            f"SCSYNC_ACTIONS={','.join(wishes.actions)}",
        ),
    )


def _link(wishes: Wishes) -> Step:
    if wishes.unattended:
        ways = (
            "scsync link --jwt-key app.key --username USERNAME",
            "or: scsync link --client-credentials",
        )
    else:
        ways = ("scsync link", "from a machine without a browser: scsync link --no-browser")
    return Step("Link, and look", (*ways, "scsync doctor"))
