"""Answers of reports: made once for all who ask, kept, and made before anybody asks."""

import re
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from threading import enumerate as enumerate_threads
from typing import Any

import pytest
from sqlalchemy import event
from structlog.testing import capture_logs

from console import warmth
from console.answers import Answer, Answers
from store.engine import Store
from store.reports import CATALOG, BadQuestion, Conditions
from tests.console.browsing import browsing, pull
from tests.pipelines.push.ground import Place
from tests.worker.conftest import eventually

ASKED = re.compile(r"report_(\w+)")


@pytest.fixture
def place(place: Place) -> Place:
    """The usual one, which has read all that its org has."""
    place.app.link_from_settings()
    pull(place)
    return place


def said(lines: Sequence[Mapping[str, Any]], event: str) -> int:
    return sum(line["event"] == event for line in lines)


def nobody_fetches() -> bool:
    return all(one.name != "reports" for one in enumerate_threads())


@contextmanager
def listening(store: Store, *, until: Callable[[], bool] = lambda: True) -> Iterator[Counter[str]]:
    """Count what views are asked, each question held up until it is so."""
    asked = Counter[str]()

    def note(_connection: Any, _cursor: Any, statement: str, *_: Any) -> None:
        if name := ASKED.search(statement):
            asked[name[1]] += 1
            eventually(until)

    event.listen(store.engine, "before_cursor_execute", note)
    try:
        yield asked
    finally:
        event.remove(store.engine, "before_cursor_execute", note)


def test_an_answer_that_has_served_is_shown_while_the_next_is_fetched(
    place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nobody waits twice for what takes long, nor is shown what is old."""
    monkeypatch.setattr("console.answers._FRESH", 0.0)
    monkeypatch.setattr("console.answers._REST", 0.0)
    monkeypatch.setattr("console.answers._SLOW", 0.0)
    answers = Answers(place.app.store)

    def ask() -> Answer:
        return answers.get("open_cases_by", [("dimension", "status")])

    first = ask()
    assert ask() is first
    eventually(lambda: ask() is not first)
    eventually(nobody_fetches)  # whoever asks meanwhile gets the answer that is on its way
    answers.shown_for = 0.0
    assert ask() is not ask()


def test_a_quick_answer_is_never_old(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    """What was asked of an empty store is not shown once the first load is through."""
    monkeypatch.setattr("console.answers._FRESH", 0.0)
    monkeypatch.setattr("console.answers._SLOW", 60.0)
    monkeypatch.setattr("console.answers._REST", 0.0)
    answers = Answers(place.app.store)
    assert answers.get("agents_load", ()) is not answers.get("agents_load", ())


def test_who_asks_the_same_at_once_waits_for_one_answer(
    place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Ten people who open a large desk cost the store one question; what is wrong, all are told."""
    answers, waiting = Answers(place.app.store), list[int]()

    class Awaited(Future[Answer]):
        def result(self, timeout: float | None = None) -> Answer:
            waiting.append(1)
            return super().result(timeout)

    monkeypatch.setattr("console.answers.Future", Awaited)

    def ask(where: Conditions) -> Answer | str:
        try:
            return answers.get("open_cases_by", where)
        except BadQuestion as error:
            return str(error)

    def is_awaited() -> bool:
        return len(waiting) == 9

    with ThreadPoolExecutor(10) as pool, listening(place.app.store, until=is_awaited) as asked:
        good = [*pool.map(ask, [[("dimension", "status")]] * 10)]
        bad = [*pool.map(ask, [[("dimensoin", "status")]] * 10)]
    assert asked == {"open_cases_by": 1}
    assert all(one is good[0] for one in good)
    assert all("dimensoin" in str(one) for one in bad)


def test_the_first_who_looks_does_not_wait(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where a view takes a second, the console has asked it before the page is opened."""
    monkeypatch.setattr("console.answers._FRESH", 3_600.0)  # however slowly pages are opened
    with capture_logs() as lines, listening(place.app.store) as asked, browsing(place) as browser:
        eventually(lambda: said(lines, "console.warmed") == 1)
        assert asked.keys() == CATALOG.keys()
        asked.clear()
        browser.see("/")
        browser.see("/reports")
        for name in CATALOG:
            browser.see(f"/reports/{name}")
    assert asked == {}


def test_what_nobody_foresaw_is_told_and_does_not_end_it(
    place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The round breaks off, the next one comes."""
    monkeypatch.setattr(warmth, "_REST", 0.01)
    monkeypatch.setattr(warmth, "_SHARE", 1)
    told: list[BaseException] = []
    monkeypatch.setattr(place.app.watch, "_report", told.append)
    monkeypatch.setattr(type(place.app), "overview", lambda *_: 1 / 0)
    with warmth.kept(place.app, Answers(place.app.store)):
        eventually(lambda: len(told) > 1)


def test_a_store_that_does_not_answer_is_asked_again(
    place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What is known is shown meanwhile; the console neither dies of it nor asks without end."""
    monkeypatch.setattr(warmth, "_REST", 0.1)
    monkeypatch.setattr(warmth, "_SHARE", 1)
    monkeypatch.setattr("console.answers._FRESH", 0.0)
    monkeypatch.setattr("console.answers._REST", 0.0)
    answers = Answers(place.app.store)
    with (
        capture_logs() as lines,
        listening(place.app.store) as asked,
        warmth.kept(place.app, answers),
    ):
        eventually(lambda: asked["work_orders"] > 0)
        with place.app.store.begin() as tx:
            tx.exec_driver_sql("ALTER TABLE scsync_watermarks RENAME TO away")
        eventually(lambda: said(lines, "console.not_warmed") > 0)
        asked.clear()
        eventually(lambda: said(lines, "console.not_warmed") > 2)
        assert asked == {}
        with place.app.store.begin() as tx:
            tx.exec_driver_sql("ALTER TABLE away RENAME TO scsync_watermarks")
        eventually(lambda: asked["work_orders"] > 0)
