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
from salesforce.refusals import APP_WAIT

# As Setup's pages have it.
_API = "Manage user data via APIs (api)"
_AT_ANY_TIME = "Perform requests at any time (refresh_token, offline_access)"
_AUDIENCE = "Select Profiles and Permission Sets"
_CREDENTIALS = "Enable Client Credentials Flow"
_JWT = "Enable JWT Bearer Flow"
_PKCE = "Require Proof Key for Code Exchange (PKCE) extension for Supported Authorization Flows"
_PREAUTHORIZED = "Admin approved users are pre-authorized"
_REFRESH_SECRET = "Require secret for Refresh Token Flow"  # noqa: S105 - a label
_UNTIL_REVOKED = "Refresh token is valid until revoked"
_WEB_SECRET = "Require secret for Web Server Flow"  # noqa: S105 - a label


_ALL_RECORDS = (
    "It opens every record of these objects (View All Records); with --shared-records sharing "
    "decides, and what is not shared with the user is missing from the store."
)
_SHARED_RECORDS = (
    "It opens objects, not records: sharing decides which of them, and what is not shared with "
    "the user is missing from the store. With --all-records it opens all of them."
)


CALLBACK_PATH = "/callback"
CONSOLE_CALLBACK_PATH = "/accounts/callback"


def callback_url(port: int) -> str:
    """Name the address that has to stand among the app's callback URLs, to the letter."""
    return f"http://localhost:{port}{CALLBACK_PATH}"


def console_callback(port: int) -> str:
    """Name the one of a console on this machine: Salesforce takes http from localhost alone."""
    return f"http://localhost:{port}{CONSOLE_CALLBACK_PATH}"


class Org(StrEnum):
    """Where people log in."""

    PRODUCTION = "production"
    SANDBOX = "sandbox"
    MY_DOMAIN = "my-domain"


_MY_DOMAIN = "https://MYDOMAIN.my.salesforce.com"
_MY_SANDBOX = "https://MYDOMAIN--SANDBOX.sandbox.my.salesforce.com"


@dataclass(frozen=True)
class Step:
    """One thing to do, in order; `details` are done, or read, one by one."""

    title: str
    details: tuple[str, ...]
    labels: tuple[str, ...] = ()
    """What the pages of Setup call the things that are named here, to the letter."""


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
    console_callback: str | None = None
    """Where browsers come back to that link from the console; None: nobody does."""
    login_url: str | None = None
    all_records: bool = True
    """Whether the user is to see every record of these objects, whoever owns it."""


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
            _permissions(chosen, found, all_records=wishes.all_records),
            _policies(wishes),
            _settings(wishes, scopes, _objects(chosen, found)),
            _link(wishes),
        ),
        needs=found,
        permission_set=permission_set(found, all_records=wishes.all_records),
    )


def _app() -> Step:
    return Step(
        "Make an external client app",
        (
            (
                "In Setup, open External Client App Manager, then New External Client App. New "
                "connected apps cannot be made since Spring '26; one that you have still serves."
            ),
            (
                "External Client App Name: scsync. Contact Email: an address of yours. "
                "Distribution State: Local. Go on with step 2 on the same page."
            ),
        ),
        (
            "External Client App Manager",
            "New External Client App",
            "External Client App Name",
            "Contact Email",
            "Distribution State",
        ),
    )


def _oauth(wishes: Wishes) -> Step:
    common: tuple[str, ...] = (
        "Under API (Enable OAuth Settings), tick Enable OAuth.",
        f"Callback URL, to the letter: {wishes.callback_url}",
        f"OAuth Scopes: {_API}.",
    )
    labels = ("API (Enable OAuth Settings)", "Enable OAuth", "Callback URL", "OAuth Scopes", _API)
    if wishes.unattended:
        return Step(
            "Set up OAuth",
            (
                *common,
                (
                    f"Flow Enablement: either {_JWT}, and upload the certificate of a key of "
                    "yours: openssl req -x509 -newkey rsa:2048 -nodes -days 730 -subj /CN=scsync "
                    "-keyout app.key -out app.crt"
                ),
                f"or {_CREDENTIALS}, which works as one user for all.",
                "Both renew themselves: no refresh token exists that could be lost.",
                "Create.",
            ),
            (*labels, "Flow Enablement", _JWT, _CREDENTIALS, "Create"),
        )
    if wishes.console_callback:
        line = f"On the next line, to link from the console as well: {wishes.console_callback}"
        common = (*common[:2], line, *common[2:])
    return Step(
        "Set up OAuth",
        (
            *common,
            f"OAuth Scopes: {_AT_ANY_TIME}.",
            f"Security: {_PKCE}: on; scsync always sends it.",
            f"Security: {_WEB_SECRET}, and {_REFRESH_SECRET}: on.",
            "Create.",
        ),
        (*labels, _AT_ANY_TIME, "Security", _PKCE, _WEB_SECRET, _REFRESH_SECRET, "Create"),
    )


