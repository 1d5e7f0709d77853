"""The ground every story may stand on: servers, and a fresh place on them for each test."""

import os
import shutil
from collections.abc import Generator, Iterator
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import structlog
from httpx._config import DEFAULT_TIMEOUT_CONFIG
from httpx._transports import default
from redis import Redis
from sqlalchemy import URL, make_url

from tests import leaks
from tests.services import Server, postgres_server, redis_server
from tests.store.shared import database, migrated

if TYPE_CHECKING:
    from playwright.sync_api import Browser

structlog.configure(
    processors=[
        structlog.contextvars.merge_contextvars,
        structlog.processors.add_log_level,
        # The usual one paints every local of every frame, which takes seconds.
        structlog.dev.ConsoleRenderer(exception_formatter=structlog.dev.plain_traceback),
    ]
)


_LONG = ("tests/proof/", "tests/system/", "tests/test_demo.py")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Put the longest first: at the end of a run each would be alone, and the others idle."""
    items.sort(key=lambda item: not item.nodeid.startswith(_LONG))


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Generator[None, Any, Any]:
    """Look through the outputs of every test for secrets."""
    report = yield
    leaks.judge(item, report)
    return report


@pytest.fixture(scope="session", autouse=True)
def watch_processes() -> Iterator[None]:
    with leaks.watching():
        yield


@pytest.fixture(scope="session", autouse=True)
def read_authorities_once() -> Iterator[None]:
    """Let the tests' own clients share what they trust: to read it takes longer than they live."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(default, "create_ssl_context", cache(default.create_ssl_context))
        yield


@pytest.fixture(scope="session", autouse=True)
def wait_for_a_busy_machine() -> Iterator[None]:
    """Let HTTP clients that name no patience of their own wait longer than httpx's five seconds."""
    with pytest.MonkeyPatch.context() as patch:
        for step in ("connect", "read", "write", "pool"):
            patch.setattr(DEFAULT_TIMEOUT_CONFIG, step, 60.0)
        yield


@pytest.fixture(scope="session")
def shared_redis() -> Iterator[str]:
    """The Redis of the whole run: the one given, else one of ours."""
    if given := os.environ.get("TEST_REDIS_URL"):
        with Redis.from_url(given) as client:
            assert client.dbsize() == 0, "TEST_REDIS_URL holds keys; tests flush: give an empty one"
        yield given
        return
    with redis_server() as server:
        yield server.url


@pytest.fixture(scope="session")
def shared_postgres() -> Iterator[URL]:
    """The PostgreSQL of the whole run: the one given, else one of ours."""
    if given := os.environ.get("TEST_DATABASE_URL"):
        yield make_url(given).set(drivername="postgresql+psycopg")
        return
    with postgres_server() as server:
        yield make_url(server.url)


@pytest.fixture
def redis_url(shared_redis: str) -> Iterator[str]:
    """An empty Redis database, emptied again afterwards."""
    with Redis.from_url(shared_redis) as client:
        client.flushdb()
        yield shared_redis
        client.flushdb()


@pytest.fixture
def postgres_url(shared_postgres: URL) -> Iterator[str]:
    """A fresh, empty PostgreSQL database, dropped afterwards whoever is still connected."""
    with database(shared_postgres) as url:
        yield url.render_as_string(hide_password=False)


@pytest.fixture
def own_redis() -> Iterator[Server]:
    """A private Redis with an append-only file, to be stopped midway."""
    with redis_server(appendonly=True) as server:
        yield server


@pytest.fixture
def own_postgres() -> Iterator[Server]:
    """A private PostgreSQL, to be stopped midway."""
    with postgres_server() as server:
        yield server


@pytest.fixture
def sqlite_url(tmp_path: Path) -> str:
    """A SQLite file that does not exist yet."""
    return f"sqlite:///{tmp_path / 'store.db'}"


@pytest.fixture(scope="session")
def migrated_sqlite(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A store without a row, to be copied: migrations would be most of a short test's time."""
    path = tmp_path_factory.mktemp("migrated") / "store.db"
    with migrated(f"sqlite:///{path}"):
        return path


@pytest.fixture(scope="session")
def migrated_postgres(shared_postgres: URL) -> Iterator[str]:
    """The name of a database without a row, to be copied."""
    with database(shared_postgres) as url:
        with migrated(url.render_as_string(hide_password=False)):
            pass
        yield str(url.database)


@pytest.fixture
def sqlite_store_url(tmp_path: Path, migrated_sqlite: Path) -> str:
    """A store without a row on SQLite, in the shape that this program knows."""
    path = shutil.copy(migrated_sqlite, tmp_path / "store.db")
    return f"sqlite:///{path}"


@pytest.fixture
def postgres_store_url(shared_postgres: URL, migrated_postgres: str) -> Iterator[str]:
    """The same on PostgreSQL, dropped afterwards."""
    with database(shared_postgres, template=migrated_postgres) as url:
        yield url.render_as_string(hide_password=False)


@pytest.fixture(params=["sqlite", "postgres"])
def store_url(request: pytest.FixtureRequest) -> str:
    """The same story on both databases, each in the shape that this program knows."""
    url: str = request.getfixturevalue(f"{request.param}_store_url")
    return url


@pytest.fixture(params=["sqlite", "postgres"])
def database_url(request: pytest.FixtureRequest) -> str:
    """The same story on both databases, with nothing in them yet."""
    url: str = request.getfixturevalue(f"{request.param}_url")
    return url


@pytest.fixture(scope="module")
def chromium() -> Iterator["Browser"]:
    """One headless browser for all walks of a file; only where nobody judges may it be missing."""
    from tests.services.chromium import (  # noqa: PLC0415 - slow to import, for a few files
        ChromiumMissingError,
        chromium_browser,
        chromium_program,
    )

    try:
        program = chromium_program()
    except ChromiumMissingError as missing:
        if os.environ.get("CI"):
            raise
        pytest.skip(str(missing))
    with chromium_browser(program) as browser:
        yield browser
