"""A store whose readers are killed again and again, and what must be true of it every time."""

import json
import os
import random
import subprocess
import sys
import time
from contextlib import closing
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Self

from emulator.server import Emulator
from models import CATALOG
from store.engine import Store
from tests.cli.conftest import login
from tests.system.processes import PATIENCE

_OTHERS = (
    "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() "
    "AND backend_type = 'client backend' AND pid <> pg_backend_pid()"
)
LEASES = ("scsync_watermarks", "scsync_backfills", "scsync_slices", "scsync_accounts")


@dataclass
class Ground:
    """One org, one store, and a process that forks those to be killed."""

    org: Emulator
    url: str
    folder: Path
    settings: dict[str, str] = field(default_factory=dict)
    stamps: dict[str, dict[str, datetime]] = field(default_factory=dict)
    killed: int = 0

    def __enter__(self) -> Self:
        self._server = subprocess.Popen(
            [sys.executable, "-m", "tests.proof.victims"],
            cwd=Path(__file__).parents[2],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        return self

    def __exit__(self, *_: object) -> None:
        self._server.communicate()

    def scsync(self, *words: str, after: float | None = None) -> int:
        """Run a verb, killed after so many seconds; give its exit code."""
        streams = [self.folder / name for name in ("in", "out", "err")]
        streams[0].write_text("")
        request = {
            "words": words,
            "folder": str(self.folder),
            "env": self._environment(),
            "streams": list(map(str, streams)),
            "after": after,
        }
        assert self._server.stdin
        assert self._server.stdout
        self._server.stdin.write(json.dumps(request) + "\n")
        self._server.stdin.flush()
        code = int(self._server.stdout.readline())
        self.killed += code < 0
        if code > 0:
            raise AssertionError(f"scsync {' '.join(words)}: {code}\n{streams[2].read_text()}")
        return code

    def _environment(self) -> dict[str, str]:
        kept = {name: value for name, value in os.environ.items() if not name.startswith("SCSYNC_")}
        named = {**login(self.org), "DATABASE_URL": self.url, "SETTLE": "5", **self.settings}
        return {**kept, "COLUMNS": "80", **{f"SCSYNC_{key}": text for key, text in named.items()}}

    def expire_leases(self) -> None:
        """Let the time pass that a dead process's leases last."""
        self._outlast()
        past = datetime.now(UTC) - timedelta(minutes=10)
        with closing(Store(self.url)) as store, store.begin() as tx:
            moment = past.strftime("%Y-%m-%dT%H:%M:%S.000Z") if store.is_sqlite else past
            mark = "?" if store.is_sqlite else "%s"
            for table in LEASES:
                column = "lease_until"
                tx.exec_driver_sql(
                    f"UPDATE {table} SET {column} = {mark} WHERE {column} IS NOT NULL",  # noqa: S608
                    (moment,),
                )

    def _outlast(self) -> None:
        """Wait until PostgreSQL has seen that the killed are gone: it ends what they had begun."""
        with closing(Store(self.url)) as store:
            deadline = time.monotonic() + PATIENCE
            while not store.is_sqlite:
                with store.read() as tx:
                    if not tx.exec_driver_sql(_OTHERS).scalar():
                        return
                assert time.monotonic() < deadline, "somebody is still connected"
                time.sleep(0.01)

    def look(self) -> int:
        """See that no row went away or became older than it was; give how many there are."""
        with closing(Store(self.url)) as store, store.read() as tx:
            for model in CATALOG:
                table = model.table()
                rows = tx.execute(
                    table.select().with_only_columns(table.c.id, table.c.system_modstamp)
                )
                now: dict[str, datetime] = {row[0]: row[1] for row in rows}
                before = self.stamps.get(model.sobject, {})
                gone = before.keys() - now.keys()
                assert not gone, f"{model.sobject}: rows vanished: {sorted(gone)[:5]}"
                older = [key for key, stamp in before.items() if now[key] < stamp]
                assert not older, f"{model.sobject}: older than before: {older[:5]}"
                self.stamps[model.sobject] = now
        return sum(map(len, self.stamps.values()))


def busy(org: Emulator, dice: random.Random, changes: int) -> None:
    """Have some cases changed, made and deleted between two rounds."""
    rows: list[dict[str, Any]] = org.run(
        lambda it: it.query_rows("SELECT Id FROM Case ORDER BY SystemModstamp DESC LIMIT 300")
    )
    for _ in range(changes):
        record_id = str(dice.choice(rows)["Id"])
        org.act("update", sobject="Case", id=record_id, fields={"Subject": f"{dice.random()}"})
    org.act("create", sobject="Case", fields={"Subject": f"new {dice.random()}"})
