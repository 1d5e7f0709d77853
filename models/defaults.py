"""Column defaults that the database fills in, so that plain SQL inserts need name little."""

from typing import Any

from sqlalchemy import DateTime, String
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.functions import GenericFunction


class new_uuid(GenericFunction[str]):  # noqa: N801 - named as it reads in SQL
    """A random UUID in its 36-character form."""

    type = String()
    inherit_cache = True


class utc_now(GenericFunction[Any]):  # noqa: N801 - named as it reads in SQL
    """This instant, in the form in which `UtcDateTime` stores it."""

    type = DateTime(timezone=True)
    inherit_cache = True


class next_command(GenericFunction[int]):  # noqa: N801 - named as it reads in SQL
    """The next place in the order of submission; on SQLite a trigger sets it instead."""

    inherit_cache = True


@compiles(new_uuid, "postgresql")
def _uuid_postgresql(_element: object, _compiler: object, **_: object) -> str:
    return "gen_random_uuid()"


@compiles(new_uuid, "sqlite")
def _uuid_sqlite(_element: object, _compiler: object, **_: object) -> str:
    return (
        "(lower(hex(randomblob(4)) || '-' || hex(randomblob(2)) || '-4' || "
        "substr(hex(randomblob(2)), 2) || '-' || substr('89ab', 1 + (random() & 3), 1) || "
        "substr(hex(randomblob(2)), 2) || '-' || hex(randomblob(6))))"
    )


@compiles(utc_now, "postgresql")
def _now_postgresql(_element: object, _compiler: object, **_: object) -> str:
    return "now()"


@compiles(utc_now, "sqlite")
def _now_sqlite(_element: object, _compiler: object, **_: object) -> str:
    return "(strftime('%Y-%m-%dT%H:%M:%fZ', 'now'))"


@compiles(next_command, "postgresql")
def _seq_postgresql(_element: object, _compiler: object, **_: object) -> str:
    return "nextval('scsync_commands_seq')"


@compiles(next_command, "sqlite")
def _seq_sqlite(_element: object, _compiler: object, **_: object) -> str:
    return "NULL"
