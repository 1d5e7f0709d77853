"""Orgs of all kinds, each with an account linked to it over an emptied store."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing
from typing import Any

import pytest

from emulator.server import Emulator
from store.engine import Store
from tests.pipelines.reading import Reader


@pytest.fixture
def reader_of(sqlite_store: Store) -> Iterator[Callable[..., Reader]]:
    """Make an org of its own kind, read into SQLite: for what is the same on both databases."""
    with ExitStack() as stack:

        def make(**options: Any) -> Reader:
            org = stack.enter_context(Emulator(**{"cases": 200, **options}))
            return stack.enter_context(closing(Reader(org, sqlite_store)))

        yield make
