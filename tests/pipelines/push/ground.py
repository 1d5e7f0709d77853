"""One linked account over one database: what the stories of the write path start from."""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

from cryptography.fernet import Fernet
from sqlalchemy import text

from config.settings import Settings
from emulator.server import Emulator
from models import by_name
from models.command import Command
from models.outbox import Attempt, OutboxEntry, Taken
from pipelines.keeper import SPAN
from pipelines.push import Drained, Pusher
from store import claims, outbox
from worker.app import App


class Clock:
    """The real time, moved ahead on demand."""

    def __init__(self) -> None:
        self.ahead = timedelta(0)
        self._stopped: datetime | None = None
        self._holders = 0
        self._turn = threading.Lock()

    def __call__(self) -> datetime:
        return (self._stopped or datetime.now(UTC)) + self.ahead

    def advance(self, **span: float) -> None:
        self.ahead += timedelta(**span)

    @contextmanager
    def stopped(self) -> Iterator[None]:
        """Stand still for a while, so that no short wait ends while a busy machine is slow.

        Of several who ask for it, in one thread or in many, the last to leave lets it go on.
        """
        with self._turn:
            self._stopped = self._stopped or datetime.now(UTC)
            self._holders += 1
        try:
            yield
        finally:
            with self._turn:
                self._holders -= 1
                if not self._holders:
                    self._stopped = None


def settings_for(org: Emulator, database_url: str, **more: Any) -> Settings:
    """Name the org and the database; nothing is read from the machine."""
    return Settings(
        _env_file=None,
        **{
            "database_url": database_url,
            "login_url": org.url,
            "client_id": org.client_id,
            "client_secret": org.client_secret,
            "refresh_token": org.refresh_token,
            "secret_key": Fernet.generate_key().decode(),
            **more,
        },
    )


class Place:
    """The parts of one process, the org behind it, and what was written there since."""

    def __init__(self, org: Emulator, database_url: str, **settings: Any) -> None:
        self.org = org
        self.clock = Clock()
        self.app = App(settings_for(org, database_url, **settings), clock=self.clock)
        self.start = max((entry["seq"] for entry in org.journal()), default=0)

    def case(self, **fields: Any) -> str:
        """Let somebody else open a case in the org."""
        made: str = self.org.act("create", sobject="Case", fields={"Subject": "Noise", **fields})
        self.start = self.org.journal()[-1]["seq"]
        return made

    def submit(self, *forms: dict[str, Any]) -> list[str]:
        return [receipt.id for receipt in self.app.desk.submit(map(Command.from_json, forms))]

    def insert(self, **columns: Any) -> str:
        """Insert a row by plain SQL, as any program may."""
        names, places = ", ".join(columns), ", ".join(f":{name}" for name in columns)
        query = f"INSERT INTO scsync_commands ({names}) VALUES ({places}) RETURNING id"  # noqa: S608
        with self.app.store.begin() as tx:
            return str(tx.execute(text(query), columns).scalar_one())

    def pusher(self, **parts: Any) -> Pusher:
        return replace(self.app.pusher(), **{"jitter": lambda: 0.5, **parts})

    def drain(self, **parts: Any) -> Drained:
        """Work until nothing is due at this one moment: what is put off waits for another drain."""
        with self.clock.stopped():
            return self.pusher(**parts).drain()

    def drain_patiently(self, done: Callable[[], bool], *, rounds: int = 20) -> None:
        """Drain again and again, a quarter of an hour later each time, until it is done."""
        for _ in range(rounds):
            self.drain()
            if done():
                return
            self.clock.advance(minutes=15)
        raise AssertionError(f"not done after {rounds} drains")

    def seize(self, owner: str = "another worker", limit: int = 8) -> list[Taken]:
        """Take what is due, as a worker does before it sends."""
        now = self.clock()
        claim = claims.Claim(owner=owner, now=now, until=now + SPAN, limit=limit)
        with self.app.store.begin() as tx:
            return claims.claim(tx, claim)

    def entry(self, command_id: str) -> OutboxEntry:
        with self.app.store.read() as tx:
            found = outbox.get(tx, command_id)
        assert found is not None
        return found

    def state(self, command_id: str) -> str:
        return self.entry(command_id).state

    def attempts(self, command_id: str) -> list[Attempt]:
        with self.app.store.read() as tx:
            return outbox.attempts(tx, command_id)

    def counts(self) -> dict[str, int]:
        with self.app.store.read() as tx:
            return outbox.counts(tx)

    def writes(self, sobject: str | None = None) -> list[dict[str, Any]]:
        """What the API wrote in the org, in order, by the org's own journal."""
        return [
            entry
            for entry in self.org.journal(self.start)
            if entry["api"] and sobject in {None, entry["sobject"]}
        ]

    def row(self, sobject: str, record_id: str) -> dict[str, Any] | None:
        """Read what the store holds of a record."""
        table = by_name(sobject).table()
        with self.app.store.read() as tx:
            found = tx.execute(table.select().where(table.c.id == record_id)).mappings().first()
        return dict(found) if found else None


def update(record_id: str, **fields: Any) -> dict[str, Any]:
    return {"op": "update", "sobject": "Case", "record_id": record_id, "fields": fields}


def create(**fields: Any) -> dict[str, Any]:
    return {"op": "create", "sobject": "Case", "fields": fields}


def delete(record_id: str) -> dict[str, Any]:
    return {"op": "delete", "sobject": "Case", "record_id": record_id}
