"""Alembic, as far as `store.migrate` needs it."""

from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.script import ScriptDirectory
from sqlalchemy import Connection


def run(tx: Connection) -> None:
    """Run what is missing inside the transaction that is open."""
    command.upgrade(_config(tx), "head")


def revisions() -> set[str]:
    """Name every revision there is."""
    return {script.revision for script in _scripts().walk_revisions()}


def head() -> str | None:
    return _scripts().get_current_head()


def _scripts() -> ScriptDirectory:
    return ScriptDirectory.from_config(_config(None))


def _config(tx: Connection | None) -> Config:
    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent / "migrations"))
    config.attributes["connection"] = tx
    return config
