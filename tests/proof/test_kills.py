"""Killed at random moments, again and again: nothing is lost, nothing ever gets older."""

import os
import random
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from emulator.server import Emulator
from tests.proof.killing import Ground
from tests.proof.rounds import killed_backfills, killed_cycles

KILLS = int(os.environ.get("TEST_KILLS", "8"))
"""Processes killed in each story; a hundred take some minutes."""


@pytest.fixture
def ground(tmp_path: Path, store_url: str) -> Iterator[Callable[..., Ground]]:
    """An org of some size, and a store that is read by mortals."""
    with ExitStack() as stack:

        def make(cases: int, **settings: str) -> Ground:
            org = stack.enter_context(Emulator(cases=cases))
            return stack.enter_context(Ground(org, store_url, tmp_path, settings))

        yield make


def test_a_killed_backfill_ends_equal_to_the_org(ground: Callable[..., Ground]) -> None:
    """A first load by Bulk, its processes killed at random moments while records change."""
    here = ground(4_000, BULK_ABOVE="1000")
    killed_backfills(here, random.Random(11), KILLS)
    assert here.killed == KILLS


def test_a_killed_cycle_ends_equal_to_the_org(ground: Callable[..., Ground]) -> None:
    """Cycles over the whole catalogue, killed at random moments while records change."""
    here = ground(300)
    killed_cycles(here, random.Random(12), KILLS)
    assert here.killed == KILLS
