"""Migrations: the store brought to the shape that this program knows, under a lock.

Reporting views change without a migration: they are made anew where their definition differs.
"""

from sqlalchemy import Connection, String, column, inspect, select, table

from store import history
from store.engine import Store
from store.errors import StoreTooNew
from store.reports import views

VERSION_TABLE = "scsync_schema"
HEAD = "0012"
"""The newest of `store/migrations/versions`."""

_LOCK = 7_265_101  # any number, so that two starting processes take turns
_REVISION = select(column("version_num", String)).select_from(table(VERSION_TABLE))


def upgrade(store: Store) -> tuple[str | None, str]:
    """Bring the store up to date; return the revision before and after.

    Raises `StoreTooNew` when a newer scsync has been here: older code must not write to it;
    `StoreError` where views of others hold on to what has to change.
    """
    granted: views.Grants = {}
    with store.begin() as tx:
        if not store.is_sqlite:
            tx.exec_driver_sql(f"SELECT pg_advisory_xact_lock({_LOCK})")
        before = current(tx)
        if before != HEAD:
            # Alembic takes longer to load than most commands do, and is seldom wanted.
            from store import migrating  # noqa: PLC0415

            _refuse_unknown(before, migrating.revisions())
            granted = views.drop(tx)
            with views.explained(tx):
                migrating.run(tx)
        history.refresh(tx)
        views.refresh(tx, granted)
    return before, HEAD


def current(tx: Connection) -> str | None:
    """Say which revision the store is at; None for an empty one."""
    if not inspect(tx).has_table(VERSION_TABLE):
        return None
    revision: str | None = tx.execute(_REVISION).scalar()
    return revision


def _refuse_unknown(revision: str | None, known: set[str]) -> None:
    if revision is not None and revision not in known:
        raise StoreTooNew(
            f"the store is at revision {revision}, which this scsync does not know: a newer "
            "scsync made it; install that version or point SCSYNC_DATABASE_URL elsewhere"
        )
