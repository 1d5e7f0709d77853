"""The views themselves: made anew whenever their definition is not what stands in the database.

On PostgreSQL what others have built on a view of ours is in the way of that: ours stays as it was
then. Whom it was opened to by GRANT may read the new one as well.
"""

import hashlib
import re
from collections import defaultdict
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import structlog
from sqlalchemy import Connection, CursorResult
from sqlalchemy.exc import DBAPIError

from store.engine import sqlstate
from store.errors import StoreError
from store.reports.catalog import definitions
from store.reports.dialect import of
from store.reports.report import Report

Grants = Mapping[str, list[str]]
"""What gives others their rights to a view back, by its name: GRANT statements."""

log = structlog.get_logger()

_HELD = frozenset({"2BP01", "0A000"})
"""PostgreSQL's codes for a column that something holds on to: one to be dropped, or altered."""
_NOTED = re.compile(r"\[scsync ([0-9a-f]{16})\]")


def refresh(tx: Connection, granted: Grants | None = None) -> list[str]:
    """Make what is missing or out of date, drop what is no longer known; name what was made.

    `granted` are the rights to views that `drop` took away.
    """
    known = {report.view: report for report in definitions(of(tx))}
    there, kept = _there(tx), in_the_way(tx)
    for name in there.keys() - known.keys() - kept.keys():
        _run(tx, f"DROP VIEW {name}")
    stale = [one for one in known.values() if there.get(one.view) != _digest(one)]
    for report in stale:
        if report.view in kept:
            log.warning("view.kept", view=report.view, built_on_it=kept[report.view])
    stale = [one for one in stale if one.view not in kept]
    rights = {**(granted or {}), **(_granted(tx) if stale else {})}
    for report in stale:
        _run(tx, f"DROP VIEW IF EXISTS {report.view}")
        _run(tx, f"CREATE VIEW {report.view} AS -- {_note(report)}\n{report.select}")
        if tx.dialect.name != "sqlite":
            _comment(tx, report)
        for grant in rights.get(report.view, ()):
            _run(tx, grant)
    return [report.view for report in stale]


def drop(tx: Connection) -> Grants:
    """Take our views away: no migration may find a column that one of them holds on to.

    Those that others have built on stay. Gives what `refresh` gives rights back by.
    """
    granted, kept = _granted(tx), in_the_way(tx)
    for name in _there(tx).keys() - kept.keys():
        _run(tx, f"DROP VIEW {name}")
    return granted


@contextmanager
def explained(tx: Connection) -> Iterator[None]:
    """Name what others have built on views of ours, if tables cannot change because of it."""
    kept = in_the_way(tx)
    try:
        yield
    except DBAPIError as error:
        if not kept or sqlstate(error) not in _HELD:
            raise
        theirs = ", ".join(sorted({name for names in kept.values() for name in names}))
        raise StoreError(
            f"the store's upgrade waits for {theirs}, built on {', '.join(kept)}: drop it, start"
            " scsync again, and build it on the tables"
        ) from error


def in_the_way(tx: Connection) -> dict[str, list[str]]:
    """Name what others have built on views of ours, by view; SQLite's views hold on to nothing."""
    found = defaultdict[str, list[str]](list)
    if tx.dialect.name != "sqlite":
        ours = _there(tx)
        for name, dependent in _run(tx, _DEPENDENTS):
            if name in ours:
                found[str(name)].append(str(dependent))
    return dict(found)


def outdated(tx: Connection) -> dict[str, list[str]]:
    """Name the views that are not as this program defines them, each with what is in the way."""
    there, kept = _there(tx), in_the_way(tx)
    known = definitions(of(tx))
    return {
        one.view: kept.get(one.view, []) for one in known if there.get(one.view) != _digest(one)
    }


def _there(tx: Connection) -> dict[str, str]:
    """Give the digest that each view of ours bears, in its text or in its comment."""
    query = _ON_SQLITE if tx.dialect.name == "sqlite" else _ON_POSTGRESQL
    found = ((str(name), _NOTED.search(text or "")) for name, text in _run(tx, query))
    return {name: noted[1] for name, noted in found if noted}


_ON_SQLITE = "SELECT name, sql FROM sqlite_master WHERE type = 'view'"
_ON_POSTGRESQL = (
    "SELECT c.relname, obj_description(c.oid, 'pg_class') FROM pg_class c"
    " WHERE c.relkind = 'v' AND c.relnamespace = current_schema()::regnamespace"
)


_DEPENDENTS = """
SELECT DISTINCT c.relname, r.ev_class::regclass::text FROM pg_class c
JOIN pg_depend d ON d.refclassid = 'pg_class'::regclass AND d.refobjid = c.oid
JOIN pg_rewrite r ON d.classid = 'pg_rewrite'::regclass AND d.objid = r.oid
WHERE c.relkind = 'v' AND c.relnamespace = current_schema()::regnamespace AND r.ev_class <> c.oid
ORDER BY 1, 2"""
_GRANTS = """
SELECT c.relname, format('GRANT %s ON %I TO %s%s', a.privilege_type, c.relname,
  CASE a.grantee WHEN 0 THEN 'PUBLIC' ELSE quote_ident(pg_get_userbyid(a.grantee)) END,
  CASE WHEN a.is_grantable THEN ' WITH GRANT OPTION' END)
FROM pg_class c CROSS JOIN aclexplode(c.relacl) a
WHERE c.relkind = 'v' AND c.relnamespace = current_schema()::regnamespace
  AND a.grantee <> c.relowner"""


def _granted(tx: Connection) -> Grants:
    found = defaultdict[str, list[str]](list)
    if tx.dialect.name != "sqlite":
        for name, statement in _run(tx, _GRANTS):
            found[str(name)].append(str(statement))
    return found


def _comment(tx: Connection, report: Report) -> None:
    """Have the database itself tell what each column means, to whoever looks there."""
    noted = f"{report.sentence} {_note(report)}"
    _run(tx, f"COMMENT ON VIEW {report.view} IS {_quoted(noted)}")
    for one in report.all_columns:
        _run(tx, f"COMMENT ON COLUMN {report.view}.{one.name} IS {_quoted(one.meaning)}")


def _quoted(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"


def _note(report: Report) -> str:
    return f"[scsync {_digest(report)}]"


def _digest(report: Report) -> str:
    meanings = "".join(one.meaning for one in report.all_columns)
    return hashlib.sha256(f"{report.select}{report.sentence}{meanings}".encode()).hexdigest()[:16]


def _run(tx: Connection, statement: str) -> CursorResult[*tuple[Any, ...]]:
    """Hand a statement over as it is: a % in it is no parameter."""
    return tx.exec_driver_sql(statement, execution_options={"no_parameters": True})
