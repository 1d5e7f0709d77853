"""The ground every story may stand on: servers, and a fresh place on them for each test."""

import os
import secrets
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest
from psycopg import sql
from redis import Redis
from sqlalchemy import URL, make_url

from tests.services import Server, postgres_server, redis_server


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
    name = f"scsync_test_{secrets.token_hex(6)}"
    server = shared_postgres.set(drivername="postgresql").render_as_string(hide_password=False)
    with psycopg.connect(server, autocommit=True) as admin:
        admin.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(name)))
        try:
            yield shared_postgres.set(database=name).render_as_string(hide_password=False)
        finally:
            admin.execute(sql.SQL("DROP DATABASE {} WITH (FORCE)").format(sql.Identifier(name)))


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


@pytest.fixture(params=["sqlite", "postgres"])
def database_url(request: pytest.FixtureRequest) -> str:
    """The same story on both databases."""
    url: str = request.getfixturevalue(f"{request.param}_url")
    return url
