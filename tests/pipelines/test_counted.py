"""Counts that are kept: exact at first, then as old as they may be, and never waited for."""

import threading
from collections.abc import Iterator
from contextlib import closing

import pytest

from models import by_name
from pipelines import counted
from pipelines.counted import FRESH, Counts
from store.engine import Store
from tests.worker.conftest import eventually

CASE = by_name("Case")


@pytest.fixture
def store(sqlite_store_url: str) -> Iterator[Store]:
    with closing(Store(sqlite_store_url)) as store:
        yield store
        eventually(lambda: "counts" not in {one.name for one in threading.enumerate()})


def insert(store: Store, record_id: str) -> None:
    with store.begin() as tx:
        tx.exec_driver_sql(
            "INSERT INTO cases (id, system_modstamp) VALUES (?, '2026-01-01T00:00:00.000Z')",
            (record_id,),
        )


def test_a_count_serves_for_a_while(store: Store) -> None:
    """Then it is taken anew at once, if that is quick: a first load is seen to have ended."""
    now = 0.0
    counts = Counts(store, clock=lambda: now)
    with store.read() as tx:
        assert counts(tx, CASE) == (0, 0)
    insert(store, "500000000000001AAA")
    with store.read() as tx:
        assert counts(tx, CASE) == (0, 0)
        now = FRESH + 1
        assert counts(tx, CASE) == (1, 0)


def test_an_old_count_is_given_at_once_and_renewed_beside(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whoever asks while it is counted anew, which takes long, is told what was counted last."""
    monkeypatch.setattr(counted, "_SLOW", 0.0)
    now = 0.0
    counts = Counts(store, clock=lambda: now)
    with store.read() as tx:
        assert counts(tx, CASE) == (0, 0)
    insert(store, "500000000000001AAA")
    with store.read() as tx:
        assert counts(tx, CASE) == (0, 0)
        now = FRESH + 1
        assert counts(tx, CASE) == (0, 0)

    def is_renewed() -> bool:
        with store.read() as tx:
            return counts(tx, CASE) == (1, 0)

    eventually(is_renewed)


def test_many_who_ask_cost_one_count(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    """However often a page is asked for while a million rows are counted."""
    monkeypatch.setattr(counted, "_SLOW", 0.0)
    now, begun, may_end = 0.0, [], threading.Event()
    counts = Counts(store, clock=lambda: now)
    with store.read() as tx:
        counts(tx, CASE)

    def slowly(_tx: object, model: object) -> tuple[int, int]:
        begun.append(model)
        may_end.wait(120)
        return (7, 0)

    monkeypatch.setattr(counted.records, "count", slowly)
    now = FRESH + 1
    with store.read() as tx:
        for _ in range(20):
            assert counts(tx, CASE) == (0, 0)
    may_end.set()
    eventually(lambda: counts._known[CASE].rows == (7, 0))
    assert begun == [CASE]
