"""Random histories of an org, read by cycles that crash: at rest, org and store are equal."""

import os
from collections.abc import Iterator
from contextlib import suppress
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, rule, run_state_machine_as_test

from emulator.server import ControlError, Emulator
from models import by_name
from pipelines.cycle import Cycle
from pipelines.pull import Stopped
from salesforce.errors import SalesforceError
from store.engine import Store
from tests.pipelines.comparing import differences
from tests.pipelines.reading import Reader, after_pages
from tests.store.shared import empty, postgres_store, run_postgres, run_sqlite, sqlite_store, store

__all__ = ["postgres_store", "run_postgres", "run_sqlite", "sqlite_store", "store"]

READ = ("Account", "Case", "CaseComment")
LATEST = 4.0  # s between the stamp of a late commit and its commit
WORDS = st.sampled_from(("plain", "Grüße", "🛠️", 'it\'s "quoted"', "two\nlines", "#N/A", "  "))
PICK = st.integers(0, 10_000)


class Histories(RuleBasedStateMachine):
    """People at work in the org, fields that come and go, and a reader with bad luck."""

    org: Emulator
    shared: Store

    def __init__(self) -> None:
        super().__init__()
        self.added = 0
        self.buried: list[str] = []
        empty(self.shared)
        self.reader = Reader(self.org, self.shared, settle=timedelta(seconds=LATEST + 1))

    @initialize()
    def first(self) -> None:
        self._cycle()

    @rule(subject=WORDS)
    def create(self, subject: str) -> None:
        self.org.act("create", sobject="Case", fields={"Subject": subject, "Origin": "Web"})

    @rule(pick=PICK, body=WORDS)
    def comment(self, pick: int, body: str) -> None:
        fields = {"ParentId": self._some("Case", pick), "CommentBody": body or "-"}
        self._try("create", sobject="CaseComment", fields=fields)

    @rule(pick=PICK, subject=WORDS)
    def update(self, pick: int, subject: str) -> None:
        self._try(
            "update", sobject="Case", id=self._some("Case", pick), fields={"Subject": subject}
        )

    @rule(pick=PICK, subject=WORDS, seconds=st.floats(0.5, LATEST))
    def commit_late(self, pick: int, subject: str, seconds: float) -> None:
        change = {
            "act": "update",
            "sobject": "Case",
            "id": self._some("Case", pick),
            "fields": {"Subject": subject},
        }
        self._try("hold", seconds=seconds, then=[change])

    @rule(n=st.integers(2, 60))
    def burst(self, n: int) -> None:
        self.org.act("burst", sobject="Case", n=n)

    @rule(pick=PICK)
    def delete(self, pick: int) -> None:
        record_id = self._some("Case", pick)
        if self._try("delete", sobject="Case", id=record_id):
            self.buried.append(record_id)

    @rule()
    def undelete(self) -> None:
        if self.buried:
            self._try("undelete", ids=[self.buried.pop()])

    @rule(pick=PICK)
    def purge(self, pick: int) -> None:
        self._try("purge", ids=[self._some("Case", pick)])

    @rule(pick=PICK)
    def merge(self, pick: int) -> None:
        master, loser = self._some("Case", pick), self._some("Case", pick + 1)
        if master != loser:
            self._try("merge", master=master, losers=[loser])

    @rule(pick=PICK)
    def add_field(self, pick: int) -> None:
        self.added += 1
        name = f"Extra{self.added}_{pick}__c"
        spec = {"name": name, "type": "string", "length": 80, "nillable": True}
        spec |= {"createable": True, "updateable": True}
        self.org.control("POST", "fields", {"sobject": "Case", "add": spec})
        self._try(
            "update", sobject="Case", id=self._some("Case", pick), fields={name: f"value {pick}"}
        )

    @rule()
    def hide_field(self) -> None:
        self.org.control("POST", "fields", {"sobject": "Case", "hide": "Origin"})

    @rule()
    def show_field(self) -> None:
        self.org.control("POST", "fields", {"sobject": "Case", "show": "Origin"})

    @rule(seconds=st.floats(0.1, 90))
    def wait(self, seconds: float) -> None:
        self.reader.later(seconds)

    @rule()
    def cycle(self) -> None:
        self._cycle()

    @rule(pages=st.integers(1, 3))
    def crash(self, pages: int) -> None:
        """Break a cycle off after some pages, as a kill between two of them does."""
        for sobject in READ:
            with suppress(Stopped):
                self.reader.pull(sobject, stopping=after_pages(pages))
            self.expire()

    @rule(nth=st.integers(1, 4), fault=st.sampled_from(("drop", "503", "session", "cut")))
    def stumble(self, nth: int, fault: str) -> None:
        """Read while the line, the server or the session fails."""
        do: dict[str, Any] = {
            "drop": {"drop": "before"},
            "503": {"status": 503, "html": True},
            "session": {"expire": "session"},
            "cut": {"cut": 40},
        }[fault]
        self.org.fault(match={"path": "/quer"}, nth=nth, do=do)
        with suppress(SalesforceError):  # the next cycle has to make good for it
            self._cycle()
        self.org.clear_faults()

    def teardown(self) -> None:
        """Come to rest: late commits arrive, the feeds have their turn; then compare it all."""
        try:
            self.org.clear_faults()
            self.show_field()
            self.reader.later(120)
            assert self.org.run(lambda inner: inner.release_due()) == 0
            self.reader.describes = self.reader.new_describes()
            for _ in range(2):
                self._cycle()
                self.settle()
                self.reader.later(90)
            found = differences(self.org, self.shared, *READ, swept=True)
            assert not found, "\n".join(found[:20])
        finally:
            self.reader.close()

    def _cycle(self) -> None:
        backfiller = self.reader.backfiller(above=150)
        models = [by_name(sobject) for sobject in READ]
        Cycle(puller=self.reader.puller(backfiller)).run(models)

    def settle(self) -> None:
        """Let the slow feeds run, and what a new field has to be read again for."""
        for sobject in READ:
            self.reader.deletes(sobject)
            self.reader.backfiller(above=150).join(by_name(sobject))
            self.reader.refresh(sobject)

    def expire(self) -> None:
        """Let the leases of whoever crashed run out."""
        with self.shared.begin() as tx:
            for table in ("scsync_watermarks", "scsync_backfills", "scsync_slices"):
                tx.exec_driver_sql(f"UPDATE {table} SET owner = NULL")  # noqa: S608

    def _some(self, sobject: str, pick: int) -> str:
        rows = self.org.run(
            lambda inner: inner.query_rows(f"SELECT Id FROM {sobject} ORDER BY Id LIMIT 400")  # noqa: S608
        )
        return str(rows[pick % len(rows)]["Id"])

    def _try(self, act: str, **details: Any) -> bool:
        """Do it if the org lets us: what a colleague holds is left to him."""
        try:
            self.org.act(act, **details)
        except ControlError:
            return False
        return True


@pytest.fixture
def org() -> Iterator[Emulator]:
    with Emulator(cases=200) as emulator:
        yield emulator


def test_random_histories_leave_org_and_store_equal(org: Emulator, store: Store) -> None:
    """Whatever happens in the org and to the reader, at rest the copy is the org."""

    class Here(Histories):
        pass

    Here.org, Here.shared = org, store
    run_state_machine_as_test(
        Here,
        settings=settings(
            max_examples=int(os.environ.get("TEST_HISTORIES", "6")),
            stateful_step_count=25,
            deadline=None,
            derandomize=True,
            suppress_health_check=list(HealthCheck),
        ),
    )
