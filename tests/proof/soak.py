"""Random commands through a whole installation that is in turmoil, and the settlement of accounts.

Short in the suite, long as `python -m benchmarks.push_soak`.
"""

import random
import time
from collections import Counter, defaultdict
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from contextlib import closing
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import select

from config.settings import Settings
from models import by_name
from models.command import Command
from models.outbox import Attempt, OutboxEntry
from pipelines.compare import stands
from pipelines.submit import drop_in
from store import listing, outbox
from store.engine import Store
from tests.proof.ledger import Ledger
from tests.proof.orders import Form, Order, Orders
from tests.proof.turmoil import Topology, faults, struck
from tests.system.processes import PATIENCE, Site
from worker.app import App

STALLED = 150.0  # s without a command finished; a spent limit alone takes ninety
_CAUGHT_UP = 120.0  # s: for the pulls to bring what was not read back
_EACH_BY_SQL = 3


@dataclass(frozen=True, kw_only=True)
class Plan:
    """How much of everything."""

    seed: int
    commands: int
    records: int
    waves: int
    strikes: int
    share: float = 0.03
    """Of the requests that write, by each kind of fault."""
    limits: bool = True
    keyless: tuple[str, ...] = ("CaseComment", "WorkOrder")
    """Objects without a key field: their creates go by probe, or by the UI API's key."""


@dataclass(frozen=True, kw_only=True)
class Account:
    """What a soak came to."""

    ledger: Ledger
    happened: Counter[str]
    seconds: float
    differences: list[str] = field(default_factory=list)

    def table(self) -> Iterator[str]:
        """Lay out what was ordered, what became of it, and what happened meanwhile."""
        by_kind: dict[str, Counter[str]] = defaultdict(Counter)
        for order in self.ledger.orders:
            entry = self.ledger.entries[order.id]
            by_kind[order.kind] += Counter({"ordered": 1, entry.state: 1})
            by_kind[order.kind]["attempts"] += entry.attempts
        by_kind["all"] = sum(by_kind.values(), Counter())
        columns = ("ordered", "applied", "rejected", "attempts")
        yield f"{'':12}" + "".join(f"{name:>10}" for name in columns)
        for kind, counts in by_kind.items():
            yield f"{kind:12}" + "".join(f"{counts[name]:10,}" for name in columns)
        yield ""
        yield ", ".join(f"{what}: {number}" for what, number in self.happened.items())
        yield f"{len(self.ledger.journal):,} writes in the org, {self.seconds:,.0f} s"


