"""Where a run stands: the org it reads, and a fresh database for each case."""

import os
import platform
import secrets
import sqlite3
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from datetime import timedelta
from email.utils import parsedate_to_datetime
from pathlib import Path

import httpx
import msgspec
import psycopg
from cryptography.fernet import Fernet
from psycopg import sql

from benchmarks.measure import Spec, said
from models.case import Case
from pipelines.plan import plan_for
from salesforce.describe import Describe
from tests.services import postgres_server

API = "/services/data/v67.0"


class Ground:
    """The org and the databases of one run."""

    def __init__(self, cases: int, *, postgresql: bool) -> None:
        self.cases = cases
        self._resources = ExitStack()
        self._skew = 0.0
        with ExitStack() as opening:
            folder = opening.enter_context(tempfile.TemporaryDirectory(prefix="scsync-bench-"))
            self.folder = Path(folder)
            self._server = opening.enter_context(_postgresql()) if postgresql else ""
            self.org = opening.enter_context(_org(cases))
            self._resources = opening.pop_all()
        self.start_seconds = float(str(self.org["start_seconds"]))
        self.http = httpx.Client(base_url=str(self.org["url"]), timeout=60)
        self.spec = self._spec()

    def close(self) -> None:
        self.http.close()
        self._resources.close()

    def _spec(self) -> Spec:
        login = {name: str(self.org[name]) for name in ("client_id", "client_secret")}
        login["refresh_token"] = str(self.org["refresh_token"])
        answer = self.http.post(
            "/services/oauth2/token", data={"grant_type": "refresh_token", **login}
        )
        token = answer.raise_for_status().json()["access_token"]
        found = self.http.get(
            f"{API}/sobjects/Case/describe", headers={"Authorization": f"Bearer {token}"}
        ).raise_for_status()
        plan = plan_for(Case, msgspec.json.decode(found.content, type=Describe))
        until = parsedate_to_datetime(found.headers["date"]) + timedelta(seconds=1)
        return Spec(
            org=str(self.org["url"]),
            token=token,
            login={**login, "secret_key": Fernet.generate_key().decode()},
            soql_fields=[(field.api_name, field.column, field.kind) for field in plan.fields],
            database="",
            until=until.strftime("%Y-%m-%dT%H:%M:%SZ"),
        )

    @contextmanager
    def fresh(self, database: str) -> Iterator[Spec]:
        """Give a spec that names an empty database, gone afterwards."""
        name = f"bench_{secrets.token_hex(4)}"
        if database == "sqlite":
            yield msgspec.structs.replace(self.spec, database=str(self.folder / f"{name}.db"))
            for left in self.folder.glob(f"{name}.db*"):
                left.unlink()
            return
        with psycopg.connect(self._server, autocommit=True) as admin:
            admin.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(name)))
            url = f"{self._server.rpartition('/')[0]}/{name}"
            try:
                yield msgspec.structs.replace(self.spec, database=url)
            finally:
                admin.execute(sql.SQL("DROP DATABASE {} WITH (FORCE)").format(sql.Identifier(name)))

    def versions(self) -> str:
        """Say what ran: interpreter, databases, and how durable PostgreSQL was told to be."""
        parts = [f"Python {platform.python_version()}", f"SQLite {sqlite3.sqlite_version}"]
        if self._server:
            with psycopg.connect(self._server) as admin:
                shown = [
                    (
                        admin.execute(sql.SQL("SHOW {}").format(sql.Identifier(name))).fetchone()
                        or "?"
                    )[0]
                    for name in ("server_version", "fsync", "shared_buffers")
                ]
            parts.append(f"PostgreSQL {shown[0]} (fsync {shown[1]}, shared_buffers {shown[2]})")
        return ", ".join(parts)

    def advance(self, seconds: float) -> None:
        """Move the org's clock on; it stands still again there."""
        self._skew += seconds
        self.http.post("/emulator/clock", json={"skew": self._skew}).raise_for_status()

    def burst(self, records: int) -> None:
        """Change as many cases at once, as a mass update does."""
        act = {"act": "burst", "sobject": "Case", "n": records}
        self.http.post("/emulator/acts", json=act).raise_for_status()

    def calls(self) -> int:
        """Count the data API's calls so far, by the org's own count."""
        found: dict[str, int] = self.http.get("/emulator/limits").json()
        return found["used"]


@contextmanager
def _postgresql() -> Iterator[str]:
    if given := os.environ.get("TEST_DATABASE_URL"):
        yield given.replace("postgresql+psycopg://", "postgresql://")
        return
    with postgres_server() as server:
        yield server.url.replace("postgresql+psycopg://", "postgresql://")


@contextmanager
def _org(cases: int) -> Iterator[dict[str, object]]:
    command = [sys.executable, "-m", "benchmarks.org", "--cases", str(cases)]
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        try:
            line = process.stdout.readline() if process.stdout else ""
            if not line:
                raise SystemExit("the emulated org did not start; what it said stands above")
            yield {**said(line), "pid": process.pid}
        finally:
            process.terminate()
