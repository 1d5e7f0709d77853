"""A folder to run `scsync` in, emptied of processes whatever happens."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.system.processes import Site


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Site]:
    site = Site(tmp_path)
    yield site
    site.stop_all()
