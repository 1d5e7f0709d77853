"""Row history: triggers that write down what a chosen field was, in the writer's own transaction.

Only an update fires them, and only one that changes such a field: a first load, which inserts, and
a page that is read again, which changes nothing, cost nothing and leave nothing. Nor is it a change
when a column is filled that the org did not show before. Whoever writes, the pull, a read-back or a
repair, need not know.
"""

import hashlib
import re
from typing import Any

from sqlalchemy import Connection, CursorResult

from models import CATALOG
from models.backfill import BackfillState
from models.columns import Kind, SyncField
from models.sobject import SObject

_NOTED = re.compile(r"\[scsync ([0-9a-f]{16})\]")
_COLUMNS = "sobject, record_id, field, old_value, new_value, changed_at, changed_by_id, seen_at"


def refresh(tx: Connection) -> list[str]:
    """Make the triggers that are missing or out of date; name what was made."""
    there, made = _there(tx), []
    for model in CATALOG:
        if not model.history:
            continue
        name = _name(model)
        text = _sqlite(model) if tx.dialect.name == "sqlite" else _postgresql(model)
        digest = hashlib.sha256(text.encode()).hexdigest()[:16]
        if there.get(name) != digest:
            _make(tx, model, text, digest)
            made.append(name)
    return made


def fields(model: type[SObject]) -> tuple[SyncField, ...]:
    """Give the fields whose changes are kept."""
    return tuple(field for field in model.fields() if field.api_name in model.history)


def _make(tx: Connection, model: type[SObject], text: str, digest: str) -> None:
    name, table = _name(model), model.table().name
    noted = f"Keeps the history of {model.sobject}. [scsync {digest}]"
    if tx.dialect.name == "sqlite":
        _run(tx, f"DROP TRIGGER IF EXISTS {name}")
        _run(tx, text.replace("BEGIN", f"BEGIN -- {noted}\n", 1))
        return
    _run(tx, text)
    changed = " OR ".join(
        f"OLD.{one.column} IS DISTINCT FROM NEW.{one.column}" for one in fields(model)
    )
    _run(
        tx,
        f"CREATE OR REPLACE TRIGGER {name} AFTER UPDATE ON {table}"
        f" FOR EACH ROW WHEN ({changed}) EXECUTE FUNCTION {name}()",
    )
    _run(tx, f"COMMENT ON FUNCTION {name}() IS '{noted}'")


def _there(tx: Connection) -> dict[str, str]:
    query = _ON_SQLITE if tx.dialect.name == "sqlite" else _ON_POSTGRESQL
    found = ((str(name), _NOTED.search(text or "")) for name, text in _run(tx, query))
    return {name: noted[1] for name, noted in found if noted}


_ON_SQLITE = "SELECT name, sql FROM sqlite_master WHERE type = 'trigger'"
_ON_POSTGRESQL = (
    "SELECT p.proname, obj_description(p.oid, 'pg_proc') FROM pg_proc p"
    " WHERE p.pronamespace = current_schema()::regnamespace"
)


def _name(model: type[SObject]) -> str:
    return f"record_history_of_{model.table().name}"


def _sqlite(model: type[SObject]) -> str:
    chosen = fields(model)
    names = ", ".join(one.column for one in chosen)
    changed = " OR ".join(f"old.{one.column} IS NOT new.{one.column}" for one in chosen)
    inserts = "\n".join(
        f"INSERT INTO record_history ({_COLUMNS}) SELECT {_row(model, one, _SQLITE_TEXT)}"
        f" WHERE {_changed(model, one, 'IS NOT')};"
        for one in chosen
    )
    return (
        f"CREATE TRIGGER {_name(model)} AFTER UPDATE OF {names} ON {model.table().name}"
        f" FOR EACH ROW WHEN {changed}\nBEGIN {inserts}\nEND"
    )


def _postgresql(model: type[SObject]) -> str:
    steps = "\n".join(
        f"IF {_changed(model, one, 'IS DISTINCT FROM')} THEN"
        f" INSERT INTO record_history ({_COLUMNS}) VALUES ({_row(model, one, _POSTGRESQL_TEXT)});"
        " END IF;"
        for one in fields(model)
    )
    return (
        f"CREATE OR REPLACE FUNCTION {_name(model)}() RETURNS trigger LANGUAGE plpgsql AS $$\n"
        f"BEGIN\n{steps}\nRETURN NULL;\nEND $$"
    )


def _row(model: type[SObject], field: SyncField, texts: dict[Kind, str]) -> str:
    text, is_stamped = texts[field.kind], "new.system_modstamp <> old.system_modstamp"
    # What moves no stamp (what is computed) came at a time, and by someone, that nobody knows.
    seen = "coalesce(new.synced_at, new.system_modstamp)"
    at = f"CASE WHEN {is_stamped} THEN new.system_modstamp ELSE {seen} END"
    if field.column == "is_closed" and "closed_date" in model.table().c:
        at = f"CASE WHEN new.is_closed THEN coalesce(new.closed_date, {at}) ELSE {at} END"
    old, new = (text.format(f"{row}.{field.column}") for row in ("old", "new"))
    return (
        f"'{model.sobject}', new.id, '{field.column}', {old}, {new}, {at},"
        f" CASE WHEN {is_stamped} THEN new.last_modified_by_id END, new.synced_at"
    )


def _changed(model: type[SObject], field: SyncField, differs: str) -> str:
    """Tell a change from the first reading of a field that the org did not show before.

    Until the reading that fills its column is over, an empty value may be one that nobody has read.
    That is planned in the same instant as the field is noted; one that began anew has a later plan,
    but the row is older than the field.
    """
    column = field.column
    return (
        f"old.{column} {differs} new.{column} AND NOT (old.{column} IS NULL AND EXISTS"
        " (SELECT 1 FROM scsync_fields f JOIN scsync_backfills b ON b.sobject = f.sobject"
        f" WHERE f.sobject = '{model.sobject}' AND f.api_name = '{field.api_name}'"
        f" AND b.state <> '{BackfillState.DONE}'"
        " AND (f.since >= b.planned_at OR f.since > old.synced_at)))"
    )


_AS_TEXT = "CAST({0} AS text)"
_SQLITE_TEXT = {
    **dict.fromkeys(Kind, _AS_TEXT),
    Kind.FLAG: "CASE {0} WHEN 1 THEN 'true' WHEN 0 THEN 'false' END",
}
_POSTGRESQL_TEXT = {
    **dict.fromkeys(Kind, _AS_TEXT),
    Kind.INSTANT: "to_char({0} AT TIME ZONE 'UTC', 'YYYY-MM-DD\"T\"HH24:MI:SS.MS\"Z\"')",
}


def _run(tx: Connection, statement: str) -> CursorResult[*tuple[Any, ...]]:
    """Hand a statement over as it is: a % in it is no parameter."""
    return tx.exec_driver_sql(statement, execution_options={"no_parameters": True})
