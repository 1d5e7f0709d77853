"""A console without a network: who asks, and from where, is up to the test."""

import re
from collections.abc import Iterator
from contextlib import closing, contextmanager
from typing import Any

from cryptography.fernet import Fernet
from starlette.testclient import TestClient

from config.settings import Settings
from console.app import console
from models.api_key import EVERY_SCOPE, Scope
from store import audit, keys
from tests.pipelines.push.ground import Clock
from worker.app import App

BROWSER = {"Accept": "text/html,*/*;q=0.8", "Sec-Fetch-Site": "same-origin"}
ELSEWHERE = ("203.0.113.7", 50_000)


class Bench:
    """One account's console and store, whose clock can be moved; no org is ever called."""

    def __init__(self, database_url: str, **settings: Any) -> None:
        self.clock = Clock()
        secret = Fernet.generate_key().decode()
        named = {"database_url": database_url, "secret_key": secret, "objects": "User", **settings}
        self.app = App(Settings(_env_file=None, **named), clock=self.clock)

    def client(
        self, *, is_loopback: bool = False, address: tuple[str, int] = ELSEWHERE, **more: Any
    ) -> TestClient:
        """Give a caller at an address, of a console on loopback or open to all."""
        served = console(self.app, is_loopback=is_loopback)
        more = {"base_url": "http://localhost:8484", "follow_redirects": False, **more}
        return TestClient(served, client=address, raise_server_exceptions=False, **more)

    def key(self, name: str, *scopes: Scope, **more: Any) -> str:
        with self.app.store.begin() as tx:
            return keys.make(tx, name, scopes or EVERY_SCOPE, now=self.clock(), **more)

    def acts(self) -> list[tuple[str, str, str]]:
        """What the audit holds, oldest first."""
        with self.app.store.read() as tx:
            found = audit.latest(tx, limit=100)
        return [(one.operator, one.act, one.subject) for one in reversed(found)]


@contextmanager
def bench(database_url: str, **settings: Any) -> Iterator[Bench]:
    made = Bench(database_url, **settings)
    with closing(made.app):
        yield made


def bearer(key: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {key}"}


def csrf_of(client: TestClient) -> str:
    """What the forms carry that this browser is shown."""
    page = client.get("/login", headers=BROWSER, follow_redirects=True)
    found = re.search(r'name="csrf" value="([^"]+)"', page.text)
    assert found
    return found[1]


def login(client: TestClient, key: str, csrf: str | None = None, **asked: str) -> Any:
    """Log in as a person does: the page first, then its form."""
    data = {"csrf": csrf_of(client) if csrf is None else csrf, "key": key}
    return client.post("/login", data=data, params=asked, headers=BROWSER)
