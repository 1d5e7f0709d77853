"""The views themselves: made anew whenever their definition is not what stands in the database."""

import hashlib
import re
from typing import Any

from sqlalchemy import Connection, CursorResult

from store.reports.catalog import definitions
from store.reports.dialect import of
from store.reports.report import Report

_NOTED = re.compile(r"\[scsync ([0-9a-f]{16})\]")


def refresh(tx: Connection) -> list[str]:
    """Make what is missing or out of date, drop what is no longer known; name what was made."""
    known = {report.view: report for report in definitions(of(tx))}
    there = _there(tx)
    for name in there.keys() - known.keys():
        _run(tx, f"DROP VIEW {name}")
    stale = [one for one in known.values() if there.get(one.view) != _digest(one)]
    for report in stale:
        _run(tx, f"DROP VIEW IF EXISTS {report.view}")
        _run(tx, f"CREATE VIEW {report.view} AS -- {_note(report)}\n{report.select}")
        if tx.dialect.name != "sqlite":
            _comment(tx, report)
    return [report.view for report in stale]


def drop(tx: Connection) -> None:
    """Take our views away: no migration may find a column that one of them holds on to."""
    for name in _there(tx):
        _run(tx, f"DROP VIEW {name}")


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
