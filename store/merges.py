"""Which record stands for one that was merged: the last survivor of a chain of merges."""

from collections.abc import Sequence

from sqlalchemy import Connection, select

from models.sobject import SObject

_IDS = 500  # in one statement
_LONGEST = 100  # merges in a row; only a circle has more


def survivors(tx: Connection, model: type[SObject], ids: Sequence[str]) -> dict[str, str]:
    """Give the survivor of each of these records that lost a merge."""
    return {loser: _last(tx, model, master) for loser, master in _masters(tx, model, ids).items()}


def _last(tx: Connection, model: type[SObject], record_id: str) -> str:
    for _ in range(_LONGEST):
        further = _masters(tx, model, [record_id]).get(record_id)
        if further is None:
            break
        record_id = further
    return record_id


def _masters(tx: Connection, model: type[SObject], ids: Sequence[str]) -> dict[str, str]:
    table = model.table()
    query = select(table.c.id, table.c.master_record_id)
    found: dict[str, str] = {}
    for start in range(0, len(ids), _IDS):
        some = table.c.id.in_(ids[start : start + _IDS])
        rows = tx.execute(query.where(some, table.c.master_record_id.is_not(None)))
        found.update((loser, master) for loser, master in rows if master not in {"", loser})
    return found
