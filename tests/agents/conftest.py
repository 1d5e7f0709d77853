"""One emulated org, and an account served to agents."""

import shutil
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from emulator.server import Emulator
from tests.agents.hosts import Host, within
from tests.pipelines.push.ground import Place


@pytest.fixture(scope="package")
def shared_org() -> Iterator[Emulator]:
    with Emulator(cases=60) as org:
        yield org


@pytest.fixture
def org(shared_org: Emulator) -> Iterator[Emulator]:
    yield shared_org
    shared_org.clear_faults()


@pytest.fixture(scope="package")
def shared_place(
    shared_org: Emulator, migrated_sqlite: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Place]:
    """An account for tests that change different records."""
    path = shutil.copy(migrated_sqlite, tmp_path_factory.mktemp("agents") / "store.db")
    place = Place(shared_org, f"sqlite:///{path}")
    with closing(place.app):
        yield place


@pytest.fixture(scope="package")
def shared_host(shared_place: Place) -> Iterator[Host]:
    with within(shared_place.app) as host:
        host.tools()
        yield host


@pytest.fixture
def place(shared_place: Place, org: Emulator) -> Place:
    del org  # clears its faults afterwards
    return shared_place


@pytest.fixture
def host(shared_host: Host, place: Place) -> Host:
    """An agent's host, connected to the shared account."""
    del place
    return shared_host
