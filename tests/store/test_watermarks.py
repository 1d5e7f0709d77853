"""A watermark belongs to one reader at a time, and moves with the rows or not at all."""

from datetime import timedelta

import pytest

from models.case import Case
from models.watermark import Position, Window
from store import records, watermarks
from store.engine import Store
from store.errors import LeaseLost
from tests.store.cases import FIELDS, A, at, row


def _take(store: Store, owner: str, seconds: float = 0) -> bool:
    with store.begin() as tx:
        return watermarks.take(tx, "Case", owner=owner, now=at(seconds)) is not None


def _page(store: Store, *, owner: str, trouble: Exception | None = None) -> None:
    with store.begin() as tx:
        records.upsert(tx, Case, FIELDS, [row(store)], read_at=at(0))
        watermarks.advance(tx, "Case", Position(at(0), A), owner=owner, now=at(0))
        if trouble:
            raise trouble


def test_one_reader_at_a_time(store: Store) -> None:
    """Who comes second is told so; when the first gives back, he gets it."""
    assert _take(store, "one")
    assert not _take(store, "two")
    with store.begin() as tx:
        watermarks.release(tx, "Case", owner="two", now=at(1))
    assert not _take(store, "two", 1)
    with store.begin() as tx:
        watermarks.release(tx, "Case", owner="one", now=at(1))
    assert _take(store, "two", 1)


def test_a_dead_reader_is_succeeded(store: Store) -> None:
    """A lease that nobody renews passes on; each page renews it."""
    span = watermarks.LEASE.total_seconds()
    assert _take(store, "dead")
    with store.begin() as tx:
        watermarks.advance(tx, "Case", Position(at(0), A), owner="dead", now=at(60))
    assert not _take(store, "heir", span + 1)
    assert _take(store, "heir", span + 61)


def test_who_lost_the_lease_writes_neither_rows_nor_watermark(store: Store) -> None:
    """The loser's page is rolled back as a whole, whichever of the two he writes first."""
    _take(store, "slow")
    assert _take(store, "fast", watermarks.LEASE.total_seconds() + 1)
    with pytest.raises(LeaseLost):
        _page(store, owner="slow")
    with store.read() as tx:
        assert records.count(tx, Case) == (0, 0)
        assert watermarks.read(tx, "Case").position_id is None


def test_rows_and_watermark_commit_together(store: Store) -> None:
    """What breaks after both are written takes both back."""
    _take(store, "one")
    with pytest.raises(KeyError):
        _page(store, owner="one", trouble=KeyError())
    with store.read() as tx:
        assert records.count(tx, Case) == (0, 0)
        assert watermarks.read(tx, "Case").position_stamp is None


def test_an_open_window_is_remembered_with_its_position(store: Store) -> None:
    """After a crash the next reader finds the window and the row read last."""
    _take(store, "one")
    with store.begin() as tx:
        watermarks.open_window(tx, "Case", Window(at(0), at(60)), owner="one")
        watermarks.advance(tx, "Case", Position(at(7), A), owner="one", now=at(0))
    with store.begin() as tx:
        mark = watermarks.take(tx, "Case", owner="two", now=at(0) + 2 * watermarks.LEASE)
    assert mark is not None
    assert (mark.since, mark.until) == (at(0), at(60))
    assert (mark.position_stamp, mark.position_id) == (at(7), A)


def test_a_closed_window_leaves_only_where_to_start(store: Store) -> None:
    """Closing forgets the position and whatever was skipped before."""
    _take(store, "one")
    with store.begin() as tx:
        watermarks.skip(tx, "Case", "hidden", owner="one", now=at(0))
        watermarks.open_window(tx, "Case", Window(at(0), at(60)), owner="one")
        watermarks.close_window(
            tx, "Case", since=at(50), read_until=at(59), owner="one", now=at(61)
        )
        mark = watermarks.read(tx, "Case")
    assert (mark.since, mark.until, mark.position_id) == (at(50), None, None)
    assert (mark.skipped, mark.finished_at) == (None, at(61))


def test_a_bell_rings_once_until_somebody_comes(store: Store) -> None:
    """A second ask is swallowed while the first waits or is at work, and heard afterwards."""

    def ring(seconds: float) -> bool:
        again = timedelta(minutes=5)
        with store.begin() as tx:
            return watermarks.ring(tx, ["Case"], now=at(seconds), again_after=again) == ["Case"]

    assert [ring(0), ring(1)] == [True, False]
    assert ring(301)
    _take(store, "one", 302)
    assert not ring(303)
    with store.begin() as tx:
        watermarks.release(tx, "Case", owner="one", now=at(304))
    assert ring(305)


def test_verified_through_only_moves_forward(store: Store) -> None:
    """An older comparison that ends later does not take back what a newer one proved."""
    for seconds in (10, 5):
        with store.begin() as tx:
            watermarks.verified(tx, Case, at(seconds))
            assert watermarks.read(tx, "Case").verified_through == at(10)
