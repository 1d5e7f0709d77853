"""Migrations: the store brought to the shape that this program knows, under a lock.

Reporting views change without a migration: they are made anew where their definition differs.
"""

from pathlib import Path
from typing import cast

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection

from store import history
from store.engine import Store
from store.errors import StoreTooNew
from store.reports import views

VERSION_TABLE = "scsync_schema"
_LOCK = 7_265_101  # any number, so that two starting processes take turns


def upgrade(store: Store) -> tuple[str | None, str]:
    """Bring the store up to date; return the revision before and after.

    Raises `StoreTooNew` when a newer scsync has been here: older code must not write to it.
    """
    with store.begin() as tx:
        if not store.is_sqlite:
            tx.exec_driver_sql(f"SELECT pg_advisory_xact_lock({_LOCK})")
        before, head = current(tx), _head()
        if before != head:
            _refuse_unknown(before)
            views.drop(tx)
            command.upgrade(_config(tx), "head")
        history.refresh(tx)
        views.refresh(tx)
    return before, head


def current(tx: Connection) -> str | None:
    """Say which revision the store is at; None for an empty one."""
    context = MigrationContext.configure(tx, opts={"version_table": VERSION_TABLE})
    return context.get_current_revision()


def _head() -> str:
    return cast("str", _scripts().get_current_head())


def _refuse_unknown(revision: str | None) -> None:
    known = {script.revision for script in _scripts().walk_revisions()}
    if revision is not None and revision not in known:
        raise StoreTooNew(
            f"the store is at revision {revision}, which this scsync does not know: a newer "
            "scsync made it; install that version or point SCSYNC_DATABASE_URL elsewhere"
        )


def _scripts() -> ScriptDirectory:
    return ScriptDirectory.from_config(_config(None))


def _config(tx: Connection | None) -> Config:
    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent / "migrations"))
    config.attributes["connection"] = tx
    return config
