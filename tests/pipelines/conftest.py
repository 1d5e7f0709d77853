"""One emulated org for each file, and an account linked to it over an emptied store."""

from collections.abc import Iterator
from contextlib import closing

import pytest

from emulator.server import Emulator
from store.engine import Store
from tests.pipelines.reading import Reader
from tests.pipelines.shared import reader_of
from tests.store.shared import postgres_store, run_postgres, run_sqlite, sqlite_store, store

__all__ = ["postgres_store", "reader_of", "run_postgres", "run_sqlite", "sqlite_store", "store"]


@pytest.fixture(scope="module")
def desk() -> Iterator[Emulator]:
    """A small support desk, shared by the tests of a file."""
    with Emulator(cases=200) as org:
        yield org


@pytest.fixture
def reader(desk: Emulator, store: Store) -> Iterator[Reader]:
    """An account on SQLite and on PostgreSQL."""
    with closing(Reader(desk, store)) as reader:
        yield reader
    desk.clear_faults()
    desk.limits(used=0)


@pytest.fixture
def sqlite_reader(desk: Emulator, sqlite_store: Store) -> Iterator[Reader]:
    """An account on SQLite alone, for what is the same on both."""
    with closing(Reader(desk, sqlite_store)) as reader:
        yield reader
    desk.clear_faults()
    desk.limits(used=0)
