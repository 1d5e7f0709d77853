"""Tables on their way out are as of one instant, whatever is committed meanwhile."""

from sqlalchemy import Connection

from store import export
from store.engine import Store


def names(tx: Connection, table: str) -> list[str]:
    wanted = export.source(tx, table)
    place = [name for name, _ in wanted.columns].index("name")
    return [row[place] for batch in export.batches(tx, wanted) for row in batch]


def test_a_commit_between_two_tables_is_in_neither(store: Store) -> None:
    """A contact whose account the file of accounts lacks would be nobody's."""
    with store.read() as tx:
        export.stand_still(tx)
        assert names(tx, "accounts") == []
        with store.begin() as other:
            for table in ("accounts", "contacts"):
                other.exec_driver_sql(
                    f"INSERT INTO {table} (id, name, system_modstamp, synced_at)"  # noqa: S608
                    " VALUES ('001000000000001AAA', 'Ada', '2026-01-01T00:00:00.000Z',"
                    " '2026-01-01T00:00:00.000Z')"
                )
        assert names(tx, "contacts") == []
    with store.read() as tx:
        assert names(tx, "contacts") == names(tx, "accounts") == ["Ada"]
