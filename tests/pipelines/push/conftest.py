"""One emulated org for each file, and an account linked to it for each test."""

import shutil
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing
from pathlib import Path
from typing import Any

import pytest

from emulator.server import Emulator
from tests.pipelines.push.ground import Place
from tests.pipelines.push.shared import org, shared_org, small

__all__ = ["org", "shared_org", "small"]


@pytest.fixture
def place(org: Emulator, store_url: str) -> Iterator[Place]:
    """An account on SQLite and on PostgreSQL."""
    place = Place(org, store_url)
    with closing(place.app):
        yield place


@pytest.fixture(scope="module")
def shared_place(
    shared_org: Emulator, migrated_sqlite: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Place]:
    """An account for tests that leave nothing behind."""
    path = shutil.copy(migrated_sqlite, tmp_path_factory.mktemp("shared") / "store.db")
    place = Place(shared_org, f"sqlite:///{path}")
    with closing(place.app):
        yield place


@pytest.fixture
def place_with(org: Emulator, sqlite_store_url: str) -> Iterator[Callable[..., Place]]:
    """Make accounts with settings of their own."""
    with ExitStack() as stack:

        def make(**settings: Any) -> Place:
            place = Place(org, sqlite_store_url, **settings)
            stack.enter_context(closing(place.app))
            return place

        yield make
