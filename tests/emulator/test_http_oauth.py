"""Every grant, every refusal, as a client meets them."""

from __future__ import annotations

import base64
import hashlib
import re
import time
from urllib.parse import parse_qs, urlsplit

import httpx
import jwt
import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

from tests.emulator.callers import refresh

CALLBACK = "http://localhost:8788/callback"
VERIFIER = "v" * 64
CHALLENGE = (
    base64.urlsafe_b64encode(hashlib.sha256(VERIFIER.encode()).digest()).rstrip(b"=").decode()
)


def ask(org, **changed):
    query = {
        "response_type": "code",
        "client_id": org.client_id,
        "redirect_uri": CALLBACK,
        "scope": "api refresh_token",
        "state": "s t&te",
        "code_challenge": CHALLENGE,
        "code_challenge_method": "S256",
        **changed,
    }
    wanted = {name: value for name, value in query.items() if value is not None}
    return httpx.get(f"{org.url}/services/oauth2/authorize", params=wanted)


def hidden(page):
    return re.search(r'name="request" value="([^"]+)"', page.text)[1]


def log_in(org, page, **changed):
    form = {
        "request": hidden(page),
        "username": org.username,
        "password": org.password,
        **changed,
    }
    return httpx.post(f"{org.url}/services/oauth2/login", data=form)


def decide(org, page, decision="allow"):
    form = {"request": hidden(page), "decision": decision}
    answer = httpx.post(f"{org.url}/services/oauth2/approve", data=form)
    assert answer.status_code == 302
    return {
        name: values[0]
        for name, values in parse_qs(urlsplit(answer.headers["location"]).query).items()
    }


def token(org, **form):
    return httpx.post(f"{org.url}/services/oauth2/token", data=form)


def exchange(org, code, **changed):
    form = {
        "grant_type": "authorization_code",
        "code": code,
        "redirect_uri": CALLBACK,
        "client_id": org.client_id,
        "client_secret": org.client_secret,
        "code_verifier": VERIFIER,
        **changed,
    }
    return token(org, **form)


def approved(org):
    return decide(org, log_in(org, ask(org)))


def works(org, access_token):
    answer = httpx.get(
        f"{org.url}/services/data/v67.0/limits", headers={"Authorization": f"Bearer {access_token}"}
    )
    return answer.status_code == 200


def test_a_person_who_logs_in_and_approves_sends_the_app_a_code_that_works_once(org):
    """The web server flow, end to end, and its code spent twice."""
    back = approved(org)
    assert back["state"] == "s t&te"
    assert back["code"].endswith("==")
    first = exchange(org, back["code"])
    assert works(org, first.json()["access_token"])
    again = exchange(org, back["code"])
    assert again.json() == {
        "error": "invalid_grant",
        "error_description": "invalid authorization code",
    }


def test_a_token_answer_has_the_fields_of_salesforce_and_no_others(org):
    """`issued_at` is a string of milliseconds; there is no `expires_in`."""
    answer = exchange(org, approved(org)["code"])
    document = answer.json()
    assert set(document) == {
        "access_token",
        "refresh_token",
        "instance_url",
        "id",
        "token_type",
        "issued_at",
        "signature",
        "scope",
    }
    assert document["issued_at"].isdigit()
    assert len(document["issued_at"]) == 13
    assert re.fullmatch(r"00D\w{12}![\w.-]+", document["access_token"])
    assert document["instance_url"] == org.url
    assert document["id"].startswith(f"{org.url}/id/{org.org.id}/005")
    assert answer.headers["cache-control"] == "no-store"


@pytest.mark.parametrize(
    ("changed", "error"),
    [
        ({"code_challenge": None}, "invalid_request"),
        ({"code_challenge_method": "plain"}, "invalid_request"),
        ({"scope": "api everything"}, "invalid_scope"),
        ({"response_type": "token"}, "unsupported_response_type"),
    ],
)
def test_a_bad_authorization_request_goes_back_to_the_app_as_an_error(org, changed, error):
    """The app can be told, so it is told; the person sees no page."""
    answer = ask(org, **changed)
    assert answer.status_code == 302
    back = parse_qs(urlsplit(answer.headers["location"]).query)
    assert back["error"] == [error]
    assert back["state"] == ["s t&te"]


