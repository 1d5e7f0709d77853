"""Orgs in memory under a clock that a test moves."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import pytest

from emulator.errors import ApiError
from emulator.org import Org

if TYPE_CHECKING:
    from collections.abc import Iterator


class Clock:
    """Stands still until moved."""

    def __init__(self) -> None:
        self.at = datetime(2026, 6, 1, 12, 0, tzinfo=UTC)

    def __call__(self) -> datetime:
        return self.at

    def move(self, **by: float) -> datetime:
        self.at += timedelta(**by)
        return self.at


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def desk(clock) -> Iterator[Org]:
    org = Org(cases=200, clock=clock)
    yield org
    org.close()


@pytest.fixture
def new_case(desk):
    """Create a case from keyword fields and return its Id."""

    def create(**fields) -> str:
        return desk.create("Case", fields, user_id=desk.default_user_id)

    return create


@pytest.fixture
def refusal():
    """Run a call that must be refused and return the refusal."""

    def run(call, *args, **kwargs) -> ApiError:
        with pytest.raises(ApiError) as caught:
            call(*args, **kwargs)
        return caught.value

    return run
