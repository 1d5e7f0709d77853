"""One linked account over an emptied store: what the stories of the read path start from."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

import httpx
from cryptography.fernet import Fernet

from emulator.server import Emulator
from models import CATALOG, by_name
from models.run import Run
from models.watermark import Watermark
from pipelines import merged
from pipelines.backfill import Backfiller
from pipelines.computed import Computed, Refreshed
from pipelines.deletes import Deletes, DeletesRead
from pipelines.describes import Describes
from pipelines.link import Linker
from pipelines.pull import Backfills, Pulled, Puller
from pipelines.reparented import Reparented
from pipelines.vault import AccountVault
from pipelines.verify import Verified, Verifier
from pipelines.walk import Road
from salesforce.client import Client
from salesforce.oauth import AppCredentials
from store import runs, watermarks
from store.engine import Store
from tests.emulator.test_http_oauth import approved, exchange
from tests.pipelines.push.ground import Clock

__all__ = ["API_VERSION", "SETTLE", "Clock", "Reader", "after_pages", "approve_again"]

API_VERSION = "67.0"
SETTLE = timedelta(seconds=5)


class Reader:
    """The parts of the read path, and the questions that tests ask of the store."""

    def __init__(
        self,
        org: Emulator,
        store: Store,
        *,
        login_url: str | None = None,
        settle: timedelta = SETTLE,
    ) -> None:
        self.org, self.store, self.settle = org, store, settle
        self.clock = Clock()
        self.key = Fernet.generate_key().decode()
        self.cipher = Fernet(self.key)
        self.app = AppCredentials(
            client_id=org.client_id,
            client_secret=org.client_secret,
            login_url=login_url or org.url,
        )
        self.link()
        self.client = self.new_client()
        self.describes = self.new_describes()

    def link(self, token: str | None = None, **more: Any) -> None:
        with self.http() as http:
            self.linker(http, **more).by_refresh_token(token or self.org.refresh_token)

    def linker(self, http: httpx.Client, **more: Any) -> Linker:
        given = {"app": self.app, "store": self.store, "cipher": self.cipher, "clock": self.clock}
        return Linker(http=http, **{**given, **more})

    def http(self) -> httpx.Client:
        return httpx.Client(timeout=120)

    def vault(self, cipher: Fernet | None = None) -> AccountVault:
        return AccountVault(self.store, "default", cipher=cipher or self.cipher, clock=self.clock)

    def new_client(self, **parts: Any) -> Client:
        return Client(vault=self.vault(), app=self.app, api_version=API_VERSION, **parts)

    def new_describes(self) -> Describes:
        return Describes(client=self.client, store=self.store, clock=self.clock)

    def road(self, **parts: Any) -> Road:
        """Make a road with what belongs to it, as the daemon does."""
        moved = Reparented(client=self.client, store=self.store, describes=self.describes)
        return Road(
            **{
                "on_page": (merged.follow, moved.note),
                "on_window": (moved.read,),
                "client": self.client,
                "store": self.store,
                "clock": self.clock,
                "settle": self.settle,
                "owner": uuid4().hex,
                **parts,
            }
        )

    def puller(self, backfills: Backfills | None = None, **parts: Any) -> Puller:
        return Puller(road=self.road(**parts), describes=self.describes, backfills=backfills)

    def backfiller(self, *, road: dict[str, Any] | None = None, **parts: Any) -> Backfiller:
        """Make a worker of backfills, for which a hundred rows are many."""
        given = {"road": self.road(**(road or {})), "describes": self.describes, "above": 100}
        return Backfiller(**{**given, **parts})

    def pull(self, sobject: str = "Case", *, backfill: bool = False, **parts: Any) -> Pulled:
        return self.puller(**parts).pull(by_name(sobject), backfill=backfill)

    def cycle(self) -> dict[str, Pulled]:
        return {model.sobject: self.puller().pull(model) for model in CATALOG}

    def verifier(self, **parts: Any) -> Verifier:
        return Verifier(**{**self._parts(), "settle": self.settle, **parts})

    def verify(self, sobject: str = "Case", **parts: Any) -> Verified:
        """Compare, and mend nothing."""
        return self.verifier(**parts).compare(by_name(sobject))

    def deletes(self, sobject: str = "Case") -> DeletesRead:
        return Deletes(**self._parts()).read(by_name(sobject))

    def refresh(self, sobject: str, calls: int = 1_000, **parts: Any) -> Refreshed:
        return Computed(**{**self._parts(), **parts}).refresh(by_name(sobject), calls)

    def _parts(self) -> dict[str, Any]:
        return {
            "client": self.client,
            "store": self.store,
            "describes": self.describes,
            "clock": self.clock,
        }

    def mark(self, sobject: str = "Case") -> Watermark:
        with self.store.read() as tx:
            return watermarks.read(tx, sobject)

    def run(self, sobject: str = "Case") -> Run:
        """Give the last run's row."""
        with self.store.read() as tx:
            return runs.latest(tx, [sobject])[sobject]

    def count(self, sobject: str = "Case") -> int:
        table = by_name(sobject).table()
        with self.store.read() as tx:
            return len(tx.execute(table.select()).all())

    def row(self, sobject: str, record_id: str) -> dict[str, Any]:
        table = by_name(sobject).table()
        with self.store.read() as tx:
            found = tx.execute(table.select().where(table.c.id == record_id)).mappings().one()
            return dict(found)

    def later(self, seconds: float) -> None:
        """Let time pass in the org; its clock only ever goes forward."""
        now = datetime.fromisoformat(self.org.control("GET", "health")["now"])
        self.org.skew((now - datetime.now(UTC)).total_seconds() + seconds)

    def sql(self, statement: str, **values: Any) -> None:
        with self.store.begin() as tx:
            tx.exec_driver_sql(statement.format(**values))

    def close(self) -> None:
        self.client.close()


def after_pages(pages: int) -> Callable[[], bool]:
    """Stop a pull after so many pages."""
    seen = iter(range(1, 1_000))
    return lambda: next(seen) >= pages


def approve_again(org: Emulator) -> str:
    """Let the user approve the app once more; give the new grant's refresh token."""
    token: str = exchange(org, approved(org)["code"]).json()["refresh_token"]
    return token
