"""Measures every reporting view on a store of many cases; exit 1 when one takes over a second.

    python -m benchmarks.reports --cases 1000000

The store is filled by SQL, without an org, in the proportions of the emulated one. Each view is
read by its first page, whole, and by a condition; times include making Python's values of rows.
"""

import argparse
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path

from sqlalchemy import make_url, text

from benchmarks.report_rows import fill
from store import migrate, reports
from store.engine import Store
from store.reports import indexes
from tests.services import postgres_server

BAR = 1.0  # s
PAGE = 50
MOST = 50_000  # rows that somebody may read at once; of longer lists the pages count
FILTERS = {
    "open_cases": {"priority": "High"},
    "open_cases_by": {"dimension": "owner"},
    "cases_by_day": {"day>=": "2026-01-01"},
    "open_spells": {"until": "9999-12-31T00:00:00Z"},
    "response_times": {"metric": "resolution"},
    "reopened_escalated": {"is_closed": "false"},
    "milestones": {"state": "violated"},
    "milestones_by_month": {"target_minutes": "60"},
    "entitlements": {"state": "active"},
    "entitlements_by_account": {"active": "0"},
    "cases_without_entitlement": {"reason": "none"},
    "service_contracts": {"served_since>": "0"},
    "work_orders": {"is_overdue": "true"},
    "work_orders_by": {"dimension": "contract"},
    "articles": {"needs": "review"},
    "agents_load": {"is_active": "true"},
}
PLACES: dict[str, Callable[[], Iterator[str]]]


def main() -> int:
    options = _options()
    short = []
    for name in options.only or PLACES:
        with contextmanager(PLACES[name])() as url, closing(Store(url)) as store:
            short += _measured(name, store, options.cases)
    for what in short:
        print(f"above {BAR} s: {what}", file=sys.stderr)
    return 1 if short else 0


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.reports", description=__doc__)
    parser.add_argument("--cases", type=int, default=1_000_000)
    parser.add_argument("--only", action="append", choices=["sqlite", "postgresql"])
    return parser.parse_args()


def _sqlite() -> Iterator[str]:
    with tempfile.TemporaryDirectory(prefix="scsync-bench-") as folder:
        yield f"sqlite:///{Path(folder) / 'store.db'}"


def _postgresql() -> Iterator[str]:
    with postgres_server() as server:
        url = make_url(server.url).set(drivername="postgresql+psycopg")
        yield url.render_as_string(hide_password=False)


PLACES = {"sqlite": _sqlite, "postgresql": _postgresql}


def _measured(name: str, store: Store, cases: int) -> list[str]:
    migrate.upgrade(store)
    print(f"\n{name}: {cases:,} cases", flush=True)
    print(f"filled in {_timed(lambda: fill(store, cases))[0]:.1f} s", flush=True)
    print(f"indexed in {_timed(lambda: indexes.build(store))[0]:.1f} s", flush=True)
    if not store.is_sqlite:
        _vacuum(store)
    print(f"\n{'report':28}{'rows':>10}{'first page':>12}{'whole':>9}{'filtered':>10}")
    return [f"{name}: {one}" for one in reports.CATALOG if not _held(store, one)]


def _held(store: Store, name: str) -> bool:
    page, _ = _timed(lambda: _read(store, name, limit=PAGE))
    whole, rows = _timed(lambda: _read(store, name))
    filtered, _ = _timed(lambda: _read(store, name, where=FILTERS[name].items(), limit=PAGE))
    print(f"{name:28}{rows:>10,}{page:>10.3f} s{whole:>7.3f} s{filtered:>8.3f} s", flush=True)
    return max(page, filtered, 0 if rows > MOST else whole) < BAR


def _read(
    store: Store, name: str, *, where: reports.Conditions = (), limit: int | None = None
) -> int:
    with store.read() as tx:
        return len(reports.rows(tx, name, where=where, limit=limit)[1])


def _vacuum(store: Store) -> None:
    """Do what autovacuum would have done by the time that anybody asks."""
    with store.engine.connect() as connection:
        connection.execution_options(isolation_level="AUTOCOMMIT").execute(text("VACUUM ANALYZE"))


def _timed(work: Callable[[], object]) -> tuple[float, int]:
    started = time.perf_counter()
    found = work()
    return time.perf_counter() - started, found if isinstance(found, int) else 0


if __name__ == "__main__":
    sys.exit(main())
