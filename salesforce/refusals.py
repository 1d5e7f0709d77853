"""What the token endpoint's refusals mean: what happened, why, what to do, and who goes on.

Sources: Salesforce Help, "OAuth 2.0 Authorization Errors" and "OAuth 2.0 Refresh Token Flow".
"""

from __future__ import annotations

from dataclasses import dataclass

from salesforce.errors import (
    GrantDead,
    LimitExceeded,
    Misconfigured,
    SalesforceError,
    Transient,
    Unavailable,
)

BUSY = "TOKEN_REQUEST_BUSY"
KEYS_REFUSED = frozenset({"invalid_client", "invalid_client_id"})
APP_WAIT = "10 to 20 minutes"
"""How long a new app, and a changed one, takes to be known at the login hosts."""

# One of these stands in every remedy: whether work goes on by itself, and after what.
BY_ITSELF = (
    "Nothing to do: scsync tries again by itself; only a link attempt has to be begun again."
)
MENDED = "What waits goes on by itself then; a link attempt has to be begun again."
RELINK = "Run scsync link; work goes on by itself then."
_THEN_LINK = "then run scsync link; work goes on by itself then."
AGAIN = "This attempt does not go on by itself: run scsync link again."

_KEYS = (
    "Check the consumer key and secret (SCSYNC_CLIENT_ID, SCSYNC_CLIENT_SECRET), then start anew. "
    f"{MENDED}"
)
_FLOW = f"Switch this OAuth flow on in the app, or link in another way. {MENDED}"
IF_IT_LASTS = (
    f"{BY_ITSELF} If this lasts, check the network, and that SCSYNC_LOGIN_URL is Salesforce's."
)


@dataclass(frozen=True, slots=True)
class Refusal:
    """One row: an error, words of its description, what it comes from and what to do."""

    error: str
    words: str
    kind: type[SalesforceError]
    why: str
    remedy: str
    code: str | None = None

    def fits(self, error: str, lowered: str) -> bool:
        """Tell whether an error is of this row; one that ends in _ or is empty is a beginning."""
        is_start = self.error.endswith("_") or not self.error
        known = error.startswith(self.error) if is_start else error == self.error
        return known and self.words in lowered


OUT_OF_ORDER = "the login host is down, overloaded or in maintenance, or is not Salesforce's"
_ANOTHERS = (
    "this is no answer of Salesforce's: SCSYNC_LOGIN_URL names another host, or a proxy spoke"
)
_UNDESCRIBED = "Salesforce refuses, for a cause that scsync does not know"
SPENT = "the code was used already, or has run out: it lives for some minutes"
_LEFT_OPEN = (
    "Salesforce does not say why. It says so where the app is blocked or not installed in this "
    "org, where the user is not admitted to it, where an IP rule or a login policy keeps the user "
    "out, and where the PKCE challenge was lost on the way"
)
_LOOK = (
    "Have an administrator look, in this order: Setup, Connected Apps OAuth Usage (Install, or "
    "Unblock); the app's policies (Permitted Users, IP Relaxation); the user's Login History. If "
    f"all is well there, do without a proxy that changes addresses; {_THEN_LINK}"
)
_INACTIVE_USER = "the user was deactivated"
_INACTIVE_ORG = "the org was deactivated, or its trial has ended"
_ACTIVATE = f"Have an administrator activate the user (or choose another), {_THEN_LINK}"
_ASK_SALESFORCE = f"Ask Salesforce why, as an administrator of the org; {_THEN_LINK}"
_CALLBACK = f"Enter scsync's callback URL in the app, to the letter. {AGAIN}"
_CLOCK = (
    "Check this machine's clock, the app's certificate, and that the login host is the org's: "
    f"login for production, test for sandboxes. {MENDED}"
)

