"""Answers of reports, kept for a moment: who pages, sorts and comes back asks the same again."""

import time
from concurrent.futures import Future
from datetime import datetime
from threading import Lock, Thread
from typing import NamedTuple

import structlog
from sqlalchemy import Connection

from store import reports
from store.engine import Store
from store.errors import StoreError
from store.reports import Column, Conditions
from store.reports.reading import Rows

PAGE = 100
"""Rows of an answer."""
_KEPT = 128  # answers
_FRESH = 10.0  # s
_REST = 30.0  # so many times as long as an answer took, it serves
_OLD = 300.0  # s
_SLOW = 0.02  # s: nobody waits for what takes longer, if an older answer is there

log = structlog.get_logger()


class Answer(NamedTuple):
    """What a report said, as of when, and how long ago it was asked."""

    columns: tuple[Column, ...]
    rows: Rows
    total: int
    fresh: datetime | None
    lacking: tuple[str, ...]
    """Fields that the org hides and its figures hang on."""
    at: float
    took: float

    def is_younger(self, age: float) -> bool:
        """Tell whether it is younger than so many seconds, or so slow that it serves for longer."""
        return time.monotonic() - self.at < max(age, self.took * _REST)

    @property
    def serves(self) -> bool:
        return self.is_younger(_FRESH)


class Question(NamedTuple):
    """One page of a report, under conditions, in an order."""

    name: str
    where: tuple[tuple[str, str], ...]
    order: str | None
    page: int
    tally: str | None
    """A column by which rows are counted, in place of the rows themselves."""


class Answers:
    """The answers of one store; safe to share between threads."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._kept: dict[Question, Answer] = {}
        self._coming: dict[Question, Future[Answer]] = {}
        self._turn = Lock()
        self.shown_for = _OLD
        """Seconds for which a slow answer that has served is shown, while the next is fetched."""

    def get(
        self,
        name: str,
        where: Conditions,
        order: str | None = None,
        page: int = 1,
        *,
        tally: str | None = None,
    ) -> Answer:
        """Ask, unless the answer is known; raises `BadQuestion`, `StoreError`."""
        question = Question(name, tuple(sorted(where)), order, page, tally)
        kept = self._kept.get(question)
        if kept and kept.serves:
            return kept
        if kept is None or kept.took < _SLOW or not kept.is_younger(self.shown_for):
            return self._asked(question)
        if question not in self._coming:
            Thread(target=self._fetch, args=(question,), name="reports", daemon=True).start()
        return kept

    def renew(self, name: str, where: Conditions, *, tally: str | None = None) -> Answer:
        """Give an answer that serves still, before anybody has to wait for it."""
        question = Question(name, tuple(sorted(where)), None, 1, tally)
        kept = self._kept.get(question)
        return kept if kept and kept.serves else self._asked(question)

    def _fetch(self, question: Question) -> None:
        try:
            self._asked(question)
        except StoreError as error:
            log.warning("report.unanswered", report=question.name, why=str(error))

    def _asked(self, question: Question) -> Answer:
        """Ask, or wait for whoever asks the same at this moment."""
        with self._turn:
            coming = self._coming.get(question)
            mine = coming or self._coming.setdefault(question, Future())
        if coming:
            return coming.result()
        try:
            answer = self._ask(question)
        except BaseException as error:
            mine.set_exception(error)
            raise
        else:
            mine.set_result(answer)
            return answer
        finally:
            with self._turn:
                del self._coming[question]

    def _ask(self, question: Question) -> Answer:
        begun = time.monotonic()
        with self._store.read() as tx:
            columns, rows, total = _asked(tx, question)
            fresh = reports.fresh(tx, question.name)
            lacking = tuple(reports.lacking(tx, question.name))
        ended = time.monotonic()
        answer = Answer(columns, rows, total, fresh, lacking, ended, ended - begun)
        with self._turn:
            self._kept.pop(question, None)
            if len(self._kept) >= _KEPT:
                del self._kept[next(iter(self._kept))]
            self._kept[question] = answer
        return answer


def _asked(tx: Connection, question: Question) -> tuple[tuple[Column, ...], Rows, int]:
    """Give columns, one page of rows, and how many rows there are."""
    name, where, page = question.name, question.where, question.page
    if question.tally:
        columns, rows = reports.tally(tx, name, question.tally, where=where)
        return columns, rows, len(rows)
    columns, rows = reports.rows(
        tx, name, where=where, order=question.order, limit=PAGE, offset=(page - 1) * PAGE
    )
    is_all = page == 1 and len(rows) < PAGE
    return columns, rows, len(rows) if is_all else reports.count(tx, name, where=where)