def test_a_missing_challenge_is_named(org):
    """Apps of 2026 cannot do without PKCE."""
    location = ask(org, code_challenge=None).headers["location"]
    assert "error=invalid_request&error_description=missing+required+code+challenge" in location


def test_an_unknown_callback_is_never_redirected_to(org):
    """An exact match, or a page that says so."""
    answer = ask(org, redirect_uri=CALLBACK + "/")
    assert answer.status_code == 400
    assert "redirect_uri_mismatch" in answer.text


def test_a_person_who_refuses_sends_access_denied(org):
    """Deny is an answer too."""
    back = decide(org, log_in(org, ask(org)), "deny")
    assert back["error"] == "access_denied"
    assert "code" not in back


def test_a_wrong_password_shows_the_form_again_and_grants_nothing(org):
    """Approving without having logged in is refused."""
    page = ask(org)
    again = log_in(org, page, password="guess")
    assert "check your username and password" in again.text
    answer = httpx.post(f"{org.url}/services/oauth2/approve", data={"request": hidden(page)})
    assert answer.status_code == 400


def test_a_code_needs_the_verifier_of_its_challenge(org):
    """A stolen code is worth nothing."""
    answer = exchange(org, approved(org)["code"], code_verifier="w" * 64)
    assert (answer.status_code, answer.json()["error"]) == (400, "invalid_grant")
    assert answer.json()["error_description"] == "invalid code verifier"


def test_a_refresh_token_serves_again_and_again_without_rotation(org):
    """The same token, two sessions, both good; no refresh token in the answer."""
    first, second = refresh(org), refresh(org)
    assert "refresh_token" not in first.json()
    assert works(org, first.json()["access_token"])
    assert works(org, second.json()["access_token"])


def test_rotation_hands_out_a_new_refresh_token_each_time(org):
    """The chain goes on from the newest."""
    org.configure(rotation=True)
    first = refresh(org).json()["refresh_token"]
    second = refresh(org, refresh_token=first).json()["refresh_token"]
    assert len({org.refresh_token, first, second}) == 3
    assert refresh(org, refresh_token=second).status_code == 200


def test_reusing_a_spent_token_kills_the_grant_and_its_sessions(org):
    """Neither the current refresh token nor any access token survives."""
    org.configure(rotation=True)
    current = refresh(org).json()
    reused = refresh(org)
    assert reused.status_code == 400
    assert reused.json() == {
        "error": "invalid_grant",
        "error_description": "expired access/refresh token",
    }
    assert refresh(org, refresh_token=current["refresh_token"]).status_code == 400
    assert not works(org, current["access_token"])


def test_the_loser_of_a_parallel_refresh_may_try_again(org):
    """Within the window the same token is being processed, and nothing is revoked."""
    org.configure(rotation=True, refresh_window=60)
    winner, loser = refresh(org), refresh(org)
    assert loser.status_code == 400
    assert loser.json()["error_description"] == "token request is already being processed"
    assert refresh(org, refresh_token=winner.json()["refresh_token"]).status_code == 200


def test_a_sixth_grant_revokes_the_first(org):
    """Five per user and app, the oldest goes in silence."""
    for _ in range(5):
        assert exchange(org, approved(org)["code"]).status_code == 200
    assert refresh(org).json()["error"] == "invalid_grant"


def test_client_credentials_open_a_session_without_a_refresh_token(org):
    """By Basic authentication; scopes that need a person are stripped."""
    answer = httpx.post(
        f"{org.url}/services/oauth2/token",
        data={"grant_type": "client_credentials"},
        auth=(org.client_id, org.client_secret),
    )
    assert works(org, answer.json()["access_token"])
    assert "refresh_token" not in answer.json()
    assert not {"refresh_token", "full", "web"} & set(answer.json()["scope"].split())


@pytest.fixture
def key(org):
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    public = key.public_key().public_bytes(
        serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
    )
    org.configure(certificate=public.decode())
    return key


