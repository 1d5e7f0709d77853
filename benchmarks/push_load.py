"""10,000 commands over 1,000 records through Redis and PostgreSQL with two worker processes.

    python -m benchmarks.push_load [--commands 10000] [--records 1000] [--workers 2]

Prints the rates; exits with 1 unless the org's own journal shows every command once and each
record's in order.
"""

import argparse
import sys
import tempfile
import time
from contextlib import ExitStack, closing
from pathlib import Path

from store import outbox
from store.engine import Store
from tests.services import postgres_server, redis_server
from tests.system.processes import Remote, Site, in_order, subject_updates

STALLED = 60.0  # s without a single command finished: something is wrong


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--commands", type=int, default=10_000)
    parser.add_argument("--records", type=int, default=1_000)
    parser.add_argument("--workers", type=int, default=2)
    asked = parser.parse_args()
    rounds = asked.commands // asked.records
    with ExitStack() as stack:
        site = Site(Path(stack.enter_context(tempfile.TemporaryDirectory())))
        stack.callback(site.stop_all)
        remote = Remote(site)
        database = stack.enter_context(postgres_server()).url
        site.environment |= {
            "SCSYNC_DATABASE_URL": database,
            "SCSYNC_BROKER_URL": stack.enter_context(redis_server()).url,
            "SCSYNC_OBJECTS": "Account",
            "SCSYNC_LOG_LEVEL": "warning",
        }
        for role in ("scheduler", *["worker"] * asked.workers):
            site.start(role).ready()
        store = stack.enter_context(closing(Store(database)))
        cases = remote.open_cases(asked.records)
        path = subject_updates(site.folder, cases, rounds)
        started = time.perf_counter()
        site.run("submit", "--file", str(path))
        accepted = time.perf_counter()
        wait_for(store, rounds * len(cases))
        finished = time.perf_counter()
        total = rounds * len(cases)
        print(f"{total:,} accepted, {total / (accepted - started):,.0f} commands/s")
        print(f"{total:,} applied, {total / (finished - accepted):,.0f} commands/s")
        good = remote.subjects() == in_order(cases, rounds)
        print("each once and in order" if good else "LOST, DOUBLED OR OUT OF ORDER")
        return 0 if good else 1


def wait_for(store: Store, total: int) -> None:
    """Wait until all are applied; give up when nothing moves."""
    before, since = -1, time.monotonic()
    while True:
        with store.read() as tx:
            applied = outbox.counts(tx).get("applied", 0)
        if applied == total:
            return
        if applied != before:
            before, since = applied, time.monotonic()
        if time.monotonic() - since > STALLED:
            raise SystemExit(f"stalled at {applied:,} of {total:,}")
        time.sleep(0.25)


if __name__ == "__main__":
    sys.exit(main())
