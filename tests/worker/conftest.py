"""One emulated org for each file; an account, its broker and its workers for each test."""

import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing, contextmanager

import dramatiq
import pytest

from emulator.server import Emulator
from tests.pipelines.push.ground import Place
from tests.pipelines.push.shared import org, shared_org, small
from worker.actors import COMMANDS, PUSHES, Actors, declare
from worker.bells import Bells
from worker.broker import make_broker

__all__ = ["org", "shared_org", "small"]

PATIENCE = 120.0  # s: bounds a wait that ends as soon as what it waits for is there


def eventually(is_so: Callable[[], bool]) -> None:
    """Wait until it is so; fail when it does not come."""
    deadline = time.monotonic() + PATIENCE
    while not is_so():
        assert time.monotonic() < deadline, "it did not come"
        time.sleep(0.02)


@pytest.fixture
def place(small: Place) -> Place:
    return small


@pytest.fixture
def rung() -> list[tuple[int, str]]:
    """What bells have been rung: a queue that only remembers."""
    return []


@pytest.fixture
def bells(place: Place) -> Bells:
    return Bells(place.app)


@pytest.fixture(params=["memory", "redis"])
def broker_url(request: pytest.FixtureRequest) -> str:
    """The same story through both queues."""
    return "memory://" if request.param == "memory" else request.getfixturevalue("redis_url")


class Crew:
    """One process's broker and workers over a place."""

    def __init__(self, place: Place) -> None:
        self.place = place
        self.broker = make_broker(place.app.settings, place.app.watch)
        self.actors: Actors = declare(self.broker, place.app)

    @contextmanager
    def working(self) -> Iterator[None]:
        worker = dramatiq.Worker(
            self.broker, queues={PUSHES, COMMANDS}, worker_threads=3, worker_timeout=50
        )
        worker.start()
        try:
            yield
        finally:
            worker.stop()


@pytest.fixture
def crew(org: Emulator, sqlite_store_url: str, broker_url: str) -> Iterator[Crew]:
    place = Place(org, sqlite_store_url, broker_url=broker_url)
    with ExitStack() as stack:
        stack.enter_context(closing(place.app))
        crew = Crew(place)
        stack.callback(crew.broker.close)
        yield crew