def _policies(wishes: Wishes) -> Step:
    users = (
        f"On the app's page, Policies, Permitted Users: {_PREAUTHORIZED}. Under {_AUDIENCE} tick "
        f"the permission set {NAME} of step 3; then nobody else can use the app."
    )
    labels = ("Policies", "Permitted Users", _PREAUTHORIZED, _AUDIENCE, "Save")
    if wishes.unattended:
        run_as = "With client credentials, Run As: the user of step 3."
        return Step("Choose the policies", (users, run_as, "Save."), (*labels, "Run As"))
    return Step(
        "Choose the policies",
        (
            users,
            (
                f"Refresh Token Policy: {_UNTIL_REVOKED}. An expiry by date ends the link on "
                "that day, one by disuse ends it after a longer outage; either needs a person."
            ),
            "Save.",
            (
                "Refresh token rotation may be on: scsync stores each new token before it uses it. "
                "With rotation a copy of a token is worthless soon, and a store that was restored "
                "from a backup has to be linked anew."
            ),
            "Salesforce keeps five grants for each user and app; a sixth link ends the oldest.",
        ),
        (*labels, "Refresh Token Policy", _UNTIL_REVOKED),
    )


def _permissions(chosen: Sequence[Action], found: Sequence[Need], *, all_records: bool) -> Step:
    details = [
        (
            f"Put the permission set into permissionsets/{NAME}.permissionset-meta.xml of an sf "
            "project (scsync guide --permission-set writes it), and deploy it: "
            "sf project deploy start --source-dir permissionsets"
        ),
        f"Assign it: sf org assign permset --name {NAME} --on-behalf-of USERNAME",
        (
            "Without sf: in Setup, Permission Sets, make one of that name by the table below, and "
            "add the user under Manage Assignments."
        ),
        _ALL_RECORDS if all_records else _SHARED_RECORDS,
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
    return Step(
        "Give the user what these actions need",
        tuple(details),
        ("Permission Sets", "Manage Assignments", NAME),
    )


def _objects(chosen: Sequence[Action], found: Sequence[Need]) -> list[str]:
    """Name what the user may read then, beside the users themselves."""
    opened = [need.sobject for need in found]
    return list(dict.fromkeys(["User", "Group", *opened, *(action.sobject for action in chosen)]))


def _settings(wishes: Wishes, scopes: Sequence[str], objects: Sequence[str]) -> Step:
    asked = "api" if wishes.unattended else " ".join(scopes)
    return Step(
        "Tell scsync",
        (
            (
                f"Wait {APP_WAIT} until the app is active: before, its key is refused "
                "(invalid_client_id)."
            ),
            "From the app's Settings, Consumer Key and Secret, copy both into .env, mode 0600:",
            *_login(wishes),
            "SCSYNC_CLIENT_ID=<consumer key>",
            "SCSYNC_CLIENT_SECRET=<consumer secret>",
            f"SCSYNC_SCOPES={asked}",
            f"SCSYNC_ACTIONS={','.join(wishes.actions)}",
            f"SCSYNC_OBJECTS={','.join(objects)}",
        ),
        ("Settings", "Consumer Key and Secret"),
    )


def _login(wishes: Wishes) -> tuple[str, ...]:
    """Name the login host; client credentials are granted by the org's own alone."""
    if wishes.environment is Org.MY_DOMAIN:
        return (f"SCSYNC_LOGIN_URL={wishes.login_url or _MY_DOMAIN}",)
    line = f"SCSYNC_ENVIRONMENT={wishes.environment}"
    if not wishes.unattended:
        return (line,)
    own = _MY_SANDBOX if wishes.environment is Org.SANDBOX else _MY_DOMAIN
    how = "with client credentials, which the org's own host alone grants, also"
    return line, f"{how}: SCSYNC_LOGIN_URL={own}"


def _link(wishes: Wishes) -> Step:
    if wishes.unattended:
        ways = (
            "scsync link --jwt-key app.key --username USERNAME",
            "or: scsync link --client-credentials",
        )
    else:
        ways = ("scsync link", "from a machine without a browser: scsync link --no-browser")
    return Step("Link, look, and pull", (*ways, "scsync doctor", "scsync pull"))
