"""Every refusal of the token endpoint says what happened, why, what to do and who goes on."""

import httpx
import pytest

from salesforce.errors import GrantDead, LimitExceeded, Misconfigured, Transient, Unavailable
from salesforce.grants import RefreshToken
from salesforce.refusals import REFUSALS
from tests.salesforce.scripted_org import refusal

# error, description as Salesforce was seen to put it, what it is, words of why, words of the remedy
SEEN = [
    ("invalid_grant", "expired access/refresh token", GrantDead, "revoked", "scsync link"),
    ("invalid_grant", "token request is already being processed", Unavailable, "under way", ""),
    ("invalid_grant", "expired authorization code", Unavailable, "under way", ""),
    ("invalid_grant", "authentication failure", GrantDead, "let this user in", "administrator"),
    ("invalid_grant", "inactive user", GrantDead, "deactivated", "administrator"),
    ("invalid_grant", "user is frozen", GrantDead, "frozen", "administrator"),
    ("invalid_grant", "inactive organization", GrantDead, "deactivated", "administrator"),
    ("invalid_grant", "user hasn't approved this consumer", GrantDead, "pre-auth", "permission"),
    ("invalid_grant", "Audience validation failed", Misconfigured, "login host", "clock"),
    ("invalid_grant", "invalid assertion", Misconfigured, "certificate", "clock"),
    ("invalid_grant", "ip restricted", Misconfigured, "address", "IP rule"),
    ("invalid_grant", "outside of login hours", Misconfigured, "hour", "login hours"),
    ("invalid_grant", "request not supported on this domain", Misconfigured, "host", "My Domain"),
    ("invalid_grant", "no client credentials user enabled", Misconfigured, "run as", "Run As"),
    ("invalid_grant", "invalid authorization code", GrantDead, "used already", "link again"),
    ("invalid_grant", "invalid code verifier", GrantDead, "another attempt", "link again"),
    ("invalid_client_id", "client identifier invalid", Misconfigured, "ten minutes", "CLIENT_ID"),
    ("invalid_client", "invalid client credentials", Misconfigured, "match", "CLIENT_SECRET"),
    ("invalid_request", "missing required code challenge", Misconfigured, "PKCE", "proxy"),
    ("unsupported_grant_type", "grant type not supported", Misconfigured, "flow", "in the app"),
    ("unsupported_response_type", "no", Misconfigured, "flow", "in the app"),
    ("invalid_scope", "the requested scope is not allowed", Misconfigured, "SCOPES", "fewer"),
    (
        "redirect_uri_mismatch",
        "redirect_uri must match",
        Misconfigured,
        "callback",
        "to the letter",
    ),
    ("redirect_uri_missing", "no", Misconfigured, "no callback", "to the letter"),
    ("access_denied", "end-user denied authorization", GrantDead, "Deny", "link again"),
    ("access-denied", "end-user denied authorization", GrantDead, "Deny", "link again"),
    ("OAUTH_APP_BLOCKED", "this app is blocked by admin", GrantDead, "blocked", "administrator"),
    ("OAUTH_APP_ACCESS_DENIED", "no", GrantDead, "not admitted", "administrator"),
    ("OAUTH_EC_APP_NOT_FOUND", "no", GrantDead, "not installed", "administrator"),
    ("OAUTH_APPROVAL_ERROR_GENERIC", "no", GrantDead, "not installed", "administrator"),
    ("inactive_user", "", GrantDead, "deactivated", "administrator"),
    ("inactive_org", "", GrantDead, "deactivated", "Ask Salesforce"),
    ("rate_limit_exceeded", "", LimitExceeded, "too often", ""),
    ("invalid_grant", "login rate exceeded", LimitExceeded, "too often", ""),
    ("unknown_error", "retry your request", Unavailable, "trouble of its own", ""),
    ("invalid_whatever", "", Misconfigured, "amiss", "in the app"),
]


@pytest.mark.parametrize("seen", SEEN, ids=lambda seen: f"{seen[0]}-{seen[1]}")
def test_each_refusal_explains_itself(org, app, token, seen):
    """Salesforce's own words, the cause, the remedy; a transient one says that nobody need act."""
    error, description, kind, why, remedy = seen
    org.desk.refusals = [refusal(error, description)]
    with httpx.Client() as http, pytest.raises(kind) as caught:
        RefreshToken(app)(http, token)
    said = str(caught.value)
    assert (description or error) in said
    assert why in caught.value.message
    assert remedy in caught.value.remedy
    assert ("by itself" in caught.value.remedy) or not isinstance(caught.value, Transient)
    assert token.refresh_token not in said


def test_no_row_of_the_table_is_untried():
    """A row that no refusal above meets is one that nobody knows to be right."""
    met = {
        next(row for row in REFUSALS if row.fits(error, description.lower()))
        for error, description, *_ in SEEN
    }
    assert met == set(REFUSALS)


@pytest.mark.parametrize("cause", ["blocked", "not installed", "not admitted", "IP rule", "PKCE"])
def test_the_error_that_says_least_names_every_cause_it_was_seen_with(cause):
    """Whoever reads of one cause alone looks there, and finds nothing."""
    row = next(row for row in REFUSALS if row.error == "OAUTH_APPROVAL_ERROR_GENERIC")
    assert cause in row.why


def test_errors_with_causes_of_their_own_are_told_apart():
    """Not one text for what an administrator mends in different places."""
    errors = ("OAUTH_APP_BLOCKED", "OAUTH_APP_ACCESS_DENIED", "OAUTH_EC_APP_NOT_FOUND")
    errors += ("OAUTH_APPROVAL_ERROR_GENERIC", "inactive_user", "inactive_org")
    rows = [row for row in REFUSALS if row.error in errors]
    assert len({row.why for row in rows}) == len({row.remedy for row in rows}) == len(errors)
