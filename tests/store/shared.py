"""One migrated store on each database for the whole run, emptied after each test."""

import secrets
import shutil
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import psycopg
import pytest
from psycopg import sql
from sqlalchemy import URL
from sqlmodel import SQLModel

from store import migrate
from store.engine import Store


@contextmanager
def database(server: URL, *, template: str = "template1") -> Iterator[URL]:
    """Make a database of its own, and drop it afterwards whoever is still connected."""
    name = f"scsync_test_{secrets.token_hex(6)}"
    address = server.set(drivername="postgresql").render_as_string(hide_password=False)
    made, source = sql.Identifier(name), sql.Identifier(template)
    with psycopg.connect(address, autocommit=True) as admin:
        admin.execute(sql.SQL("CREATE DATABASE {} TEMPLATE {}").format(made, source))
        try:
            yield server.set(database=name)
        finally:
            admin.execute(sql.SQL("DROP DATABASE {} WITH (FORCE)").format(made))


@contextmanager
def migrated(url: str) -> Iterator[Store]:
    """Open a store in the shape that this program knows."""
    with closing(Store(url)) as store:
        migrate.upgrade(store)
        yield store


def empty(store: Store) -> None:
    """Take every row out, so that the next test finds the store new."""
    with store.begin() as tx:
        for table in SQLModel.metadata.sorted_tables:
            tx.execute(table.delete())


@pytest.fixture(scope="session")
def run_sqlite(migrated_sqlite: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Store]:
    path = shutil.copy(migrated_sqlite, tmp_path_factory.mktemp("run") / "store.db")
    with closing(Store(f"sqlite:///{path}")) as store:
        yield store


@pytest.fixture(scope="session")
def run_postgres(shared_postgres: URL, migrated_postgres: str) -> Iterator[Store]:
    with (
        database(shared_postgres, template=migrated_postgres) as url,
        closing(Store(url.render_as_string(hide_password=False))) as store,
    ):
        yield store


@pytest.fixture
def sqlite_store(run_sqlite: Store) -> Iterator[Store]:
    """An empty store on SQLite, for what is the same on both."""
    yield run_sqlite
    empty(run_sqlite)


@pytest.fixture
def postgres_store(run_postgres: Store) -> Iterator[Store]:
    """An empty store on PostgreSQL, for what only it can do."""
    yield run_postgres
    empty(run_postgres)


@pytest.fixture(params=["sqlite", "postgres"])
def store(request: pytest.FixtureRequest) -> Store:
    """An empty store, on either database."""
    found: Store = request.getfixturevalue(f"{request.param}_store")
    return found