def bearer(org, key, **changed):
    claims = {
        "iss": org.client_id,
        "sub": org.username,
        "aud": "https://login.salesforce.com",
        "exp": int(time.time()) + 120,
        **changed,
    }
    signed = jwt.encode(claims, key, algorithm="RS256")
    return token(
        org, grant_type="urn:ietf:params:oauth:grant-type:jwt-bearer", assertion=signed
    ).json()


def test_a_signed_assertion_opens_a_session(org, key):
    """RS256 against the key registered for the app; no refresh token."""
    answer = bearer(org, key)
    assert works(org, answer["access_token"])
    assert "refresh_token" not in answer


@pytest.mark.parametrize(
    ("changed", "description"),
    [
        ({"aud": "https://example.com"}, "Audience validation failed"),
        ({"exp": 1_700_000_000}, "expired assertion"),
        ({"sub": "nobody@example.com"}, "user hasn't approved this consumer"),
    ],
)
def test_an_assertion_that_proves_nothing_is_refused(org, key, changed, description):
    """Audience, expiry and subject are all looked at."""
    refusal = {"error": "invalid_grant", "error_description": description}
    assert bearer(org, key, **changed) == refusal


@pytest.mark.usefixtures("key")
def test_an_assertion_signed_by_another_key_is_refused(org):
    """The signature is checked, not only read."""
    stranger = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    assert bearer(org, stranger)["error_description"] == "invalid assertion"


def test_a_wrong_secret_or_client_is_named_as_such(org):
    """Two mistakes, two answers; a secret may be left out only where the app allows it."""
    assert refresh(org, client_secret="guess").json()["error"] == "invalid_client"
    assert refresh(org, client_id="guess").json()["error"] == "invalid_client_id"
    form = {"grant_type": "refresh_token", "refresh_token": org.refresh_token}
    assert token(org, **form, client_id=org.client_id).json()["error"] == "invalid_client"
    org.configure(require_secret=False)
    assert token(org, **form, client_id=org.client_id).status_code == 200


def test_a_blocked_app_is_told_so(org):
    """As since the restriction of uninstalled apps."""
    org.configure(blocked=True)
    assert refresh(org).json() == {
        "error": "OAUTH_APP_BLOCKED",
        "error_description": "this app is blocked by admin",
    }


def test_revoking_a_refresh_token_ends_its_sessions_too(org):
    """200 with an empty body, then nothing works any more."""
    session = refresh(org).json()["access_token"]
    answer = httpx.post(f"{org.url}/services/oauth2/revoke", data={"token": org.refresh_token})
    assert (answer.status_code, answer.content) == (200, b"")
    assert not works(org, session)
    assert refresh(org).json()["error"] == "invalid_grant"


def test_introspection_tells_a_live_token_from_a_dead_one(org):
    """`exp` is what the token answer itself never says."""
    session = refresh(org).json()["access_token"]
    form = {"token": session, "client_id": org.client_id, "client_secret": org.client_secret}
    found = httpx.post(f"{org.url}/services/oauth2/introspect", data=form).json()
    assert found["active"] is True
    assert found["exp"] - found["iat"] == 7200
    assert found["username"] == org.username
    org.expire_sessions()
    gone = httpx.post(f"{org.url}/services/oauth2/introspect", data=form).json()
    assert gone == {"active": False}


def test_userinfo_and_the_identity_url_name_the_same_user(org):
    """Two addresses, one person; strangers get neither."""
    document = refresh(org).json()
    headers = {"Authorization": f"Bearer {document['access_token']}"}
    info = httpx.get(f"{org.url}/services/oauth2/userinfo", headers=headers).json()
    identity = httpx.get(document["id"], headers=headers).json()
    assert info["user_id"] == identity["user_id"] == document["id"].rpartition("/")[2]
    assert info["preferred_username"] == identity["username"] == org.username
    assert httpx.get(document["id"]).status_code == 403


def test_an_access_token_ends_when_its_time_is_up(org):
    """The lifetime is the app's setting."""
    org.configure(session_seconds=0)
    assert not works(org, refresh(org).json()["access_token"])
