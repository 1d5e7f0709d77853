"""One emulated org for each file, and an account linked to it on SQLite."""

from collections.abc import Iterator
from contextlib import closing

import pytest

from emulator.server import Emulator
from tests.pipelines.push.ground import Place


@pytest.fixture(scope="module")
def shared_org() -> Iterator[Emulator]:
    with Emulator(cases=200) as org:
        yield org


@pytest.fixture
def org(shared_org: Emulator) -> Iterator[Emulator]:
    yield shared_org
    shared_org.clear_faults()
    shared_org.limits(used=0)


@pytest.fixture
def small(org: Emulator, sqlite_store_url: str) -> Iterator[Place]:
    """An account on SQLite alone, for what is the same on both databases."""
    place = Place(org, sqlite_store_url)
    with closing(place.app):
        yield place
