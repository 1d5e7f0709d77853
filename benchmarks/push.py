"""Measures the write path: a backlog against two rivals, idle latency, a million waiting commands.

    python -m benchmarks.push [--updates 10000] [--backlog 1000000] [--only backlog]

Prints ratios; exit 1 below a bar.
"""

import argparse
import json
import logging
import sqlite3
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, closing, contextmanager
from pathlib import Path
from typing import Any

import httpx
import psycopg
import structlog

from benchmarks.ground import Ground
from benchmarks.measure import peak, said
from benchmarks.push_rivals import bare_collections, one_by_one
from benchmarks.report import DATABASES, Report
from config.settings import Settings
from models.command import Command
from salesforce.ids import to_18
from store import claims
from store.claims import Claim
from tests.services import redis_server
from tests.system.processes import PATIENCE, Site
from worker.app import App

BAR_CALLS = 60
BAR_PEER = 100
BAR_BARE = 0.8
BAR_LATENCY_MS = 100
BAR_CLAIM = 3.0  # times what it takes with a thousand waiting
DRAINS = 4  # as many as a daemon with its usual eight threads has
SAMPLE = 100  # records that are updated one by one: the others would take as long
INSERTS = 40


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--updates", type=int, default=10_000)
    parser.add_argument("--backlog", type=int, default=1_000_000)
    parser.add_argument("--only", action="append", choices=PARTS)
    asked = parser.parse_args()
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.WARNING))
    report = Report()
    ground = Ground(max(asked.updates, 200), postgresql=True)
    try:
        report.say(f"{ground.versions()}\n")
        for name, part in PARTS.items():
            if not asked.only or name in asked.only:
                part(ground, report, asked)
    finally:
        ground.close()
    for what in report.short:
        print(f"below the bar: {what}", file=sys.stderr)
    return 1 if report.short else 0


def throughput(ground: Ground, report: Report, asked: argparse.Namespace) -> None:
    """Apply a backlog of updates, each of another record, and what that costs two rivals."""
    cases, token = _cases(ground, asked.updates), ground.spec.token
    ids = list(cases)
    report.say(f"{len(ids):,} updates, each of another record; the org answers after 50 ms\n")
    report.say("| | records/s | API calls |\n|---|---:|---:|")
    with _quick_org(ground.spec.org) as org:
        peer = SAMPLE / one_by_one(org, token, ids[:SAMPLE], "one by one")
        bare = len(ids) / bare_collections(org, token, ids, "bare loop")
        report.say(f"| simple-salesforce, one by one | {peer:,.0f} | {len(ids):,} |")
        report.say(f"| bare loop of Collections | {bare:,.0f} | {-(-len(ids) // 200)} |")
        for database, title in DATABASES.items():
            seconds, calls = _drained(ground, database, org, cases)
            rate = len(ids) / seconds
            report.say(f"| scsync, {title}, read back too | {rate:,.0f} | {calls} |")
            times, share = rate / peer, rate / bare
            report.hold(f"{title}: {calls} calls, {BAR_CALLS} allowed", good=calls <= BAR_CALLS)
            report.hold(f"{title}: {times:.0f} times one by one", good=times >= BAR_PEER)
            report.hold(f"{title}: {share:.2f} of the bare loop", good=share >= BAR_BARE)
    report.say("")


def _drained(
    ground: Ground, database: str, org: str, cases: dict[str, dict[str, str]]
) -> tuple[float, int]:
    with _app(ground, database, login_url=org) as app:
        # The quick org writes nothing: what is asked for is what stands there, so that the
        # read-back finds what was asked.
        app.desk.submit(_update(one, fields) for one, fields in cases.items())
        before, started = _calls(org), time.perf_counter()
        with ThreadPoolExecutor(DRAINS) as pool:
            drained = list(pool.map(lambda _: app.pusher().drain(), range(DRAINS)))
        seconds = time.perf_counter() - started
        if sum(one.total for one in drained) != len(cases):
            raise SystemExit(f"not all were applied: {drained}")
        return seconds, _calls(org) - before


def latency(ground: Ground, report: Report, _: argparse.Namespace) -> None:
    """Insert by plain SQL while nothing else goes on, and see when the request arrives."""
    ids = list(_cases(ground, INSERTS))
    for database, title in DATABASES.items():
        with ExitStack() as stack:
            spec = stack.enter_context(ground.fresh(database))
            site = Site(Path(stack.enter_context(tempfile.TemporaryDirectory())))
            stack.callback(site.stop_all)
            site.use(_settings(ground, spec.database, objects="Account"))
            roles = ["up"]
            if database == "postgresql":
                redis = stack.enter_context(redis_server()).url
                site.environment["SCSYNC_BROKER_URL"] = redis
                roles = ["scheduler", "worker", "worker"]
            for role in roles:
                site.start(role).ready()
            found = [_arrival(ground, spec.database, record_id) * 1000 for record_id in ids]
        median = statistics.median(found)
        report.say(
            f"Idle latency, {title}: {median:.0f} ms from commit to the org (median of"
            f" {len(found)}, worst {max(found):.0f})."
        )
        report.hold(f"{title}: {median:.0f} ms", good=median <= BAR_LATENCY_MS)


