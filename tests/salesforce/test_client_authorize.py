"""The web server flow, as far as it does not need a browser."""

from base64 import urlsafe_b64encode
from hashlib import sha256

import httpx
import pytest

from salesforce.authorize import Authorization
from salesforce.errors import GrantDead, ProtocolError
from tests.salesforce.scripted_org import refusal

CALLBACK = "http://127.0.0.1:9/callback"


@pytest.fixture
def http():
    with httpx.Client() as http:
        yield http


@pytest.fixture
def authorization(app):
    return Authorization(app, CALLBACK, ("api", "refresh_token"))


def test_the_address_carries_a_challenge_and_no_secret(authorization, org):
    """New apps refuse to authorise without PKCE."""
    url = httpx.URL(authorization.url)
    digest = sha256(authorization.verifier.encode()).digest()
    assert str(url).startswith(org.url + "/services/oauth2/authorize?")
    assert url.params["code_challenge"] == urlsafe_b64encode(digest).decode().rstrip("=")
    assert url.params["scope"] == "api refresh_token"
    assert "s3cret" not in str(url)


def test_a_code_is_traded_with_verifier_and_secret(authorization, org, http):
    """A confidential app has to send both."""
    answer = authorization.finish(http, {"code": "aPrx==", "state": authorization.state})
    assert answer.access_token == org.desk.access_token
    assert org.desk.forms == [
        {
            "grant_type": "authorization_code",
            "code": "aPrx==",
            "redirect_uri": CALLBACK,
            "code_verifier": authorization.verifier,
            "client_id": "consumer",
            "client_secret": "s3cret",
        }
    ]


@pytest.mark.parametrize("callback", [{"code": "x"}, {"code": "x", "state": "other"}])
def test_an_answer_to_somebody_elses_question_is_refused(authorization, org, http, callback):
    """Otherwise a stranger could link his own org."""
    with pytest.raises(GrantDead, match="not ours"):
        authorization.finish(http, callback)
    assert org.seen == []


def test_a_denial_says_what_to_do(authorization, http):
    """An administrator has to install the app first."""
    callback = {"error": "OAUTH_APP_BLOCKED", "state": authorization.state}
    with pytest.raises(GrantDead, match="administrator"):
        authorization.finish(http, callback)


def test_a_spent_code_asks_for_a_new_start(authorization, org, http):
    """The same words mean patience for a refresh, but a code serves only once."""
    org.desk.refusals = [refusal("invalid_grant", "expired authorization code")]
    with pytest.raises(GrantDead, match="again"):
        authorization.finish(http, {"code": "x", "state": authorization.state})


def test_a_callback_without_code_or_error_breaks_the_protocol(authorization, http):
    """Somebody else calls that address."""
    with pytest.raises(ProtocolError):
        authorization.finish(http, {"state": authorization.state})
