"""Grants and refusals of the token endpoint."""

import base64
import json
import re
from datetime import UTC, datetime, timedelta

import httpx
import pytest
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding, rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from salesforce import oauth, wire
from salesforce.errors import GrantDead, Misconfigured, SalesforceError, Unavailable
from salesforce.grants import ClientCredentials, JwtBearer, RefreshToken
from salesforce.oauth import AppCredentials
from tests.salesforce.scripted_org import Answer, refusal

NOON = datetime(2026, 1, 2, 12, tzinfo=UTC)


@pytest.fixture
def http():
    with httpx.Client() as http:
        yield http


def test_a_login_url_that_is_no_token_endpoint_is_a_setting_to_mend(org, app, token, http):
    """HTML with a 404 comes from a wrong host, and no waiting heals that."""
    org.desk.refusals = [Answer(404, b"<html>")]
    with pytest.raises(Misconfigured, match="SCSYNC_LOGIN_URL"):
        RefreshToken(app)(http, token)


def test_a_web_server_that_is_out_of_order_may_be_the_wrong_one(org, app, token, http):
    """HTML with a 501 is waited for; that the address may be wrong is said all the same."""
    org.desk.refusals = [Answer(501, b"<html>")]
    with pytest.raises(Unavailable, match="SCSYNC_LOGIN_URL") as caught:
        RefreshToken(app)(http, token)
    assert caught.value.outcome_unknown


def test_an_unreachable_login_host_is_transient(token, http):
    """Networks come back."""
    with pytest.raises(Unavailable, match="ConnectError"):
        RefreshToken(AppCredentials("id", None, "http://127.0.0.1:1"))(http, token)


def test_the_answer_to_a_grant_is_waited_for_longer_than_others(org, app, token):
    """Under rotation it is the only one that bears the next refresh token."""
    patience = []

    def note(request):
        patience.append(request.extensions["timeout"]["read"])

    with httpx.Client(event_hooks={"request": [note]}) as http:
        RefreshToken(app)(http, token)
        with pytest.raises(SalesforceError):  # which this org has no answer to
            oauth.ask(http, f"{org.url}/services/oauth2/introspect", {"token": "refresh0"})
    assert patience == [60, 20]


def test_a_public_app_sends_no_secret(org, token, http):
    """Salesforce refuses a secret it did not ask for."""
    RefreshToken(AppCredentials("consumer", None, org.url))(http, token)
    assert org.desk.forms == [
        {"grant_type": "refresh_token", "refresh_token": "refresh0", "client_id": "consumer"}
    ]


def test_client_credentials_need_no_refresh_token(org, app, http, token):
    """Nothing to lose: the robust choice for a daemon."""
    answer = ClientCredentials(app)(http, token)
    assert (answer.access_token, answer.refresh_token) == (org.desk.access_token, None)


def test_a_jwt_assertion_is_signed_by_the_private_key(org, app, http, token):
    """The org checks it with the certificate alone."""
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    pem = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    JwtBearer(app, "ada@example.com", pem, "https://login.salesforce.com", lambda: NOON)(
        http, token
    )
    text, _, signature = org.desk.forms[0]["assertion"].rpartition(".")
    key.public_key().verify(unpadded(signature), text.encode(), padding.PKCS1v15(), hashes.SHA256())
    assert json.loads(unpadded(text.partition(".")[2])) == {
        "iss": "consumer",
        "sub": "ada@example.com",
        "aud": "https://login.salesforce.com",
        "exp": int(NOON.timestamp()) + 180,
    }


@pytest.mark.parametrize("minutes", [-50, 7])
def test_an_assertion_goes_by_the_login_hosts_clock_if_ours_is_wrong(
    org, app, http, token, minutes
):
    """What it was refused for is the time that the refusal itself tells."""
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    pem = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    theirs = NOON + timedelta(minutes=minutes)
    expired = refusal("invalid_grant", "expired assertion")
    expired.headers["Date"] = wire.http_date(theirs)
    org.desk.refusals = [expired]
    grant = JwtBearer(app, "ada", pem, "https://login.salesforce.com", lambda: NOON)
    assert grant(http, token).access_token == org.desk.access_token
    _, second = (form["assertion"].split(".")[1] for form in org.desk.forms)
    assert json.loads(unpadded(second))["exp"] == int(theirs.timestamp()) + 180


def test_an_assertion_that_no_clock_explains_is_refused_once(org, app, http, token):
    """The certificate is another one, say: asking again would only be refused again."""
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    pem = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    invalid = refusal("invalid_grant", "invalid assertion")
    invalid.headers["Date"] = wire.http_date(NOON)
    org.desk.refusals = [invalid]
    with pytest.raises(Misconfigured, match="certificate"):
        JwtBearer(app, "ada", pem, "https://login.salesforce.com", lambda: NOON)(http, token)
    assert len(org.desk.forms) == 1


@pytest.mark.parametrize(
    "pem", [b"", b"-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----"]
)
def test_an_unreadable_key_is_a_setting_to_mend(app, http, token, pem):
    """And its text is not repeated."""
    with pytest.raises(Misconfigured, match="PEM"):
        JwtBearer(app, "ada", pem, "https://login.salesforce.com")(http, token)


def test_revoking_sends_the_token_in_the_body(org, http, token):
    """Addresses are logged, bodies are not."""
    oauth.revoke(http, org.url, token.refresh_token)
    assert (org.seen[0].path, org.seen[0].body) == ("/services/oauth2/revoke", b"token=refresh0")


@pytest.mark.parametrize(
    "url", ["http://example.com", "ftp://127.0.0.1", "login", "https://a:b@c.de"]
)
def test_tokens_go_to_no_insecure_address(url):
    """Plain http is for loopback."""
    with pytest.raises(Misconfigured, match="https"):
        AppCredentials("id", "secret", url)


@pytest.mark.parametrize(
    "url", ["http://localhost:8", "http://127.0.0.2:8/", "http://[::1]:8", "https://x.de"]
)
def test_https_and_loopback_are_fine(url):
    """And lose a trailing slash."""
    assert AppCredentials("id", "secret", url).login_url == url.rstrip("/")


def test_secrets_do_not_show(org, app, http, token):
    """Neither in what logs print nor in what errors say."""
    answer = RefreshToken(app)(http, token)
    org.desk.refusals = [refusal("invalid_grant", "expired access/refresh token")]
    with pytest.raises(GrantDead) as caught:
        RefreshToken(app)(http, token)
    shown = f"{app!r} {token!r} {answer!r} {caught.value!r} {caught.value}"
    assert not re.search("s3cret|refresh0|refresh1|00D!", shown)


def unpadded(text: str) -> bytes:
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))
