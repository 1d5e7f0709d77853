"""What the triggers of row history cost: first loads, changes that they note, and others.

    python -m benchmarks.history --cases 200000 --changed 20000

Rows go into the store as a pull writes them, page by page, without an org: what is measured is the
statement alone, of which the triggers are a larger share than of a pull. With and without triggers
take turns; of the repetitions the best counts. Exit 1 when a first load pays more than 3 %.
"""

import argparse
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import partial

from sqlalchemy import Connection

from benchmarks.reports import PLACES
from models import by_name
from models.columns import Kind, SyncField
from store import migrate, records
from store.engine import Store
from store.records import Row

BAR = 0.03
PAGE = 2_000
_CASE = by_name("Case")
_NOW = datetime(2026, 1, 1, tzinfo=UTC)
_WORDS = "The customer says that it does not do what the leaflet says it should do. " * 4


@dataclass(frozen=True)
class Work:
    """What is done to the store, in order; `revision` is how often each row was changed before."""

    name: str
    revision: int
    status: str


LOAD, NOTED, QUIET = WORKS = (
    Work("first load", 0, "New"),
    Work("update, noted", 1, "Working"),
    Work("update of other fields", 2, "Working"),
)


def main() -> int:
    options = _options()
    short = []
    for place in options.only or PLACES:
        taken: dict[tuple[Work, bool], list[float]] = {}
        for turn in range(options.reps):
            for has_triggers in sorted((True, False), reverse=bool(turn % 2)):
                for work, seconds in _measured(place, options, has_triggers=has_triggers):
                    taken.setdefault((work, has_triggers), []).append(seconds)
        print(f"\n{place:24}{'without':>10}{'with':>10}{'cost':>8}")
        for work in WORKS:
            bare, kept = min(taken[work, False]), min(taken[work, True])
            print(f"{work.name:24}{bare:>8.2f} s{kept:>8.2f} s{kept / bare - 1:>8.1%}", flush=True)
            if work is LOAD and kept / bare - 1 > BAR:
                short.append(place)
    for place in short:
        print(f"above {BAR:.0%}: a first load into {place}", file=sys.stderr)
    return 1 if short else 0


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.history", description=__doc__)
    parser.add_argument("--cases", type=int, default=200_000)
    parser.add_argument("--changed", type=int, default=20_000)
    parser.add_argument("--reps", type=int, default=3)
    parser.add_argument("--only", action="append", choices=PLACES)
    return parser.parse_args()


def _measured(
    place: str, options: argparse.Namespace, *, has_triggers: bool
) -> Iterator[tuple[Work, float]]:
    with contextmanager(PLACES[place])() as url, closing(Store(url)) as store:
        migrate.upgrade(store)
        if not has_triggers:
            with store.begin() as tx:
                on = "" if store.is_sqlite else " ON cases"
                tx.exec_driver_sql(f"DROP TRIGGER record_history_of_cases{on}")
        for work in WORKS:
            count = options.cases if work is LOAD else options.changed
            pages = list(_pages(count, work, exact=not store.is_sqlite))
            yield work, _timed(partial(_written, store, pages))
        with store.read() as tx:
            _prove(tx, options.changed if has_triggers else 0)


def _written(store: Store, pages: list[list[Row]]) -> None:
    for page in pages:
        with store.begin(relaxed=True) as tx:
            records.upsert(tx, _CASE, _CASE.fields(), page, read_at=_NOW)


def _prove(tx: Connection, wanted: int) -> None:
    found = tx.exec_driver_sql("SELECT count(*) FROM record_history").scalar_one()
    if found != wanted:
        sys.exit(f"{found} rows of history, {wanted} expected: something else was measured")


def _pages(count: int, work: Work, *, exact: bool) -> Iterator[list[Row]]:
    fields, at = _CASE.fields(), _NOW + timedelta(days=work.revision)
    # As they come from the wire, or as PostgreSQL's binary COPY wants them.
    stamp = at if exact else at.strftime("%Y-%m-%dT%H:%M:%S.000+0000")
    for begin in range(0, count, PAGE):
        yield [_row(fields, n, work, stamp) for n in range(begin, min(begin + PAGE, count))]


def _row(fields: tuple[SyncField, ...], number: int, work: Work, stamp: datetime | str) -> Row:
    own = {
        "id": f"500{number:015d}",
        "status": work.status,
        "subject": f"Number {number}, revision {work.revision}",
        "description": _WORDS,
        "closed_date": None,
    }
    usual = {Kind.INSTANT: stamp, Kind.FLAG: False, Kind.NUMBER: 1.5, Kind.WHOLE: 1}
    return tuple(
        own.get(one.column, usual.get(one.kind, f"{number % 977:018d}"))
        if one.column in own or one.kind in usual or one.column.endswith("_id")
        else None
        for one in fields
    )


def _timed(work: Callable[[], None]) -> float:
    begun = time.perf_counter()
    work()
    return time.perf_counter() - begun


if __name__ == "__main__":
    sys.exit(main())
