"""What a submission costs: few statements, and no more memory for a longer file."""

import json
import tracemalloc
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from sqlalchemy import event

from pipelines import chunks as spooling
from pipelines import receipts as telling
from pipelines.intake import CHUNK
from store import outbox
from tests.pipelines.push.ground import Place, create, update
from tests.pipelines.push.test_submit_file import case_id, forget, submit_lines


@contextmanager
def counted(place: Place, statements: list[str]) -> Iterator[None]:
    """Listen to what is asked of the database by way of SQLAlchemy."""

    def listen(*arguments: Any) -> None:
        statements.append(arguments[2])

    engine = place.app.store.engine
    event.listen(engine, "before_cursor_execute", listen)
    try:
        yield
    finally:
        event.remove(engine, "before_cursor_execute", listen)


def in_memory(most: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Have what is more than so many bytes go into a file."""
    for module in (spooling, telling):
        monkeypatch.setattr(module, "IN_MEMORY", most)


@pytest.mark.parametrize("kind", ["updates", "keyed", "references"])
def test_statements_are_counted_by_the_chunk(kind: str, place: Place) -> None:
    """Three chunks take three times as many as one, however many commands they hold."""
    _ = place.app.client  # linked first: what that asks of the database is not the submission's
    told = []
    for chunks in (1, 3):
        statements: list[str] = []
        lines = [json.dumps(one) for one in of_a_kind(kind, chunks * CHUNK)]
        with counted(place, statements):
            submit_lines(place, *lines)
        told.append(len(statements))
        forget(place)
    assert told[0] < 30
    assert told[1] <= 3 * told[0]


def of_a_kind(kind: str, number: int) -> Iterator[dict[str, Any]]:
    for n in range(number):
        if kind == "updates":
            yield update(case_id(n), Subject=f"case {n}")
        elif kind == "keyed":
            yield {**create(Subject=f"case {n}", Origin="Web"), "idempotency_key": f"key {n}"}
        else:
            named = f"0b0e8a3e-9a4c-4a55-8c1e-{n - n % 2:012x}"
            parent = {**create(Subject=f"case {n}", Origin="Web"), "id": named}
            comment = {"ParentId": {"$command": named}, "CommentBody": "x"}
            yield {"op": "create", "sobject": "CaseComment", "fields": comment} if n % 2 else parent


def test_memory_does_not_grow_with_the_file(small: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    """Five chunks need about as much as two: lines, rows and receipts are let go."""
    in_memory(1 << 12, monkeypatch)
    peaks = []
    for chunks in (2, 2, 5):  # the first fills what is kept for good
        lines = map(json.dumps, of_a_kind("updates", chunks * CHUNK))
        tracemalloc.start()
        with small.app.desk.submit_lines(lines) as receipts:
            assert sum(1 for _ in receipts) == chunks * CHUNK
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
        forget(small)
    assert peaks[2] < 1.25 * peaks[1]


def test_what_is_in_memory_goes_into_a_file(small: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    """It makes no difference, nor does asking for the receipts again."""
    in_memory(1, monkeypatch)
    lines = [json.dumps(update(case_id(n), Subject="é")) for n in range(10)]
    with small.app.desk.submit_lines(lines) as receipts:
        assert list(receipts) == list(receipts)
        assert (receipts.total, receipts.repeated) == (10, 0)
    assert small.counts() == {"pending": 10}


def test_progress_is_told_by_the_chunk(small: Place) -> None:
    """First how many are checked, then how many of them are stored."""
    told: list[telling.Progress] = []
    number = CHUNK + 1
    lines = map(json.dumps, of_a_kind("updates", number))
    with small.app.desk.submit_lines(lines, report=told.append):
        pass
    first = CHUNK
    assert told == [(first, 0), (number, 0), (number, first), (number, number)]


def test_a_large_submission_is_counted_by_postgresql_at_once(
    place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Once, at its end, and not where a few are added; SQLite plans without figures."""
    monkeypatch.setattr(outbox, "_MANY", 50)
    statements: list[str] = []
    with counted(place, statements):
        submit_lines(place, *map(json.dumps, of_a_kind("updates", 49)))
        few = statements.count("ANALYZE scsync_commands")
        submit_lines(place, *map(json.dumps, of_a_kind("updates", 50)))
    many = statements.count("ANALYZE scsync_commands")
    assert (few, many) == (0, 0 if place.app.store.is_sqlite else 1)
