"""The whole of it as real processes: Redis, PostgreSQL, the org, a scheduler and two workers."""

from collections.abc import Iterator
from contextlib import closing

import pytest
from sqlalchemy import select

from models.case import Case
from store import outbox
from store.engine import Store
from tests.services import Server
from tests.system.processes import Remote, Site, eventually, in_order, subject_updates

CASES, ROUNDS = 100, 5


@pytest.fixture
def remote(site: Site) -> Remote:
    return Remote(site)


@pytest.fixture
def store(site: Site, own_redis: Server, own_postgres: Server) -> Iterator[Store]:
    """Settings for all processes, and the store that they share."""
    site.environment |= {
        "SCSYNC_DATABASE_URL": own_postgres.url,
        "SCSYNC_BROKER_URL": own_redis.url,
        "SCSYNC_OBJECTS": "Case,Account",
        "SCSYNC_INTERVAL": "2",
    }
    store = Store(own_postgres.url)
    with closing(store):
        yield store


def test_one_worker_killed_midway_loses_and_doubles_nothing(
    site: Site, remote: Remote, store: Store
) -> None:
    """It pulls, takes 500 commands, loses a worker to kill -9, and applies each once, in order."""
    site.start("scheduler").ready()
    doomed, survivor = (site.start("worker").ready() for _ in range(2))
    cases = remote.open_cases(CASES)
    eventually(lambda: len(subjects(store, cases)) == CASES, "the pull")

    # A slow org, that has all in it waiting; and however slow we are, the last round waits for us.
    slow = {"match": {"method": "PATCH"}, "every": 1, "do": {"delay": 0.7}}
    locked = {"status": 400, "code": "UNABLE_TO_LOCK_ROW"}
    last = {"match": {"body": f'"{ROUNDS - 1:02}"'}, "every": 1, "do": locked}
    (kept, *_) = remote.control("faults", [last, slow])

    site.run("submit", "--file", str(subject_updates(site.folder, cases, ROUNDS)))
    eventually(lambda: applied(store) >= CASES, "a fifth is applied")
    doomed.kill()
    assert applied(store) < CASES * ROUNDS
    remote.control(f"faults?id={kept['id']}", method="DELETE")
    eventually(lambda: applied(store) == CASES * ROUNDS, "all are applied")

    assert remote.subjects() == in_order(cases, ROUNDS)
    eventually(lambda: subjects(store, cases) == {f"{ROUNDS - 1:02}"}, "the rows are read back")
    assert survivor.terminate() == 0


def applied(store: Store) -> int:
    with store.read() as tx:
        return outbox.counts(tx).get("applied", 0)


def subjects(store: Store, cases: list[str]) -> set[str]:
    """What the store calls these cases; before the updates each has a name of its own."""
    table = Case.table()
    with store.read() as tx:
        return set(tx.execute(select(table.c.subject).where(table.c.id.in_(cases))).scalars())