# The first row that fits counts; "" fits everything.
REFUSALS = (
    Refusal(
        "invalid_grant",
        "already being processed",
        Unavailable,
        "another refresh of this token is under way",
        BY_ITSELF,
        code=BUSY,
    ),
    Refusal(
        "invalid_grant",
        "expired authorization code",
        Unavailable,
        "another refresh of this token is under way",
        BY_ITSELF,
        code=BUSY,
    ),
    Refusal(
        "invalid_grant",
        "invalid authorization code",
        GrantDead,
        SPENT,
        AGAIN,
    ),
    Refusal(
        "invalid_grant",
        "code verifier",
        GrantDead,
        "the answer belongs to another attempt to link",
        AGAIN,
    ),
    Refusal(
        "invalid_grant",
        "hasn't approved this consumer",
        GrantDead,
        "the user is not pre-authorised for the app, or does not exist",
        "Have an administrator admit the user's profile or permission set to the app, "
        f"{_THEN_LINK}",
    ),
    Refusal(
        "invalid_grant",
        "audience",
        Misconfigured,
        "the assertion is addressed to another login host",
        _CLOCK,
    ),
    Refusal(
        "invalid_grant",
        "assertion",
        Misconfigured,
        "the assertion has run out, or was not signed by the app's certificate",
        _CLOCK,
    ),
    Refusal(
        "invalid_grant",
        "ip restricted",
        Misconfigured,
        "the user may not log in from this address",
        f"Have an administrator relax the IP rule of the app or add this address. {MENDED}",
    ),
    Refusal(
        "invalid_grant",
        "login hours",
        Misconfigured,
        "the user may not log in at this hour",
        f"Have an administrator widen the login hours of the profile. {MENDED}",
    ),
    Refusal(
        "invalid_grant",
        "not supported on this domain",
        Misconfigured,
        "client credentials are granted by the org's own host only",
        f"Set SCSYNC_LOGIN_URL to the org's My Domain, and start scsync anew. {MENDED}",
    ),
    Refusal(
        "invalid_grant",
        "no client credentials user",
        Misconfigured,
        "the app has no user to run as",
        f"Name a Run As user in the app's client credentials flow. {MENDED}",
    ),
    Refusal("invalid_grant", "inactive org", GrantDead, _INACTIVE_ORG, _ASK_SALESFORCE),
    Refusal(
        "invalid_grant",
        "inactive",
        GrantDead,
        _INACTIVE_USER,
        _ACTIVATE,
    ),
    Refusal(
        "invalid_grant",
        "frozen",
        GrantDead,
        "the user was frozen",
        f"Have an administrator unfreeze the user (on the user's page in Setup), {_THEN_LINK}",
    ),
    Refusal(
        "invalid_grant",
        "authentication failure",
        GrantDead,
        "Salesforce does not let this user in: locked after wrong passwords, or kept out by a "
        "login policy",
        f"Have an administrator look at the user's Login History and unlock the user, {_THEN_LINK}",
    ),
    Refusal(
        "",
        "login rate exceeded",
        LimitExceeded,
        "the user has logged in too often within an hour",
        BY_ITSELF,
        code="rate_limit_exceeded",
    ),
    Refusal(
        "invalid_grant",
        "refresh token",
        GrantDead,
        "the grant was revoked, has run out, or was pushed out by newer ones (five for a user)",
        RELINK,
    ),
    Refusal(
        "invalid_grant",
        "",
        GrantDead,
        "Salesforce does not take the grant, for a cause that scsync does not know",
        f"Have an administrator look at the user's Login History for the cause, {_THEN_LINK}",
    ),
    Refusal(
        "invalid_client_id",
        "",
        Misconfigured,
        f"the org knows no app by this consumer key; a new app takes {APP_WAIT} to be known",
        _KEYS,
    ),
    Refusal("invalid_client", "", Misconfigured, "the consumer key and secret do not match", _KEYS),
    Refusal(
        "invalid_request",
        "code challenge",
        Misconfigured,
        "the app demands PKCE, and something between us and it took the challenge away",
        f"Do without a proxy that changes addresses. {AGAIN}",
    ),
    Refusal(
        "invalid_scope",
        "",
        Misconfigured,
        "the app does not grant all that SCSYNC_SCOPES asks for",
        f"Give the app these scopes, or ask for fewer. {AGAIN}",
    ),
    Refusal(
        "redirect_uri_mismatch", "", Misconfigured, "the app has another callback URL", _CALLBACK
    ),
    Refusal("redirect_uri_missing", "", Misconfigured, "the app has no callback URL", _CALLBACK),
    Refusal("access_denied", "", GrantDead, "somebody pressed Deny", AGAIN),
    Refusal("access-denied", "", GrantDead, "somebody pressed Deny", AGAIN),
    Refusal(
        "OAUTH_APP_BLOCKED",
        "",
        GrantDead,
        "an administrator has blocked the app",
        f"Have an administrator unblock it in Setup, Connected Apps OAuth Usage, {_THEN_LINK}",
    ),
    Refusal(
        "OAUTH_APP_ACCESS_DENIED",
        "",
        GrantDead,
        "the user is not admitted to the app, has declined it, or calls from an address that the "
        "app's IP rule keeps out",
        "Have an administrator admit the user's profile or permission set to the app, and look at "
        f"its IP Relaxation; {_THEN_LINK}",
    ),
    Refusal(
        "OAUTH_EC_APP_NOT_FOUND",
        "",
        GrantDead,
        "the app is not installed in this org",
        "Have an administrator install it in Setup, Connected Apps OAuth Usage (or check that this "
        f"is the org it was made in), {_THEN_LINK}",
    ),
    Refusal("OAUTH_APPROVAL_ERROR_GENERIC", "", GrantDead, _LEFT_OPEN, _LOOK),
    Refusal("inactive_user", "", GrantDead, _INACTIVE_USER, _ACTIVATE),
    Refusal("inactive_org", "", GrantDead, _INACTIVE_ORG, _ASK_SALESFORCE),
    Refusal(
        "rate_limit_exceeded",
        "",
        LimitExceeded,
        "the user has logged in too often within an hour",
        BY_ITSELF,
    ),
    Refusal("unknown_error", "", Unavailable, "Salesforce has a trouble of its own", BY_ITSELF),
    Refusal("unsupported_", "", Misconfigured, "the app does not offer this flow", _FLOW),
    Refusal("invalid_", "", Misconfigured, "the app takes what we ask for amiss", _FLOW),
)


