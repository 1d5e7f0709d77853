"""An emulated org over real HTTP, and a client with a session in it."""

from __future__ import annotations

from threading import Event
from typing import TYPE_CHECKING

import pytest

from emulator import app
from emulator.server import Emulator
from tests.emulator.callers import open_client

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    import httpx


@pytest.fixture
def org() -> Iterator[Emulator]:
    with Emulator(cases=200) as emulator:
        yield emulator


@pytest.fixture
def let_go(monkeypatch) -> Iterator[Callable[[], None]]:
    """Have requests that are to wait do so until this is called, however late the others come."""
    over, outwaited = Event(), app._outwaited

    async def waited(seconds: float) -> bool:
        while seconds and not over.is_set():
            if not await outwaited(0.01):
                return False
        return True

    monkeypatch.setattr(app, "_outwaited", waited)
    yield over.set
    over.set()


@pytest.fixture
def api(org) -> Iterator[httpx.Client]:
    with open_client(org) as client:
        yield client
