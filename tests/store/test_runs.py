"""Each run has a row: what it did, how it ended, and which was the last."""

from models.run import RunOutcome
from store import runs
from store.engine import Store
from tests.store.cases import at


def test_the_latest_run_of_each_object_is_found(store: Store) -> None:
    """Of several runs the last one counts, each object apart."""
    with store.begin() as tx:
        runs.finish(tx, runs.start(tx, "Case", now=at(0)), outcome=RunOutcome.FAILED)
        runs.finish(tx, runs.start(tx, "Case", now=at(1)), outcome=RunOutcome.OK, rows_read=7)
        runs.start(tx, "User", now=at(0))
        found = runs.latest(tx, ["Case", "User", "Asset"])
    assert {name: run.outcome for name, run in found.items()} == {"Case": "ok", "User": "running"}
    assert (found["Case"].rows_read, found["Case"].started_at) == (7, at(1))


def test_old_runs_are_forgotten(store: Store) -> None:
    """Only what is older than the given instant goes."""
    with store.begin() as tx:
        runs.start(tx, "Case", now=at(0))
        runs.start(tx, "Case", now=at(9))
        assert runs.forget(tx, at(5)) == 1
        assert runs.latest(tx, ["Case"])["Case"].started_at == at(9)


def test_failures_are_counted_by_their_errors(store: Store) -> None:
    """Six of one cause are one line; what went well, or is old, is none."""
    with store.begin() as tx:
        for hour in range(7):
            run_id = runs.start(tx, "Case", now=at(hour))
            runs.finish(tx, run_id, outcome=RunOutcome.FAILED, error_message="too slow")
        runs.finish(tx, runs.start(tx, "User", now=at(8)), outcome=RunOutcome.OK)
        (found,) = runs.failures(tx, ["Case", "User"], since=at(0), limit=5)
        begun = runs.first(tx, ["Case", "User", "Asset"])
    assert (found.sobject, found.error_message, found.runs) == ("Case", "too slow", 6)
    assert found.latest == at(6)
    assert begun == {"Case": at(0), "User": at(8)}
