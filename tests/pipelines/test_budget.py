"""One budget for all processes: counted, held before the reserve, resumed by itself."""

from collections.abc import Iterator
from contextlib import closing
from datetime import timedelta

import pytest

from pipelines import budget as budgets
from pipelines.budget import PROBE, Budget, Held, Priority
from pipelines.purpose import Purpose, spending
from salesforce.client import Client
from salesforce.values import Usage
from store import accounts, api_calls
from store.errors import StoreUnavailable
from tests.pipelines.reading import API_VERSION, Reader

LIMIT = 1_000


def _budget(reader: Reader, reserve: float = 0.2, **more: Priority) -> Budget:
    return Budget(
        store=reader.store,
        account="default",
        clock=reader.clock,
        reserve=reserve,
        priorities=more,
    )


@pytest.fixture
def budget(reader: Reader) -> Iterator[Budget]:
    """A budget of its own, with 1,000 calls a day in the org."""
    reader.org.limits(used=0, max=LIMIT)
    with closing(_budget(reader)) as budget:
        yield budget
    reader.org.limits(used=0, max=100_000)


def _client(reader: Reader, budget: Budget) -> Client:
    return Client(
        vault=reader.vault(),
        app=reader.app,
        api_version=API_VERSION,
        before_call=budget.before,
        on_call=budget.noted,
    )


def _passes(budget: Budget, purpose: Purpose, sobject: str = "") -> bool:
    with spending(purpose, sobject):
        try:
            budget.before("query")
        except Held:
            return False
    return True


def _counted(reader: Reader) -> dict[str, int]:
    since = reader.clock() - timedelta(hours=1)  # an hour may have ended since the calls
    with reader.store.read() as tx:
        return api_calls.by_purpose(tx, since=since)


def test_every_call_is_counted_by_what_it_is_for(reader: Reader, budget: Budget) -> None:
    """What the org counted stands in the ledger, purpose by purpose; the version list is free."""
    with _client(reader, budget) as client:
        client.versions()
        with spending(Purpose.PULL, "Case"):
            client.query_page("SELECT Id FROM Case LIMIT 1")
            client.query_page("SELECT Id FROM Case LIMIT 1")
        with spending(Purpose.VERIFY):
            client.limits()
    budget.close()
    assert _counted(reader) == {"pull": 2, "verify": 1}
    with reader.store.read() as tx:
        account = accounts.get(tx, "default")
    assert account is not None
    assert (account.api_used, account.api_limit) == (3, LIMIT)


def test_two_processes_add_to_one_ledger(reader: Reader, budget: Budget) -> None:
    """Counts of two processes add up; the later figure of the org stands for both."""
    with closing(_budget(reader)) as other:
        for one, used in ((budget, 10), (other, 11)):
            with spending(Purpose.PULL, "Case"):
                one.noted("query", Usage(used, LIMIT))
            one.close()
    assert _counted(reader) == {"pull": 2}
    outlook = budget.outlook()
    assert outlook is not None
    assert (outlook.used, outlook.stops_at, outlook.is_held) == (11, 800, False)


@pytest.mark.parametrize(
    ("used", "passing"),
    [
        (710, {Purpose.VERIFY: False, Purpose.DELETES: True, Purpose.PULL: True}),
        (760, {Purpose.BACKFILL: False, Purpose.PULL: True}),
        (800, {Purpose.PULL: False, Purpose.READBACK: True, Purpose.PUSH: True}),
        (999, {Purpose.READBACK: False, Purpose.PUSH: True}),
    ],
)
def test_slow_feeds_stop_first_and_writes_never(
    budget: Budget, used: int, passing: dict[Purpose, bool]
) -> None:
    """As the allocation runs out: verification, backfills, pulls, and writes not at all."""
    budget.noted("query", Usage(used, LIMIT))
    assert {purpose: _passes(budget, purpose) for purpose in passing} == passing


def test_priorities_decide_among_objects(reader: Reader) -> None:
    """What matters most is pulled longest."""
    ranks = {"Case": Priority.HIGH, "Asset": Priority.LOW}
    with closing(_budget(reader, **ranks)) as budget:
        found = []
        for used in (690, 750, 790):
            budget.noted("query", Usage(used, LIMIT))
            found.append(
                [_passes(budget, Purpose.PULL, name) for name in ("Case", "User", "Asset")]
            )
    assert found == [[True, True, True], [True, True, False], [True, False, False]]


def test_another_process_knows_before_its_first_call(reader: Reader, budget: Budget) -> None:
    """A process that just started holds back by what another has seen."""
    budget.noted("query", Usage(900, LIMIT))
    budget.close()
    with closing(_budget(reader)) as fresh:
        assert not _passes(fresh, Purpose.PULL)


def test_it_goes_on_by_itself(reader: Reader, budget: Budget) -> None:
    """Held for a while, one call asks anew; if the org reports less, all pass again."""
    with _client(reader, budget) as client, spending(Purpose.PULL):
        reader.org.limits(used=900)
        client.query_page("SELECT Id FROM Case LIMIT 1")
        with pytest.raises(Held, match=r"901 of the org's 1,000 .*waits from 800 on"):
            client.query_page("SELECT Id FROM Case LIMIT 1")
        reader.org.limits(used=100)
        reader.clock.ahead = PROBE + timedelta(seconds=1)
        client.query_page("SELECT Id FROM Case LIMIT 1")
        client.query_page("SELECT Id FROM Case LIMIT 1")
    assert _passes(budget, Purpose.VERIFY)


@pytest.mark.parametrize(("growth", "pace"), [(10, 1.0), (100, 3.5), (700, 10.0)])
def test_the_pace_makes_the_rest_last_a_day(
    reader: Reader, budget: Budget, growth: int, pace: float
) -> None:
    """From how fast the figure grew follows by how much pulls slow down, and when they would stop."""
    with reader.clock.stopped():  # more than an hour apart, the first may be of the last but one
        budget.noted("query", Usage(14, LIMIT))
        budget._write()
        reader.clock.ahead = timedelta(hours=1)
        budget.noted("query", Usage(14 + growth, LIMIT))
        budget._write()
        outlook = budget.outlook()
    assert outlook is not None
    assert outlook.per_hour == pytest.approx(growth, rel=0.01)
    assert outlook.pace == pytest.approx(pace, rel=0.01)
    assert (outlook.reached_at is None) == (pace == 1.0)


def test_a_store_that_is_gone_costs_no_call(
    reader: Reader, budget: Budget, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Counts that could not be written are written with the next ones."""

    def gone(*_: object, **__: object) -> None:
        raise StoreUnavailable("no connection")

    with spending(Purpose.PULL):
        budget.noted("query", Usage(1, LIMIT))
        with monkeypatch.context() as broken:
            broken.setattr(budgets.api_calls, "add", gone)
            budget._shared()
        budget.noted("query", Usage(2, LIMIT))
    budget.close()
    assert _counted(reader) == {"pull": 2}
