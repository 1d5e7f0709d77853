"""Every refusal of the token endpoint says what happened, why, what to do and who goes on."""

import httpx
import pytest

from salesforce.errors import (
    GrantDead,
    LimitExceeded,
    Misconfigured,
    SalesforceError,
    Transient,
    Unavailable,
)
from salesforce.grants import RefreshToken
from salesforce.oauth import AppCredentials
from salesforce.refusals import AGAIN, BY_ITSELF, MENDED, REFUSALS, RELINK
from tests.salesforce.scripted_org import Answer, refusal

# error, description as Salesforce was seen to put it, what it is, words of why, words of the remedy
SEEN = [
    ("invalid_grant", "expired access/refresh token", GrantDead, "revoked", "scsync link"),
    ("invalid_grant", "of a kind never seen", GrantDead, "does not know", "Login History"),
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
    ("invalid_client_id", "client identifier invalid", Misconfigured, "20 minutes", "CLIENT_ID"),
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

LINKING = {"access_denied", "access-denied", "invalid_scope", "invalid_request"}
LINKING |= {"redirect_uri_mismatch", "redirect_uri_missing"}
LINKING |= {"invalid authorization code", "invalid code verifier"}


def goes_on(error: SalesforceError) -> str:
    """What the remedy says of work that waits: whether it goes on by itself, and after what."""
    remedy = (error.remedy or "").lower()
    (said,) = (one for one in (BY_ITSELF, MENDED, RELINK, AGAIN) if one.lower() in remedy)
    return said


def sequel(error: str, description: str, kind: type[SalesforceError]) -> str:
    """Only a person's link has to be begun again; what needs one waits for it, the rest for us."""
    if {error, description} & LINKING:
        return AGAIN
    if issubclass(kind, Transient):
        return BY_ITSELF
    return RELINK if kind is GrantDead else MENDED


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
    assert goes_on(caught.value) == sequel(error, description, kind)
    assert token.refresh_token not in said


HTML = {"Content-Type": "text/html"}


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        (Answer(503, b"<html>", HTML), "HTTP_503: 6 bytes of text/html: the login host is down"),
        (Answer(200, b"<html>", HTML), "BROKEN_BODY: 6 bytes of text/html instead of an answer"),
        (Answer(302, b"", HTML), "HTTP_302"),
        (Answer(500, {"error": "invalid_grant"}), "invalid_grant"),
    ],
)
def test_an_answer_that_is_not_oauths_is_waited_for(org, app, token, answer, words):
    """A page in place of a token: down, or another's host; nobody need act before it lasts."""
    org.desk.refusals = [answer]
    with httpx.Client() as http, pytest.raises(Transient) as caught:
        RefreshToken(app)(http, token)
    said = str(caught.value)
    for part in (words, "down, overloaded or in maintenance", BY_ITSELF, "SCSYNC_LOGIN_URL"):
        assert part in said
    assert caught.value.outcome_unknown


def test_a_host_that_is_not_there_is_waited_for(token):
    """As the network may come back."""
    app = AppCredentials("id", None, "http://127.0.0.1:1")
    with httpx.Client() as http, pytest.raises(Unavailable, match="ConnectError") as caught:
        RefreshToken(app)(http, token)
    assert goes_on(caught.value) == BY_ITSELF


def test_a_trouble_that_salesforce_names_keeps_its_text_whatever_the_status(org, app, token):
    """With 500 as with 400."""
    trouble = Answer(500, {"error": "unknown_error", "error_description": "retry your request"})
    org.desk.refusals = [trouble]
    with httpx.Client() as http, pytest.raises(Unavailable, match="trouble of its own") as caught:
        RefreshToken(app)(http, token)
    assert caught.value.outcome_unknown


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        (Answer(404, b"<html>", HTML), "SCSYNC_LOGIN_URL"),
        (refusal("of_tomorrow", "no"), "does not know"),
    ],
)
def test_an_error_that_nobody_has_described_is_explained_all_the_same(
    org, app, token, answer, words
):
    """A page is another host's, an error is Salesforce's: two places to look at."""
    org.desk.refusals = [answer]
    with httpx.Client() as http, pytest.raises(Misconfigured, match=words) as caught:
        RefreshToken(app)(http, token)
    assert goes_on(caught.value) == MENDED


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
