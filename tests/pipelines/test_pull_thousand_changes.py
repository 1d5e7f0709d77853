"""After a thousand random changes and some cycles, org and store are equal, field by field."""

import random
from collections.abc import Callable, Iterator
from contextlib import closing
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import select

from emulator.server import ControlError, Emulator
from models import CATALOG
from store.engine import Store
from tests.pipelines.comparing import compared, differences
from tests.pipelines.reading import Reader

CHANGES = 1000
HELD = 4.0  # s between the stamp of a late commit and its commit, at most

WRITABLE = {
    "Case": ("Subject", "Description", "SuppliedName"),
    "Account": ("Name", "Description", "BillingCity"),
    "Contact": ("LastName", "Title"),
    "Asset": ("Name", "Description"),
    "Entitlement": ("Name",),
    "ServiceContract": ("Name", "Description"),
    "ContractLineItem": ("Description",),
    "WorkOrder": ("Subject", "Description"),
    "WorkOrderLineItem": ("Subject", "Description"),
    "CaseComment": ("CommentBody",),
}
MORTAL = ("Case", "CaseComment", "WorkOrder", "WorkOrderLineItem", "Entitlement", "Asset")
WORDS = ("plain", "Grüße", "🛠️ fixed", 'it\'s "quoted"', "two\nlines", "back\\slash", "  ", "漢字")


class Crowd:
    """Many people at work in the org, as seeded dice have it."""

    def __init__(self, org: Emulator, seed: int) -> None:
        self.org = org
        self.dice = random.Random(seed)
        self.buried: list[str] = []
        self.done: dict[str, int] = {}

    def change(self) -> None:
        """Do one thing that succeeds; what a colleague has locked is left to him."""
        deeds: dict[Callable[[], object], int] = {
            self.create: 20,
            self.update: 45,
            self.delete: 10,
            self.undelete: 8,
            self.burst: 2,
            self.late: 10,
            self.tick: 5,
            self.purge: 4,
            self.merge: 3,
        }
        while True:
            deed = self.dice.choices(list(deeds), weights=list(deeds.values()))[0]
            try:
                deed()
            except (ControlError, IndexError):
                continue
            self.done[deed.__name__] = self.done.get(deed.__name__, 0) + 1
            return

    def some(self, sobject: str) -> str:
        query = f"SELECT Id FROM {sobject} ORDER BY Id LIMIT 300"  # noqa: S608
        return str(self.dice.choice(self.org.run(lambda org: org.query_rows(query)))["Id"])

    def text(self) -> str:
        return f"{self.dice.choice(WORDS)} {self.dice.random()}"

    def create(self) -> None:
        fields: dict[str, Any] = {"Subject": self.text(), "Origin": "Web"}
        sobject = self.dice.choice(("Case", "CaseComment", "WorkOrder"))
        if sobject == "CaseComment":
            fields = {"ParentId": self.some("Case"), "CommentBody": self.text()}
        if sobject == "WorkOrder":
            del fields["Origin"]
        self.org.act("create", sobject=sobject, fields=fields)

    def update(self) -> None:
        self.org.act(**self._update())

    def _update(self) -> dict[str, Any]:
        sobject = self.dice.choice(list(WRITABLE))
        fields = {self.dice.choice(WRITABLE[sobject]): self.text()}
        return {"act": "update", "sobject": sobject, "id": self.some(sobject), "fields": fields}

    def delete(self) -> None:
        sobject = self.dice.choice(MORTAL)
        record_id = self.some(sobject)
        self.org.act("delete", sobject=sobject, id=record_id)
        self.buried.append(record_id)

    def undelete(self) -> None:
        self.dice.shuffle(self.buried)
        self.org.act("undelete", ids=[self.buried[-1]])
        self.buried.pop()

    def purge(self) -> None:
        """Empty the bin of something, or delete it past the bin."""
        sobject = self.dice.choice(MORTAL)
        record_id = self.some(sobject)
        if self.buried and self.dice.random() < 0.5:
            record_id = self.buried.pop()
        self.org.act("purge", ids=[record_id])

    def merge(self) -> None:
        master, loser = self.some("Case"), self.some("Case")
        if master == loser:
            raise IndexError
        self.org.act("merge", master=master, losers=[loser])

    def burst(self) -> None:
        self.org.act("burst", sobject=self.dice.choice(MORTAL), n=self.dice.randrange(2, 60))

    def late(self) -> None:
        self.org.act("hold", seconds=self.dice.uniform(0.5, HELD), then=[self._update()])

    def tick(self) -> None:
        self.org.act("tick", seed=self.dice.random())


@pytest.fixture
def reader(store: Store) -> Iterator[Reader]:
    """An org whose clock stands until the test moves it."""
    now = datetime.now(UTC)
    with (
        Emulator(cases=200, clock=lambda: now) as org,
        closing(Reader(org, store, settle=timedelta(seconds=HELD + 1))) as reader,
    ):
        yield reader


def test_a_thousand_changes_leave_org_and_store_equal(reader: Reader) -> None:
    """Creates, updates, deletes, undeletes, purges, merges, ties and late commits in cycles.

    Computed fields are swept at the end; then there is nothing that may differ, and nothing did.
    """
    org, crowd = reader.org, Crowd(reader.org, seed=7)
    reader.cycle()
    for n in range(CHANGES):
        crowd.change()
        if n % 3 == 0:
            org.skew(n / 3)  # seconds pass, and late commits arrive
        if n % 90 == 0:
            reader.cycle()
    org.skew(CHANGES)
    assert org.run(lambda inner: inner.release_due()) == 0
    reader.cycle()
    purged = sum(reader.deletes(model.sobject).purged for model in CATALOG)
    for model in CATALOG:
        reader.refresh(model.sobject)
    assert min(crowd.done.values()) > 10
    found = set(differences(org, reader.store, swept=True)) - set(tombs(reader.store))
    assert not found, "\n".join(sorted(found)[:20])
    assert purged > 10
    assert compared(org, reader.store) > 30_000
    for model in CATALOG:
        assert reader.verify(model.sobject).differences == []


def tombs(store: Store) -> Iterator[str]:
    """Name what is a tombstone: the org may have purged it since."""
    with store.read() as tx:
        for model in CATALOG:
            table = model.table()
            for record_id in tx.execute(select(table.c.id).where(table.c.is_deleted)).scalars():
                yield f"{model.sobject} {record_id}: only in the store"