class Soak:
    """One run of a plan through a topology."""

    def __init__(self, plan: Plan, topology: Topology) -> None:
        self._plan = plan
        self._topology = topology
        self._remote = topology.remote
        self._dice = random.Random(plan.seed)
        self._touched: set[str] = set()

    def run(self) -> Account:
        """Order, strike, wait until all is finished, and compare."""
        for sobject in self._plan.keyless:
            self._remote.control("fields", {"sobject": sobject, "hide": "Sync_Key__c"})
        cases = self._remote.open_cases(self._plan.records)
        self._topology.start()
        orders = Orders(self._dice, cases)
        with closing(App(_settings(self._topology.site))) as app:
            until(lambda: _rows(app.store, "Case", cases).keys() >= set(cases), "the pull")
            rules = faults(self._dice, self._plan.share, limits=self._plan.limits)
            self._remote.control("faults", rules)
            started = time.monotonic()
            self._work(app, orders)
            self._finished(app.store)
            seconds = time.monotonic() - started
            return self._account(app.store, orders.known, seconds)

    def _work(self, app: App, orders: Orders) -> None:
        """Order in waves, while things happen."""
        plan = self._plan
        for wave in range(plan.waves):
            some = orders.wave(plan.commands * (wave + 1) // plan.waves - len(orders.known))
            _submit(app, some, by_sql=wave % _EACH_BY_SQL == 1)
            self._meddle(orders)
            for _ in range(plan.strikes * (wave + 1) // plan.waves - self._strikes):
                self._topology.strike(self._dice)
            time.sleep(self._dice.uniform(0, 1))

    @property
    def _strikes(self) -> int:
        return self._topology.happened.total()

    def _meddle(self, orders: Orders) -> None:
        """Have people change a few of the same records, in a field that no command writes."""
        lasting = [case for place, case in enumerate(orders.cases) if place % 2 == 0]
        some = self._dice.sample(lasting, max(1, len(lasting) // 100))
        acts: list[Form] = [
            {"act": "update", "sobject": "Case", "id": case, "fields": {"Reason": "Billing"}}
            for case in some
        ]
        self._remote.control("acts", acts)
        self._touched |= set(some)

    def _finished(self, store: Store) -> None:
        """Wait until nothing is left; raises when nothing moves any more."""
        left, since = -1, time.monotonic()
        while left != 0:
            with store.read() as tx:
                now = outbox.unfinished(tx)
            if now != left:
                left, since = now, time.monotonic()
            if time.monotonic() - since > STALLED:
                raise AssertionError(f"stalled with {left:,} commands left")
            time.sleep(0.2)

    def _account(self, store: Store, orders: list[Order], seconds: float) -> Account:
        entries, attempts = _outbox(store)
        ledger = Ledger(
            orders=orders,
            entries=entries,
            attempts=attempts,
            journal=[one for one in self._remote.journal() if _is_ours(one)],
            touched=self._touched,
        )
        self._topology.happened.update(struck(self._remote.control("faults")))
        wrong = [*ledger.differences(), *_unlike(store, ledger), *self._topology.ended()]
        return Account(
            ledger=ledger, happened=self._topology.happened, seconds=seconds, differences=wrong
        )


def until(is_so: Callable[[], bool], what: str) -> None:
    """Wait until it is so; fail when it does not come."""
    deadline = time.monotonic() + PATIENCE
    while not is_so():
        assert time.monotonic() < deadline, f"it did not come: {what}"
        time.sleep(0.2)


def _settings(site: Site) -> Settings:
    """Read what the processes are given."""
    named = {name[7:].lower(): value for name, value in site.environment.items()}
    return Settings(_env_file=None, **named)


def _submit(app: App, orders: Iterable[Order], *, by_sql: bool) -> None:
    """Hand commands in at the desk, or put them into the table as any program may."""
    commands = [Command.from_json(order.form) for order in orders]
    if not by_sql:
        app.desk.submit(commands)
        return
    for command in commands:
        drop_in(command, store=app.store, now=app.clock())


def _outbox(store: Store) -> tuple[dict[str, OutboxEntry], dict[str, list[Attempt]]]:
    """Read all that the outbox tells."""
    with store.read() as tx:
        entries = {one.id: one for one in listing.latest(tx, listing.Choice(), limit=1_000_000)}
        return entries, {one: outbox.attempts(tx, one) for one in entries}


def _is_ours(entry: Mapping[str, Any]) -> bool:
    return bool(entry["api"]) and entry["transport"] != "org"


def _unlike(store: Store, ledger: Ledger) -> list[str]:
    """Name the rows that do not look as the org's journal says, when the pulls have had time."""
    deadline = time.monotonic() + _CAUGHT_UP
    while found := list(_differing(store, ledger.rows())):
        if time.monotonic() > deadline:
            return found
        time.sleep(1)
    return []


def _differing(store: Store, wanted: Mapping[tuple[str, str], Form]) -> Iterator[str]:
    for sobject in {name for name, _ in wanted}:
        rows = _rows(store, sobject, [one for name, one in wanted if name == sobject])
        for (name, record), fields in wanted.items():
            row = rows.get(record, {})
            if name == sobject and (not row or not stands(fields, row)):
                shown = {key: row.get(key) for key in fields}
                yield f"{sobject} {record} is {shown}, ought to be {fields}"


def _rows(store: Store, sobject: str, ids: Collection[str]) -> dict[str, Form]:
    """Read what the store has of these records, by API names."""
    model = by_name(sobject)
    table, names = model.table(), {one.column: one.api_name for one in model.fields()}
    with store.read() as tx:
        rows = tx.execute(select(table).where(table.c.id.in_(ids))).mappings()
        return {row["id"]: {names[key]: row[key] for key in names} for row in rows}
