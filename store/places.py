"""Where each account's store is: the database that is named, and its neighbours for the others.

The first account has the store that the settings name. Another has a SQLite file beside it
(`scsync-acme.db` beside `scsync.db`), or a schema in the same PostgreSQL database.
"""

from pathlib import Path

from sqlalchemy import URL, Connection, create_engine, make_url, text

from store.accounts import DEFAULT
from store.engine import translated

_SCHEMA = "scsync_"


def place(url: str, account: str) -> str:
    """Give the URL of an account's store."""
    if account == DEFAULT:
        return url
    parts = make_url(url)
    if parts.get_backend_name() == "sqlite":
        path = Path(parts.database or "scsync.db")
        beside = path.with_name(f"{path.stem}-{account}{path.suffix}")
        return parts.set(database=str(beside)).render_as_string(hide_password=False)
    given = parts.query.get("options")
    options = f"{given or ''} -csearch_path={_SCHEMA}{account}".strip()
    return parts.update_query_dict({"options": options}).render_as_string(hide_password=False)


def prepare(url: str, account: str) -> None:
    """Make room for an account's store, where the database does not by itself."""
    if account == DEFAULT or make_url(url).get_backend_name() == "sqlite":
        return
    engine = create_engine(url, hide_parameters=True)
    try:
        with translated(), engine.begin() as tx:
            # The name is a setting that allows letters, digits and underscores only.
            tx.exec_driver_sql(f"CREATE SCHEMA IF NOT EXISTS {_SCHEMA}{account}")
    finally:
        engine.dispose()


class StillOpen(Exception):  # noqa: N818 - an outcome, not an error
    """Some process has the store's file open; it stays where it is."""


def rename_schema(tx: Connection, old: str, new: str) -> None:
    """Give an account's schema another name, where stores are schemas."""
    if tx.dialect.name != "sqlite":
        # Names are settings that allow letters, digits and underscores only.
        tx.exec_driver_sql(f"ALTER SCHEMA {_SCHEMA}{old} RENAME TO {_SCHEMA}{new}")


def move_file(url: str, old: str, new: str) -> None:
    """Move an account's file, where stores are files; raises `StillOpen`."""
    if make_url(url).get_backend_name() != "sqlite":
        return
    before, after = (Path(make_url(place(url, name)).database or "") for name in (old, new))
    # Whoever closes a file last leaves no log beside it; what stands in one would be lost.
    if before.with_name(f"{before.name}-wal").exists():
        raise StillOpen
    before.rename(after)


def known(url: str) -> list[str]:
    """List the accounts that have a store; the first one always has."""
    parts = make_url(url)
    others = _files(parts) if parts.get_backend_name() == "sqlite" else _schemas(url)
    return [DEFAULT, *sorted(others)]


def _files(parts: URL) -> list[str]:
    path = Path(parts.database or "scsync.db")
    found = path.parent.glob(f"{path.stem}-*{path.suffix}")
    return [one.stem.removeprefix(f"{path.stem}-") for one in found]


def _schemas(url: str) -> list[str]:
    engine = create_engine(url, hide_parameters=True)
    try:
        with translated(), engine.connect() as tx:
            # A schema of that name may be somebody else's: ours holds accounts.
            rows = tx.execute(
                text(
                    "SELECT table_schema FROM information_schema.tables"
                    " WHERE table_name = 'scsync_accounts'"
                    " AND starts_with(table_schema, :prefix)"
                ),
                {"prefix": _SCHEMA},
            )
            return [str(schema).removeprefix(_SCHEMA) for (schema,) in rows]
    finally:
        engine.dispose()
