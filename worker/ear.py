"""The ear: hears at once when any program adds to the outbox, on either database.

PostgreSQL tells (`NOTIFY`, by a trigger on the table); SQLite is asked, fifty times a second, for a
number that moves with every commit (`PRAGMA data_version`). What it misses the sweep finds.
"""

import sqlite3
import threading
from collections.abc import Callable
from typing import cast

import psycopg
import structlog

from store.engine import Store
from store.errors import StoreError

CHANNEL = "scsync_commands"
LOOK_EVERY = 0.02
"""Seconds between looks at SQLite's number: a microsecond each."""
_LISTEN = 1.0  # s: how long a stop may wait for the listener to notice
_AGAIN = 2.0  # s: after a database that went away

log = structlog.get_logger()


class Ear:
    """Calls `on_news` in a thread of its own after each commit that may have brought commands."""

    def __init__(self, store: Store, on_news: Callable[[], object]) -> None:
        self._store = store
        self._on_news = on_news
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._listen, name="ear", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        self._over.set()
        self._thread.join(timeout=2 * _LISTEN)

    def _listen(self) -> None:
        listen = self._look if self._store.is_sqlite else self._hear
        while not self._over.is_set():
            try:
                listen()
            except (psycopg.Error, sqlite3.Error, StoreError) as error:
                log.warning("ear.deaf", why=str(error).partition("\n")[0], again=_AGAIN)
                self._over.wait(_AGAIN)

    def _hear(self) -> None:
        engine = self._store.engine
        arguments, options = engine.dialect.create_connect_args(self._store.url)
        with psycopg.connect(*arguments, **options, autocommit=True) as connection:
            connection.execute(f"LISTEN {CHANNEL}")
            row = connection.execute("SELECT current_schema()").fetchone()
            here = cast("tuple[str]", row)[0]
            self._on_news()  # what came while nobody listened
            while not self._over.is_set():
                heard = list(connection.notifies(timeout=_LISTEN, stop_after=1))
                if any(one.payload == here for one in heard):
                    self._on_news()

    def _look(self) -> None:
        path = self._store.url.database or ""
        connection = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
        try:
            seen = None
            while not self._over.wait(LOOK_EVERY):
                (version,) = connection.execute("PRAGMA data_version").fetchone()
                if version != seen:
                    seen = version
                    self._on_news()
        finally:
            connection.close()
