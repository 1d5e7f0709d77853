"""An emulated org over real HTTP, and a client with a session in it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from emulator.server import Emulator
from tests.emulator.callers import open_client

if TYPE_CHECKING:
    from collections.abc import Iterator

    import httpx


@pytest.fixture
def org() -> Iterator[Emulator]:
    with Emulator(cases=200) as emulator:
        yield emulator


@pytest.fixture
def api(org) -> Iterator[httpx.Client]:
    with open_client(org) as client:
        yield client
