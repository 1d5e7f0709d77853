"""Thousands at once: one Bulk job carries them, and whoever is lost, its results tell."""

from collections.abc import Callable
from typing import Any

import pytest

from models.outbox import CommandState
from tests.pipelines.push.ground import Place, create, delete, update

FEW = 12
"""What counts as a crowd here."""

Places = Callable[..., Place]


@pytest.fixture
def crowded(place_with: Places) -> Place:
    """A place where a dozen commands are enough for a job."""
    return place_with(ingest_above=FEW - 1)


def cases(place: Place, number: int = FEW) -> list[str]:
    return [place.case() for _ in range(number)]


def roads(place: Place) -> set[str]:
    """By which roads writes came, by the org's own journal."""
    return {entry["transport"][:3] for entry in place.writes("Case")}


def jobs(place: Place) -> list[dict[str, Any]]:
    with place.app.store.read() as tx:
        rows = tx.exec_driver_sql("SELECT * FROM scsync_ingests").mappings()
        return [dict(row) for row in rows]


def test_a_crowd_of_updates_travels_in_one_job(crowded: Place) -> None:
    """Each is applied once by one job, which is cleared away; nulls, flags and dates arrive."""
    ids = cases(crowded)
    crowded.submit(
        *(
            update(one, Subject=f'a, "b"\n{n}', Priority=None, IsEscalated=n % 2 == 0)
            for n, one in enumerate(ids)
        )
    )
    assert crowded.drain().settled == {CommandState.APPLIED: FEW}
    assert roads(crowded) == {"750"}
    assert len(crowded.writes("Case")) == FEW
    row = crowded.row("Case", ids[0]) or {}
    assert (row["subject"], row["priority"], bool(row["is_escalated"])) == (
        'a, "b"\n0',
        None,
        True,
    )
    (job,) = jobs(crowded)
    assert (job["commands"], job["outcome"]) == (FEW, "JobComplete")


def test_creates_and_deletes_travel_in_jobs_as_well(crowded: Place) -> None:
    """Creates go by their keys, deletes by their ids; each command knows its record."""
    made = crowded.submit(*(create(Subject=f"n{n}") for n in range(FEW)))
    crowded.drain()
    records = {crowded.entry(one).result_id for one in made}
    gone = crowded.submit(*(delete(record or "") for record in records))
    crowded.drain()
    assert [crowded.state(one) for one in made + gone] == ["applied"] * 2 * FEW
    ops = [entry["op"] for entry in crowded.writes("Case")]
    assert (ops.count("create"), ops.count("delete"), len(records)) == (FEW, FEW, FEW)
    assert roads(crowded) == {"750"}


def test_a_row_that_is_refused_is_refused_alone(crowded: Place) -> None:
    """In a job that is complete one row failed: it has the cause, the others are applied."""
    ids = cases(crowded)
    commands = crowded.submit(*(update(one, Subject="x") for one in ids))
    crowded.org.act("delete", sobject="Case", id=ids[3])
    crowded.drain()
    states = [crowded.state(one) for one in commands]
    assert (states.count("applied"), states[3]) == (FEW - 1, "rejected")
    assert crowded.entry(commands[3]).error_code == "ENTITY_IS_DELETED"


def test_what_a_job_did_not_come_to_is_sent_again(crowded: Place) -> None:
    """A job that fails half way has applied some rows; the others go once more, none twice."""
    crowded.org.ingest(fail=1, fail_at=0.5)
    ids = cases(crowded)
    crowded.submit(*(update(one, Subject="x") for one in ids))
    crowded.drain()
    assert crowded.counts() == {"applied": FEW}
    assert sorted(entry["id"] for entry in crowded.writes("Case")) == sorted(ids)


def test_an_org_without_bulk_is_served_by_collections(crowded: Place) -> None:
    """A refused job sends nothing and is not asked for again; the commands travel all the same."""
    crowded.org.ingest(enabled=False)
    crowded.submit(*(update(one, Subject="x") for one in cases(crowded)))
    crowded.drain()
    crowded.org.ingest(enabled=True)
    assert (crowded.counts(), roads(crowded)) == ({"applied": FEW}, {"col"})


@pytest.mark.parametrize(
    "fault",
    [
        {"match": {"method": "PUT", "path": "/batches"}, "do": {"drop": "before"}},
        {"match": {"method": "PUT", "path": "/batches"}, "do": {"drop": "after"}},
        {"match": {"method": "PATCH", "path": "/ingest/"}, "do": {"drop": "before"}},
        {"match": {"method": "PATCH", "path": "/ingest/"}, "do": {"drop": "after"}},
        {"match": {"path": "/successfulResults"}, "do": {"drop": "before"}},
        {"match": {"path": "/failedResults"}, "do": {"cut": 5}},
    ],
    ids=["upload", "uploaded", "closing", "closed", "results", "half a result"],
)
def test_a_lost_reply_is_looked_up_in_the_job(fault: dict[str, Any], crowded: Place) -> None:
    """Wherever a reply of the job is lost, each row is applied once."""
    ids = cases(crowded)
    crowded.submit(*(update(one, Subject="x") for one in ids))
    crowded.org.fault(**fault)
    crowded.drain_patiently(lambda: crowded.counts() == {"applied": FEW})
    assert sorted(entry["id"] for entry in crowded.writes("Case")) == sorted(ids)


def test_a_worker_that_is_lost_leaves_the_job_to_the_next(crowded: Place) -> None:
    """Stopped while the org is at work, it leaves the job, whose results the next one reads."""
    crowded.org.ingest(polls=3)
    ids = cases(crowded)
    crowded.submit(*(update(one, Subject="x") for one in ids))
    stopped = iter([False, False, *[True] * 100])
    crowded.drain(stopping=lambda: next(stopped))
    assert crowded.counts() == {"unclear": FEW}
    crowded.org.ingest(polls=0)
    crowded.drain_patiently(lambda: crowded.counts() == {"applied": FEW})
    assert sorted(entry["id"] for entry in crowded.writes("Case")) == sorted(ids)
    assert len(jobs(crowded)) == 1


def test_what_a_file_cannot_say_travels_otherwise(crowded: Place) -> None:
    """A text that reads as null in a file is written as it is, by a collection."""
    ids = cases(crowded, FEW + 1)
    odd, *plain = ids
    crowded.submit(update(odd, Subject="#N/A"), *(update(one, Subject="x") for one in plain))
    crowded.drain()
    assert (crowded.row("Case", odd) or {})["subject"] == "#N/A"
    assert crowded.counts() == {"applied": FEW + 1}
