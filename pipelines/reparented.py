"""Children of merged records: they name the survivor from then on, and no stamp of theirs moves.

Source: the fact that a merge moves related records to the master, while "System Fields" promises a
new stamp only for changes of the record itself. So what the store knows as a child of a loser is
read again by its Id.
"""

from collections import defaultdict
from dataclasses import dataclass, field

import structlog
from sqlalchemy import Connection, select

from models import CATALOG
from models.sobject import SObject
from models.watermark import Window
from pipelines.describes import Describes
from pipelines.merged import MASTER
from pipelines.pages import Batch, by_ids
from pipelines.plan import Plan, Skip
from pipelines.readback import MOST
from salesforce.client import Client
from store import records
from store.engine import Store

log = structlog.get_logger()


@dataclass(frozen=True, kw_only=True)
class Reparented:
    """One walk's merges: noted page by page, their children read before the window is closed."""

    client: Client
    store: Store
    describes: Describes
    losers: dict[str, set[str]] = field(default_factory=lambda: defaultdict(set))

    def note(self, tx: Connection, plan: Plan, batch: Batch) -> None:
        """Remember the losers on a page; belongs into `Road.on_page`."""
        del tx
        names = [one.column for one in plan.fields]
        if MASTER in names:
            place, key = names.index(MASTER), names.index("id")
            self.losers[plan.model.sobject] |= {row[key] for row in batch.rows if row[place]}

    def read(self, plan: Plan, window: Window) -> None:
        """Read the losers' children again; belongs into `Road.on_window`."""
        del window
        losers = self.losers.pop(plan.model.sobject, set())
        for model in CATALOG if losers else ():
            ids = self._children(model, plan.model.sobject, losers)
            for start in range(0, len(ids), MOST):
                self._read(model, ids[start : start + MOST])

    def _children(self, model: type[SObject], sobject: str, losers: set[str]) -> list[str]:
        table = model.table()
        found: set[str] = set()
        with self.store.read() as tx:
            for column in table.columns:
                if sobject not in column.info.get("references", ()) or column.name == MASTER:
                    continue
                query = select(table.c.id).where(
                    column.in_(sorted(losers)), table.c.deleted_at.is_(None)
                )
                found |= set(tx.execute(query).scalars())
        return sorted(found)

    def _read(self, model: type[SObject], ids: list[str]) -> None:
        try:
            plan = self.describes.plan(model)
        except Skip:
            return
        batch = by_ids(plan, ids, client=self.client, exact=not self.store.is_sqlite)
        with self.store.begin(relaxed=True) as tx:
            fields = batch.fields or plan.fields
            written = records.upsert(tx, model, fields, batch.rows, read_at=batch.server_time)
        log.info("children.moved", object=model.sobject, read=len(ids), written=written)
