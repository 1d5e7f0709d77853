"""An object that settings had named joins the catalogue: what was pulled of it is taken over."""

from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
from alembic.migration import MigrationContext
from alembic.operations import Operations
from alembic.script import ScriptDirectory

from emulator.server import Emulator
from models import by_name
from models.dynamic import make
from store import backfills, fields, migrate
from store.engine import Store
from store.reports import views
from tests.pipelines.comparing import differences
from tests.pipelines.reading import Reader

JOINING = ("0008", "0009")
SCRIPTS = ScriptDirectory(str(Path(migrate.__file__).parent / "migrations"))
JOINED = ("Group", "MilestoneType", "ServiceTerritory")


@pytest.fixture
def reader(database_url: str) -> Iterator[Reader]:
    with Emulator(cases=20) as org, closing(Store(database_url)) as store:
        migrate.upgrade(store)
        with closing(Reader(org, store)) as reader:
            yield reader


def _as_before(store: Store, *, without: str) -> None:
    """Bring a store back to where each of these was pulled because the settings named it."""
    with store.begin() as tx:
        views.drop(tx)
        for sobject in JOINED:
            named, joined = make(sobject).table().name, by_name(sobject).table().name
            tx.exec_driver_sql(f'DROP TABLE "{joined}"')
            tx.exec_driver_sql(f'ALTER TABLE "{named}" RENAME TO "{joined}"')
        tx.exec_driver_sql(f"ALTER TABLE service_territories DROP COLUMN {without}")


def _upgrade(store: Store) -> None:
    """Take the steps that brought them into the catalogue, and none that came later."""
    with store.begin() as tx, Operations.context(MigrationContext.configure(tx)):
        for revision in JOINING:
            SCRIPTS.get_revision(revision).module.upgrade()
    migrate.upgrade(store)


def test_what_was_pulled_by_name_is_taken_over(reader: Reader) -> None:
    """Rows and tombstones stay, a lacking column comes and is filled, and queues alone are kept."""
    org, store = reader.org, reader.store
    no_queue = org.act("create", sobject="Group", fields={"Name": "No queue", "Type": "Regular"})
    gone = org.act("create", sobject="ServiceTerritory", fields={"Name": "Given up"})
    reader.later(10)
    for sobject in JOINED:
        assert reader.puller().pull(make(sobject)).outcome == "ok"
    org.act("delete", sobject="ServiceTerritory", id=gone)
    reader.later(10)
    assert reader.puller().pull(make("ServiceTerritory")).outcome == "ok"
    _as_before(store, without="city")

    _upgrade(store)
    with store.read() as tx:
        assert sorted(backfills.unfinished(tx)) == sorted(JOINED)
        kept = tx.exec_driver_sql("SELECT deleted_at FROM service_territories")
        assert len([*filter(None, kept.scalars())]) == 1
    reader.describes = reader.new_describes()  # as a new process has it
    for sobject in JOINED:
        reader.backfiller().join(by_name(sobject))
        reader.pull(sobject)
    assert differences(org, store, *JOINED) == [f"Group {no_queue}: only in the org"]
    with store.read() as tx:
        assert backfills.unfinished(tx) == []
        ours = {one.column: one.api_name for one in by_name("ServiceTerritory").fields()}
        states = fields.known(tx, "ServiceTerritory")
        assert {one.column_name for one in states if one.added}.isdisjoint(ours)
