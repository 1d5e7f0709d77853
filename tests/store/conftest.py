"""A migrated store on either database."""

from tests.store.shared import postgres_store, run_postgres, run_sqlite, sqlite_store, store

__all__ = ["postgres_store", "run_postgres", "run_sqlite", "sqlite_store", "store"]
