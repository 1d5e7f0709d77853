"""What the token endpoint's refusals mean: what happened, why, what to do, and who goes on.

Sources: Salesforce Help, "OAuth 2.0 Authorization Errors" and "OAuth 2.0 Refresh Token Flow".
"""

from __future__ import annotations

from dataclasses import dataclass

from salesforce.errors import GrantDead, LimitExceeded, Misconfigured, SalesforceError, Unavailable

BUSY = "TOKEN_REQUEST_BUSY"
KEYS_REFUSED = frozenset({"invalid_client", "invalid_client_id"})

_BY_ITSELF = "Nothing to do: scsync tries again by itself."
_RELINK = "Run scsync link; work goes on by itself then."
_ACTIVATE = "Have an administrator activate the user, or link as another: run scsync link."
_MEND = "What waits goes on by itself then."
_KEYS = (
    "Check the consumer key and secret (SCSYNC_CLIENT_ID, SCSYNC_CLIENT_SECRET), then start anew. "
    f"{_MEND}"
)
AGAIN = "Run scsync link again."
_FLOW = f"Switch this OAuth flow on in the app, or link in another way. {_MEND}"


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


SPENT = "the code was used already, or has run out: it lives for some minutes"
_LEFT_OPEN = (
    "Salesforce does not say why. It says so where the app is blocked or not installed in this "
    "org, where the user is not admitted to it, where an IP rule or a login policy keeps the user "
    "out, and where the PKCE challenge was lost on the way"
)
_LOOK = (
    "Have an administrator look, in this order: Setup, Connected Apps OAuth Usage (Install, or "
    "Unblock); the app's policies (Permitted Users, IP Relaxation); the user's Login History. If "
    "all is well there, link without a proxy that changes addresses. Then run scsync link."
)
_INACTIVE_USER = "the user was deactivated"
_INACTIVE_ORG = "the org was deactivated, or its trial has ended"
_ASK_SALESFORCE = "Ask Salesforce why, as an administrator of the org; then run scsync link."
_CALLBACK = f"Enter scsync's callback URL in the app, to the letter. {_MEND}"
_CLOCK = (
    "Check this machine's clock, the app's certificate, and that the login host is the org's: "
    f"login for production, test for sandboxes. {_MEND}"
)

# The first row that fits counts; "" fits everything.
REFUSALS = (
    Refusal(
        "invalid_grant",
        "already being processed",
        Unavailable,
        "another refresh of this token is under way",
        _BY_ITSELF,
        code=BUSY,
    ),
    Refusal(
        "invalid_grant",
        "expired authorization code",
        Unavailable,
        "another refresh of this token is under way",
        _BY_ITSELF,
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
        "Have an administrator admit the user's profile or permission set to the app, then link.",
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
        f"Have an administrator relax the IP rule of the app or add this address. {_MEND}",
    ),
    Refusal(
        "invalid_grant",
        "login hours",
        Misconfigured,
        "the user may not log in at this hour",
        f"Have an administrator widen the login hours of the profile. {_MEND}",
    ),
    Refusal(
        "invalid_grant",
        "not supported on this domain",
        Misconfigured,
        "client credentials are granted by the org's own host only",
        "Set SCSYNC_LOGIN_URL to the org's My Domain, and start scsync anew.",
    ),
    Refusal(
        "invalid_grant",
        "no client credentials user",
        Misconfigured,
        "the app has no user to run as",
        f"Name a Run As user in the app's client credentials flow. {_MEND}",
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
        "Have an administrator unfreeze the user (on the user's page in Setup), then run scsync "
        "link.",
    ),
    Refusal(
        "invalid_grant",
        "authentication failure",
        GrantDead,
        "Salesforce does not let this user in: locked after wrong passwords, or kept out by a "
        "login policy",
        "Have an administrator look at the user's Login History and unlock the user, then run "
        "scsync link.",
    ),
    Refusal(
        "",
        "login rate exceeded",
        LimitExceeded,
        "the user has logged in too often within an hour",
        _BY_ITSELF,
        code="rate_limit_exceeded",
    ),
    Refusal(
        "invalid_grant",
        "",
        GrantDead,
        "the grant was revoked, has run out, or was pushed out by newer ones (five for a user)",
        _RELINK,
    ),
    Refusal(
        "invalid_client_id",
        "",
        Misconfigured,
        "the org knows no app by this consumer key; a new app takes ten minutes to be known",
        _KEYS,
    ),
    Refusal("invalid_client", "", Misconfigured, "the consumer key and secret do not match", _KEYS),
    Refusal(
        "invalid_request",
        "code challenge",
        Misconfigured,
        "the app demands PKCE, and something between us and it took the challenge away",
        "Link with this program's own link, without a proxy that changes addresses.",
    ),
    Refusal(
        "invalid_scope",
        "",
        Misconfigured,
        "the app does not grant all that SCSYNC_SCOPES asks for",
        "Give the app these scopes, or ask for fewer; then run scsync link.",
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
        "Have an administrator unblock it in Setup, Connected Apps OAuth Usage, then run scsync "
        "link.",
    ),
    Refusal(
        "OAUTH_APP_ACCESS_DENIED",
        "",
        GrantDead,
        "the user is not admitted to the app, has declined it, or calls from an address that the "
        "app's IP rule keeps out",
        "Have an administrator admit the user's profile or permission set to the app, and look at "
        "its IP Relaxation; then run scsync link.",
    ),
    Refusal(
        "OAUTH_EC_APP_NOT_FOUND",
        "",
        GrantDead,
        "the app is not installed in this org",
        "Have an administrator install it in Setup, Connected Apps OAuth Usage (or check that this "
        "is the org it was made in), then run scsync link.",
    ),
    Refusal("OAUTH_APPROVAL_ERROR_GENERIC", "", GrantDead, _LEFT_OPEN, _LOOK),
    Refusal("inactive_user", "", GrantDead, _INACTIVE_USER, _ACTIVATE),
    Refusal("inactive_org", "", GrantDead, _INACTIVE_ORG, _ASK_SALESFORCE),
    Refusal(
        "rate_limit_exceeded",
        "",
        LimitExceeded,
        "the user has logged in too often within an hour",
        _BY_ITSELF,
    ),
    Refusal("unknown_error", "", Unavailable, "Salesforce has a trouble of its own", _BY_ITSELF),
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
