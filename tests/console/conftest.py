"""A console over an emulated org and a store of its own, asked over real HTTP."""

from collections.abc import Iterator
from contextlib import closing, contextmanager

import httpx
import pytest

from console.serving import Serving
from emulator.server import Emulator
from tests.pipelines.push.ground import Place

PATIENCE = 120.0  # s: bounds a wait that ends as soon as what it waits for is there


@contextmanager
def served(place: Place) -> Iterator[httpx.Client]:
    """Serve a place's console on a free port; hand out a client of it."""
    serving = Serving(place.app, port=0)
    thread = serving.start()
    with httpx.Client(base_url=serving.url, timeout=PATIENCE) as client:
        yield client
    serving.stop()
    thread.join()


@pytest.fixture(scope="module")
def org() -> Iterator[Emulator]:
    """One org for a module: its tests change different records."""
    with Emulator(cases=200) as emulator:
        yield emulator


@pytest.fixture
def place(org: Emulator, sqlite_store_url: str) -> Iterator[Place]:
    place = Place(org, sqlite_store_url)
    with closing(place.app):
        yield place


@pytest.fixture
def http(place: Place) -> Iterator[httpx.Client]:
    """A linked account's console, on loopback."""
    place.app.link_from_settings()
    with served(place) as client:
        yield client
