"""A storm upon an expired session, small; the large one is `python -m benchmarks.refresh_storm`."""

from collections.abc import Iterator
from contextlib import closing

import pytest

from emulator.server import Emulator
from store.engine import Store
from tests.proof.storm import Storm


@pytest.fixture
def storm(sqlite_store_url: str) -> Iterator[Storm]:
    with (
        Emulator(cases=50, rotation=True) as org,
        closing(Store(sqlite_store_url)) as store,
        closing(Storm(org, store, processes=6, threads=5)) as storm,
    ):
        yield storm


def test_all_meet_an_expired_session_and_one_refreshes(storm: Storm) -> None:
    """Thirty threads of six processes: one refresh and an answer for all, in spite of kills."""
    found = storm.meet()
    assert (found.refreshes, found.answers) == (1, {"ok": 30})
    for _ in range(2):
        assert storm.meet(kills=3).is_good, storm.rounds
    assert storm.grant_lives()