def _arrival(ground: Ground, database: str, record_id: str) -> float:
    """Insert one command and wait until the org has been asked; give the seconds.

    The org itself notes when a request came: to ask it all the time would keep it busy.
    """
    time.sleep(0.15)
    ground.http.delete("/emulator/requests").raise_for_status()
    row = ("update", "Case", record_id, json.dumps({"Subject": str(time.time())}))
    insert = "INSERT INTO scsync_commands (op, sobject, record_id, fields) VALUES"
    if database.startswith("postgresql"):
        with psycopg.connect(database) as tx:
            tx.execute(f"{insert} (%s, %s, %s, %s)", row)
            started = time.time()
            tx.commit()
    else:
        with closing(sqlite3.connect(database, timeout=30)) as file:
            file.execute(f"{insert} (?, ?, ?, ?)", row)
            started = time.time()
            file.commit()
    while not (arrivals := _arrivals(ground)):
        if time.time() - started > PATIENCE:
            raise SystemExit("the command never came")
        time.sleep(0.25)
    return arrivals[0] - started


def _arrivals(ground: Ground) -> list[float]:
    recent = ground.http.get("/emulator/requests").json()["recent"]
    return [one["received"] for one in recent if one["kind"] == "sobjects.update"]


def backlog(ground: Ground, report: Report, asked: argparse.Namespace) -> None:
    """Have a million commands wait, and see what a claim costs, and by which plan."""
    for database, title in DATABASES.items():
        with _app(ground, database) as app:
            figures: dict[int, float] = {}
            made = 0
            for size in (1_000, asked.backlog):
                while made < size:
                    some = min(10_000, size - made)
                    ids = [to_18(f"500RM{place:010d}") for place in range(made, made + some)]
                    app.desk.submit(
                        _update(one, {"Subject": "waiting", "Priority": "High"}) for one in ids
                    )
                    made += some
                figures[size] = statistics.median(_claims(app))
            small, large = figures[1_000], figures[asked.backlog]
            report.say(
                f"{title}: to claim 200 and hand them back takes"
                f" {small * 1000:.1f} ms with 1,000 waiting,"
                f" {large * 1000:.1f} ms with {asked.backlog:,}; peak {peak():.0f} MB."
            )
            for line in _plan(app):
                report.say(f"    {line}")
            report.hold(f"{title}: claims slow with the backlog", good=large <= BAR_CLAIM * small)


def _claims(app: App) -> Iterator[float]:
    for _ in range(9):
        now = app.clock()
        started = time.perf_counter()
        with app.store.begin() as tx:
            taken = claims.claim(tx, Claim(owner="bench", now=now, until=now, limit=200))
        with app.store.begin() as tx:
            claims.hand_back(tx, taken, owner="bench", now=app.clock())
        yield time.perf_counter() - started


def _plan(app: App) -> list[str]:
    with app.store.read() as tx:
        query = claims.due_query(app.clock()).limit(200)
        compiled = query.compile(tx.engine, compile_kwargs={"render_postcompile": True})
        explain = "EXPLAIN QUERY PLAN " if app.store.is_sqlite else "EXPLAIN "
        values: Any = compiled.construct_params()
        if compiled.positional:
            values = tuple(values[name] for name in compiled.positiontup or [])
        rows = tx.exec_driver_sql(explain + str(compiled), values)
        return [str(row[-1]).strip() for row in rows if "scsync_commands" in str(row[-1])]


def _update(record_id: str, fields: dict[str, str]) -> Command:
    form = {"op": "update", "sobject": "Case", "record_id": record_id}
    return Command.from_json({**form, "fields": fields})


def _cases(ground: Ground, number: int) -> dict[str, dict[str, str]]:
    """Give so many cases' ids, each with its subject and its priority."""
    query = f"SELECT Id, Subject, Priority FROM Case ORDER BY Id LIMIT {number}"  # noqa: S608
    head = {"Authorization": f"Bearer {ground.spec.token}"}
    url, found = f"/services/data/v67.0/query?q={query}", dict[str, dict[str, str]]()
    while url:
        answer = ground.http.get(url, headers=head).raise_for_status().json()
        for row in answer["records"]:
            found[row["Id"]] = {name: row[name] for name in ("Subject", "Priority")}
        url = answer.get("nextRecordsUrl", "")
    return found


@contextmanager
def _app(ground: Ground, database: str, **more: Any) -> Iterator[App]:
    with (
        ground.fresh(database) as spec,
        closing(App(_settings(ground, spec.database, **more))) as app,
    ):
        assert app.describes.get("Case")
        yield app


@contextmanager
def _quick_org(behind: str) -> Iterator[str]:
    command = [sys.executable, "-m", "benchmarks.quick_org", "--behind", behind]
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout
        yield str(said(process.stdout.readline())["url"])
        process.communicate()


def _calls(org: str) -> int:
    return int(httpx.get(f"{org}/quick/calls").json())


def _settings(ground: Ground, database: str, **more: Any) -> Settings:
    url = database.replace("postgresql://", "postgresql+psycopg://")
    given = {"database_url": url if "://" in url else f"sqlite:///{url}"}
    given |= {"login_url": ground.spec.org, **ground.spec.login}
    return Settings(_env_file=None, **{**given, **more})


PARTS: dict[str, Callable[[Ground, Report, argparse.Namespace], None]] = {
    "throughput": throughput,
    "latency": latency,
    "backlog": backlog,
}

if __name__ == "__main__":
    sys.exit(main())