def refused(error: str, description: str) -> SalesforceError | None:
    """Find the meaning of an OAuth error; None for one that nobody has described yet."""
    lowered = description.lower()
    for row in REFUSALS:
        if row.fits(error, lowered):
            message = f"{description or error}: {row.why}"
            return row.kind(message, code=row.code or error, remedy=row.remedy)
    return None


def explained(error: SalesforceError) -> SalesforceError:
    """Say what an answer without a grant means, be it the token endpoint's or anybody's."""
    found = refused(error.code, error.message)
    if isinstance(error, Transient):
        if not isinstance(found, Transient):
            found = error
            found.message = f"{error.message}: {OUT_OF_ORDER}"
            found.remedy = IF_IT_LASTS
        found.outcome_unknown = True  # whoever spoke was not the token endpoint
    found = found or _unknown(error)
    found.status, found.retry_after = error.status, error.retry_after
    return found


def is_anothers(error: SalesforceError) -> bool:
    """Tell whether whoever answered does not speak OAuth."""
    return error.code.startswith("HTTP_")


def _unknown(error: SalesforceError) -> Misconfigured:
    if is_anothers(error):
        why, remedy = _ANOTHERS, f"Check SCSYNC_LOGIN_URL, then start anew. {MENDED}"
    else:
        why, remedy = _UNDESCRIBED, f"Have an administrator look at the app's settings. {MENDED}"
    return Misconfigured(f"{error.message}: {why}", code=error.code, remedy=remedy)
