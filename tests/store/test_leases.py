"""A named lease has one holder over all processes, and a fence that only grows."""

from datetime import timedelta
from threading import Barrier, Thread

from sqlalchemy import text

from store import leases
from store.engine import Store
from tests.store.cases import at

SPAN = timedelta(seconds=30)


def _hold(store: Store, owner: str, seconds: float = 0) -> bool:
    with store.begin() as tx:
        return leases.hold(tx, "scheduler", owner=owner, now=at(seconds), span=SPAN)


def _fence(store: Store) -> int:
    with store.read() as tx:
        return int(tx.execute(text("SELECT fence FROM scsync_leases")).scalar_one())


def test_the_holder_renews_and_others_wait(store: Store) -> None:
    """Renewing keeps the fence; a change of hands raises it."""
    assert [_hold(store, "one"), _hold(store, "two"), _hold(store, "one", 20)] == [
        True,
        False,
        True,
    ]
    assert _fence(store) == 1
    assert not _hold(store, "two", 49)
    assert _hold(store, "two", 51)
    assert _fence(store) == 2
    with store.begin() as tx:
        assert not leases.renew(tx, "scheduler", owner="one", now=at(52), span=SPAN)


def test_a_lease_given_back_is_free_at_once(store: Store) -> None:
    """Only the holder can give it back."""
    _hold(store, "one")
    with store.begin() as tx:
        leases.drop(tx, "scheduler", owner="two")
    assert not _hold(store, "two")
    with store.begin() as tx:
        leases.drop(tx, "scheduler", owner="one")
    assert _hold(store, "two")


def test_of_many_who_come_at_once_one_gets_it(store: Store) -> None:
    """Eight threads ask in the same instant: one holds, seven do not."""
    start, won = Barrier(8), []

    def ask(owner: str) -> None:
        start.wait()
        won.append(_hold(store, owner))

    threads = [Thread(target=ask, args=(f"owner {n}",)) for n in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(won) == [False] * 7 + [True]
    assert _fence(store) == 1
