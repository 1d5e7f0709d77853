"""Row filters: only what matches is here, and what stops matching is marked."""

from collections.abc import Iterator
from contextlib import closing
from typing import Any

import pytest

from emulator.server import Emulator
from models import by_name
from pipelines.cycle import Cycle
from pipelines.describes import Describes
from pipelines.leavers import Leavers
from pipelines.pull import Pulled, Puller
from store import findings
from store.engine import Store
from tests.pipelines.reading import Reader

HIGH = "Priority = 'High'"


class Filtered(Reader):
    """A reader whose settings choose rows."""

    where: str | None = HIGH

    def puller(self, backfills: Any = None, **parts: Any) -> Puller:
        leavers = Leavers(client=self.client, store=self.store, clock=self.clock)
        filters = {"Case": self.where} if self.where else {}
        self.describes = Describes(
            client=self.client, store=self.store, clock=self.clock, filters=filters
        )
        return super().puller(backfills, **{"on_window": (leavers,), **parts})


@pytest.fixture
def filtered(store: Store) -> Iterator[Filtered]:
    with Emulator(cases=300) as org, closing(Filtered(org, store)) as reader:
        yield reader


def _ids(reader: Reader, where: str) -> set[str]:
    query = f"SELECT Id FROM Case WHERE {where}"  # noqa: S608
    return {str(row["Id"]) for row in reader.org.run(lambda org: org.query_rows(query))}


def _alive(reader: Reader) -> set[str]:
    table = by_name("Case").table()
    with reader.store.read() as tx:
        query = table.select().with_only_columns(table.c.id).where(table.c.deleted_at.is_(None))
        return set(tx.execute(query).scalars())


def _cycle(reader: Reader) -> Pulled:
    (result,) = Cycle(puller=reader.puller()).run([by_name("Case")])
    return result


def test_only_what_matches_comes(filtered: Filtered) -> None:
    """A first load by the filter brings those cases and no others."""
    assert filtered.pull().outcome == "ok"
    assert _alive(filtered) == _ids(filtered, HIGH)
    assert 0 < len(_alive(filtered)) < 300


@pytest.mark.parametrize("by", ["pull", "cycle"])
def test_what_stops_matching_is_marked_and_comes_back(filtered: Filtered, by: str) -> None:
    """A case that leaves the filter becomes a tombstone that says why, until it matches again."""
    filtered.pull()
    filtered.later(60)
    filtered.pull()
    case = min(_alive(filtered))
    bring = filtered.pull if by == "pull" else lambda: _cycle(filtered)
    filtered.org.act("update", sobject="Case", id=case, fields={"Priority": "Low"})
    assert bring().outcome == "ok"
    assert filtered.row("Case", case)["deleted_cause"] == "filtered"
    assert _alive(filtered) == _ids(filtered, HIGH)
    filtered.later(5)
    filtered.org.act("update", sobject="Case", id=case, fields={"Priority": "High"})
    assert bring().outcome == "ok"
    row = filtered.row("Case", case)
    assert (row["deleted_at"], row["is_deleted"], row["priority"]) == (None, False, "High")


def test_a_cleared_field_leaves_too(filtered: Filtered) -> None:
    """A null does not match either: SOQL's NOT knows two truths, not three."""
    filtered.pull()
    case = min(_alive(filtered))
    filtered.org.act("update", sobject="Case", id=case, fields={"Priority": None})
    filtered.pull()
    assert filtered.row("Case", case)["deleted_cause"] == "filtered"


def test_another_filter_is_followed(filtered: Filtered) -> None:
    """Changed in the settings: who is out is marked, who is in is read, also by a cycle."""
    filtered.pull()
    for where in ("Priority = 'Low'", None, "Priority IN ('High', 'Low') AND IsClosed = false"):
        filtered.where = where
        assert _cycle(filtered).outcome == "ok"
        assert _alive(filtered) == _ids(filtered, where or "Id != null")


@pytest.mark.parametrize("where", ["Priority = ", "Nonsense__c = 1", "Status = 'New' AND ("])
def test_a_filter_that_is_wrong_names_the_setting(filtered: Filtered, where: str) -> None:
    """The org's own words, with the setting in front of them; nothing is marked or lost."""
    filtered.pull()
    before = _alive(filtered)
    filtered.where = where
    result = filtered.pull()
    assert (result.outcome, result.error_code) == ("failed", "ROW_FILTER")
    assert "[objects.Case] where" in str(result.error_message)
    assert _alive(filtered) == before


def test_nothing_where_there_was_much_is_a_finding(filtered: Filtered) -> None:
    """A read from the beginning that brings no rows removes none, and says that it is odd."""
    filtered.where = None
    filtered.pull()
    filtered.where = "Subject = 'no such subject'"
    before = len(_alive(filtered))
    assert filtered.pull(on_window=()).outcome == "ok"
    assert len(_alive(filtered)) == before > 100
    with filtered.store.read() as tx:
        (found,) = [one for one in findings.every(tx) if one.kind == "zero_rows"]
    assert f"{before:,} are stored" in found.message
