"""How a client of the emulated org gets its session."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import httpx

if TYPE_CHECKING:
    from emulator.server import Emulator


class Clock:
    """A clock for an org, which a test may put forward."""

    ahead = timedelta()

    def __call__(self) -> datetime:
        return datetime.now(UTC) + self.ahead


def refresh(org: Emulator, **changed) -> httpx.Response:
    """Ask the token endpoint for a session, as a client with a stored refresh token does."""
    form = {
        "grant_type": "refresh_token",
        "refresh_token": org.refresh_token,
        "client_id": org.client_id,
        "client_secret": org.client_secret,
        **changed,
    }
    return httpx.post(f"{org.url}/services/oauth2/token", data=form)


def open_client(org: Emulator, version: str = "v67.0") -> httpx.Client:
    token = refresh(org).json()["access_token"]
    return httpx.Client(
        base_url=f"{org.url}/services/data/{version}/",
        headers={"Authorization": f"Bearer {token}"},
    )


def open_client_of(org: Emulator, user_id: str, version: str = "v67.0") -> httpx.Client:
    """Open a session of another user, by client credentials."""
    name = org.run(lambda inner: inner.retrieve("User", user_id, ["Username"]))["Username"]
    org.configure(run_as=name)
    answer = httpx.post(
        f"{org.url}/services/oauth2/token",
        data={"grant_type": "client_credentials"},
        auth=(org.client_id, org.client_secret),
    )
    return httpx.Client(
        base_url=f"{org.url}/services/data/{version}/",
        headers={"Authorization": f"Bearer {answer.json()['access_token']}"},
    )


def refusal(answer: httpx.Response) -> tuple[int, str]:
    """Return the status and the code of an error, which the data API sends in an array."""
    return answer.status_code, answer.json()[0]["errorCode"]
