"""A cycle: all objects that are due, asked five at a time, each five at the price of one API call.

What answers with one page is stored at once; what has more is walked through. Objects without a
watermark, or with a window that a crash left open, go their own way.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from typing import Any

import structlog
from sqlalchemy import Connection

from models.sobject import SObject
from models.watermark import Watermark, Window
from pipelines.pages import Batch, first_batch, page_query
from pipelines.plan import Plan, Skip
from pipelines.pull import Pulled, Puller, done, failed_by, run_values
from pipelines.purpose import Purpose, spending
from pipelines.walk import SECOND, TOO_LARGE, Stopped, Tally, Walk
from salesforce.calls import LONGEST_TARGET, MOST_QUERIES
from salesforce.errors import (
    GrantDead,
    Misconfigured,
    Permanent,
    ProtocolError,
    SalesforceError,
)
from salesforce.values import Page
from store import runs, watermarks
from store.errors import LeaseLost

Results = Iterator[Pulled]

log = structlog.get_logger()


@dataclass(frozen=True, kw_only=True)
class Ask:
    """One object's part of a call: its next window, and the query for that window's first page."""

    model: type[SObject]
    mark: Watermark
    plan: Plan
    window: Window
    text: str
    now: datetime


@dataclass(kw_only=True)
class Cycle:
    """One account's cycles; remembers whether the org refuses `/composite`."""

    puller: Puller
    is_refused: bool = False

    def run(self, models: Sequence[type[SObject]]) -> list[Pulled]:
        """Bring these objects up to now, each in a result; raises what `Puller.pull` raises."""
        road = self.puller.road
        names = [model.sobject for model in models]
        with road.store.begin() as tx:
            marks = watermarks.take_all(tx, names, owner=road.owner, now=road.clock())
        results = [Pulled(sobject=name, outcome=None) for name in names if name not in marks]
        try:
            with (
                self.puller.held(),
                spending(Purpose.PULL),
                road.watch.doing("pull.cycle", objects=len(marks)),
            ):
                ours = [model for model in models if model.sobject in marks]
                for result in self._read(ours, marks):
                    results.append(result)
                    if road.stopping():
                        raise Stopped
        finally:
            with road.store.begin() as tx:
                watermarks.release(tx, *marks, owner=road.owner, now=road.clock())
        return results

    def _read(self, models: Sequence[type[SObject]], marks: Mapping[str, Watermark]) -> Results:
        try:
            asks, alone = self._sorted(models, marks)
        except GrantDead:
            raise
        except SalesforceError as error:  # the org does not even tell the time
            yield from self._failed(models, error)
            return
        for place in range(0, len(asks), MOST_QUERIES):
            group = asks[place : place + MOST_QUERIES]
            quiet: list[tuple[Ask, Batch]] = []
            for ask, answer in zip(group, self._asked(group), strict=True):
                if isinstance(answer, SalesforceError):
                    if _goes_alone(answer):
                        alone.append(ask.model)
                    else:
                        yield self._noted(failed_by(ask.model, Tally(), answer))
                elif answer.final:
                    quiet.append((ask, answer))
                else:
                    yield self._walked(ask, answer)
            yield from self._stored(quiet)
        for model in alone:
            yield self.puller.pull_held(model, marks[model.sobject])

    def _sorted(
        self, models: Sequence[type[SObject]], marks: Mapping[str, Watermark]
    ) -> tuple[list[Ask], list[type[SObject]]]:
        """Tell the objects that may be asked together from those that go alone."""
        asks: list[Ask] = []
        alone: list[type[SObject]] = []
        now = self.puller.road.server_now() if models and not self.is_refused else None
        for model in models:
            ask = now and self._ask(model, marks[model.sobject], now)
            if ask:
                asks.append(ask)
            else:
                alone.append(model)
        return asks, alone

    def _ask(self, model: type[SObject], mark: Watermark, now: datetime) -> Ask | None:
        """Make an object's part of a call; None if it has to go alone."""
        end = now + SECOND
        if mark.since is None or not _is_usual(mark, end):
            return None
        try:
            plan = self.puller.plan(model)
        except (Skip, SalesforceError):
            return None  # alone, it says so in a run of its own
        if plan.needs_care or _differs(plan, mark):
            return None
        window = Window(mark.since, end)
        text = page_query(plan, window, None, size=self.puller.road.page_size)
        if len(text) > LONGEST_TARGET or plan.needs_care:
            return None
        return Ask(model=model, mark=mark, plan=plan, window=window, text=text, now=now)

    def _asked(self, group: Sequence[Ask]) -> Sequence[Batch | SalesforceError]:
        """Send a group's queries as one call; an error of the whole call is each one's."""
        road = self.puller.road
        exact = not road.store.is_sqlite
        try:
            pages = road.client.composite_queries(
                [ask.text for ask in group],
                records=[ask.plan.record(exact=exact) for ask in group],
                include_deleted=True,
            )
        except GrantDead:
            raise
        except SalesforceError as error:
            if _goes_alone(error) and isinstance(error, Permanent) and not self.is_refused:
                self.is_refused = True
                log.warning("cycle.one_by_one", why=f"this org refuses /composite: {error}")
            return [error] * len(group)
        return [
            page if isinstance(page, SalesforceError) else self._batch(ask, page)
            for ask, page in zip(group, pages, strict=True)
        ]

    def _batch(self, ask: Ask, page: Page[Any]) -> Batch | SalesforceError:
        try:
            return first_batch(page, ask.window, size=self.puller.road.page_size)
        except ProtocolError as error:
            return error

    def _walked(self, ask: Ask, first: Batch) -> Pulled:
        """Follow up what has more than a page."""

        def work(tally: Tally) -> Pulled:
            walk = Walk(plan=ask.plan, road=self.puller.road, mark=ask.mark, tally=tally)
            walk.go_on(ask.window, first, ask.now)
            return done(ask.model, tally)

        return self.puller.recorded(ask.model, work)

    def _stored(self, answers: Sequence[tuple[Ask, Batch]]) -> Results:
        """Store answers of one page: what brought rows each by itself, all the others at once."""
        for ask, batch in answers:
            if batch.rows or ask.plan.row_filter:
                yield self.puller.recorded(ask.model, partial(self._whole, ask, batch))
        empty = [ask for ask, batch in answers if not (batch.rows or ask.plan.row_filter)]
        if empty:
            yield from self._closed(empty)

    def _whole(self, ask: Ask, batch: Batch, tally: Tally) -> Pulled:
        walk = Walk(plan=ask.plan, road=self.puller.road, mark=ask.mark, tally=tally)
        walk.whole(ask.window, batch, ask.now)
        return done(ask.model, tally)

    def _closed(self, asks: Sequence[Ask]) -> Results:
        """Close the windows in which nothing happened, and write their runs, in one transaction."""
        road = self.puller.road
        results = []
        with road.store.begin() as tx:
            for ask in asks:
                tally = Tally(pages=1, since=ask.window.since, until=ask.window.until)
                walk = Walk(plan=ask.plan, road=road, mark=ask.mark, tally=tally)
                try:
                    walk.close(tx, ask.window, ask.now)
                except LeaseLost as error:
                    results.append(failed_by(ask.model, tally, error))
                else:
                    results.append(done(ask.model, tally))
            self._write(tx, results)
        yield from results

    def _noted(self, result: Pulled) -> Pulled:
        """Write the run of an object whose query brought an error."""
        with self.puller.road.store.begin() as tx:
            self._write(tx, [result])
        return result

    def _failed(self, models: Sequence[type[SObject]], error: SalesforceError) -> Results:
        results = [failed_by(model, Tally(), error) for model in models]
        with self.puller.road.store.begin() as tx:
            self._write(tx, results)
        yield from results

    def _write(self, tx: Connection, results: Sequence[Pulled]) -> None:
        now = self.puller.road.clock()
        over = {"started_at": now, "finished_at": now}
        found = [{"sobject": one.sobject, **over, **run_values(one)} for one in results]
        runs.record(tx, found)
        names = [result.sobject for result in results]
        watermarks.release(tx, *names, owner=self.puller.road.owner, now=now)
        for result in results:
            self.puller.told(result)


def _is_usual(mark: Watermark, end: datetime) -> bool:
    """Tell whether all since the watermark may be asked for at once, and nothing is left over."""
    if mark.since is None or mark.until or mark.since >= end:
        return False
    return not mark.span or (end - mark.since).total_seconds() <= mark.span


def _differs(plan: Plan, mark: Watermark) -> bool:
    """Tell whether the plan is another than the one that rows were read by."""
    is_other = plan.row_filter != mark.row_filter
    return is_other or sorted(plan.missing) != sorted(mark.missing_fields or ())


def _goes_alone(error: SalesforceError) -> bool:
    """Tell whether the object by itself, and perhaps by a fresh describe, may fare better."""
    if isinstance(error, Misconfigured):  # the login refuses our settings, whatever is asked
        return False
    return isinstance(error, Permanent | ProtocolError) or error.code in TOO_LARGE
