"""The store: one engine, opened once, and its two kinds of transaction."""

import sqlite3
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, TypeVar

from sqlalchemy import Connection, Engine, create_engine, event
from sqlalchemy.engine import make_url
from sqlalchemy.exc import DatabaseError, DBAPIError, InterfaceError, OperationalError

from store.errors import StoreContended, StoreError, StoreUnavailable

T = TypeVar("T")

BUSY_MS = 30_000
_DEADLOCK = "40P01"
_WAL_PAGES = 16_384
"""64 MB: at the usual 4 MB, every page of a load would wait for the disk twice."""
_MOST_TURNS = 8
"""How often work is begun anew that stood in another's way: each time one of them gets through."""


class Store:
    """Where rows and commands live; safe to share between threads."""

    def __init__(self, url: str) -> None:
        self.url = make_url(url)
        self.is_sqlite = self.url.get_backend_name() == "sqlite"
        self.engine = _sqlite(url) if self.is_sqlite else _postgresql(url)
        # SQLite has one writer: waiting here is fair, waiting in SQLite is a poll.
        self._turn = threading.Lock() if self.is_sqlite else None
        self._writing = threading.local()

    @contextmanager
    def begin(self, *, relaxed: bool = False) -> Iterator[Connection]:
        """Open a transaction for writing: commits on leaving, rolls back on error.

        `relaxed` lets a power cut (not a crash) take back the latest commits on SQLite: right for
        rows that can be read again, wrong for anything about a command.
        """
        with self._alone(), translated(), self.engine.connect() as connection:
            if self.is_sqlite:
                connection.info["begin"] = "BEGIN IMMEDIATE"
                _driver(connection).execute(f"PRAGMA synchronous={1 if relaxed else 2}")
            with connection.begin():
                yield connection

    def write(self, work: Callable[[Connection], T]) -> T:
        """Do work in a transaction, and anew where it and another's waited for each other."""
        for _ in range(_MOST_TURNS - 1):
            try:
                with self.begin() as tx:
                    return work(tx)
            except StoreContended:
                continue
        with self.begin() as tx:
            return work(tx)

    @contextmanager
    def read(self) -> Iterator[Connection]:
        """Open a transaction that only reads."""
        with translated(), self.engine.connect() as connection:
            connection.info["begin"] = "BEGIN"
            with connection.begin():
                yield connection

    @contextmanager
    def _alone(self) -> Iterator[None]:
        if self._turn is None:
            yield
            return
        if getattr(self._writing, "now", False):
            raise RuntimeError("a transaction inside a transaction would wait for itself for ever")
        with self._turn:
            self._writing.now = True
            try:
                yield
            finally:
                self._writing.now = False

    def close(self) -> None:
        self.engine.dispose()


@contextmanager
def translated() -> Iterator[None]:
    """Turn what the drivers raise about the store itself into `StoreError`."""
    try:
        yield
    except (DatabaseError, InterfaceError) as error:
        # Of a damaged file SQLite says DatabaseError itself; other subclasses are about values.
        if type(error) not in {DatabaseError, OperationalError, InterfaceError}:
            raise
        if sqlstate(error) == _DEADLOCK:
            raise StoreContended("two transactions of the store waited for each other") from error
        raise _explain(str(error.orig or error)) from error
    except _outages() as error:
        raise _explain(str(error)) from error


def _outages() -> tuple[type[Exception], ...]:
    """Name what drivers raise where they are spoken to directly."""
    import psycopg

    return (psycopg.OperationalError, sqlite3.OperationalError)


def sqlstate(error: DBAPIError) -> str | None:
    """Give PostgreSQL's code of an error; None where it is not of PostgreSQL."""
    return getattr(error.orig, "sqlstate", None)


def _driver(connection: Connection) -> Any:
    return connection.connection.driver_connection


def _explain(message: str) -> StoreError:
    cause = message.strip().splitlines()[0]
    if "readonly" in cause or "read-only" in cause:
        return StoreError(f"the store is read-only ({cause}): give scsync write access to it")
    if "disk is full" in cause or "No space left" in cause:
        return StoreUnavailable(f"no space left for the store ({cause}): free some, work resumes")
    if "unable to open" in cause:
        return StoreError(
            f"the store cannot be opened ({cause}): check SCSYNC_DATABASE_URL and the folder"
        )
    if "not a database" in cause or "malformed" in cause:
        return StoreError(
            f"the store is damaged or not a database ({cause}): restore it, or point "
            "SCSYNC_DATABASE_URL at a new file and pull again"
        )
    return StoreUnavailable(f"the store does not answer ({cause}): check SCSYNC_DATABASE_URL")


def _postgresql(url: str) -> Engine:
    engine = create_engine(
        url,
        hide_parameters=True,  # they are customers' words, and errors are logged
        pool_size=20,
        max_overflow=20,
        pool_pre_ping=True,
        pool_timeout=30,
        connect_args={"connect_timeout": 10, "application_name": "scsync"},
    )
    event.listen(engine, "connect", _prepare_postgresql)
    return engine


def _prepare_postgresql(connection: Any, _record: Any) -> None:
    # What it takes to compile a report is more than what that saves: up to 1.5 s of 2.9.
    connection.autocommit = True  # as a startup parameter a pooler between us would refuse it
    connection.execute("SET jit = off")
    connection.autocommit = False


def _sqlite(url: str) -> Engine:
    engine = create_engine(
        url,
        hide_parameters=True,
        pool_size=20,
        max_overflow=20,
        connect_args={"timeout": BUSY_MS / 1000, "check_same_thread": False},
    )
    event.listen(engine, "connect", _prepare_sqlite)
    event.listen(engine, "begin", _begin_sqlite)
    return engine


def _prepare_sqlite(connection: sqlite3.Connection, _record: Any) -> None:
    # The driver's own BEGIN comes too late to lock out a second writer; ours does not.
    connection.isolation_level = None
    connection.execute(f"PRAGMA busy_timeout={BUSY_MS}")
    connection.execute("PRAGMA journal_mode=WAL")
    connection.execute(f"PRAGMA wal_autocheckpoint={_WAL_PAGES}")
    connection.execute("PRAGMA foreign_keys=ON")


def _begin_sqlite(connection: Connection) -> None:
    connection.exec_driver_sql(connection.info.get("begin", "BEGIN"))
