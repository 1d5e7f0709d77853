"""Milliseconds for each page of the console, over a store that is filled without an org.

    python -m benchmarks.console --cases 1000000 --commands 100000

Each page is asked for by Starlette's test client, in this process: what is measured is the work of
the console and its questions to the store, and no network. Exit code 1 if a page's median is above
the bar.
"""

import argparse
import statistics
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path

from cryptography.fernet import Fernet
from sqlalchemy import text
from starlette.testclient import TestClient

from benchmarks.console_store import fill
from config.settings import Settings
from console.app import console
from store.reports import CATALOG
from worker.app import App

BAR = 200.0  # ms
_HERE = "http://127.0.0.1:8484"


def main() -> int:
    asked = _arguments()
    with tempfile.TemporaryDirectory(prefix="scsync-bench-") as folder:
        url = asked.url or f"sqlite:///{Path(folder) / 'store.db'}"
        key = Fernet.generate_key().decode()
        settings = Settings(_env_file=None, database_url=url, secret_key=key, console_rate=0)
        with closing(App(settings)) as parts:
            begun = time.monotonic()
            fill(parts.store, cases=asked.cases, commands=asked.commands, now=datetime.now(UTC))
            filled = time.monotonic() - begun
            print(f"{asked.cases:,} cases, {asked.commands:,} commands, filled in {filled:.0f} s")
            return _measured(parts, asked.reps, asked.settle)


def _measured(parts: App, reps: int, settle: float) -> int:
    slow = 0
    print(f"{'first':>8} {'median':>8} {'worst':>8}  ms")
    with TestClient(console(parts), base_url=_HERE, headers={"accept": "text/html"}) as client:
        time.sleep(settle)
        for path in _pages(parts):
            took = [_took(client, path) for _ in range(reps + 1)]
            first, median, worst = took[0], statistics.median(took[1:]), max(took[1:])
            is_slow = median > BAR
            slow += is_slow
            mark = "  <-- above the bar" if is_slow else ""
            print(f"{first:8.1f} {median:8.1f} {worst:8.1f}  {path}{mark}", flush=True)
    print(f"{slow} pages above {BAR:.0f} ms" if slow else f"every page within {BAR:.0f} ms")
    return 1 if slow else 0


def _took(client: TestClient, path: str) -> float:
    begun = time.perf_counter()
    answer = client.get(path)
    took = (time.perf_counter() - begun) * 1000
    if answer.status_code != 200:
        sys.exit(f"{path}: {answer.status_code} {answer.text[:500]}")
    return took


def _pages(parts: App) -> Iterator[str]:
    with parts.store.read() as tx:
        one = tx.execute(text("SELECT id FROM scsync_commands WHERE state = 'applied' LIMIT 1"))
        command_id = one.scalar_one()
        record = tx.execute(text("SELECT max(record_id) FROM scsync_commands")).scalar_one()
    yield from ("/", "/objects", "/objects/Case", "/commands", "/commands?state=rejected")
    yield from ("/commands?object=Case&code=INVALID_FIELD", "/commands?limit=100")
    yield from ("/commands/causes", f"/commands/{command_id}", f"/records/Case/{record}")
    yield from ("/accounts", "/accounts/guide", "/accounts/doctor", "/reports")
    for name in CATALOG:
        yield f"/reports/{name}"


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--cases", type=int, default=1_000_000)
    parser.add_argument("--commands", type=int, default=100_000)
    parser.add_argument("--reps", type=int, default=9, help="after the first, which warms up")
    parser.add_argument("--settle", type=float, default=20.0, help="seconds from start to first")
    parser.add_argument("--url", help="an empty database; else a SQLite file of its own")
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
