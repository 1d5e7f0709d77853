"""Pull: what changed in the org since the watermark comes into the store, page by page."""

from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Protocol

import structlog

from models.run import RunOutcome
from models.sobject import SObject
from models.watermark import Watermark, Window
from pipelines import health
from pipelines.budget import Held
from pipelines.describes import FRESH, Describes
from pipelines.keeper import EVERY, kept
from pipelines.plan import Plan, Skip
from pipelines.purpose import Purpose, spending
from pipelines.walk import BEGINNING, SECOND, Progress, Road, Stopped, Tally, Walk
from salesforce.errors import (
    Drifted,
    GrantDead,
    MalformedQuery,
    Misconfigured,
    NotFound,
    SalesforceError,
)
from store import records, runs, watermarks
from store.errors import StoreError

__all__ = ["Backfills", "Progress", "Pulled", "Puller", "Stopped"]

log = structlog.get_logger()


@dataclass(frozen=True, kw_only=True)
class Pulled:
    """What one pull of one sObject did; `outcome` None: another process was at it."""

    sobject: str
    outcome: RunOutcome | None
    pages: int = 0
    rows_read: int = 0
    rows_written: int = 0
    since: datetime | None = None
    until: datetime | None = None
    error_code: str | None = None
    error_message: str | None = None


class Backfills(Protocol):
    """Who reads an object from the beginning when it is large."""

    def wanted(self, plan: Plan, mark: Watermark, *, asked: bool) -> str | None:
        """Say why this object is to be read in slices; None: windows will do."""

    def run(
        self,
        plan: Plan,
        *,
        reason: str,
        tally: Tally,
        on_progress: Callable[[Progress], None] | None,
        stopping: Callable[[], bool],
    ) -> datetime:
        """Read it all, with whoever else does; give the org's time before the first query."""


@dataclass(frozen=True, kw_only=True)
class Puller:
    """One account's pulls: the parts, the road they take, and who reads what is large."""

    road: Road
    describes: Describes
    backfills: Backfills | None = None

    def pull(self, model: type[SObject], *, backfill: bool = False) -> Pulled:
        """Bring one sObject up to now.

        Raises `GrantDead`, `Stopped` and `StoreError`, which concern every object; any other
        trouble is in the result and the run's row.
        """
        now = self.road.clock()
        with self.road.store.begin() as tx:
            mark = watermarks.take(tx, model.sobject, owner=self.road.owner, now=now)
        if mark is None:
            return Pulled(sobject=model.sobject, outcome=None)
        with self.held():
            return self.pull_held(model, mark, backfill=backfill)

    def pull_held(self, model: type[SObject], mark: Watermark, *, backfill: bool = False) -> Pulled:
        """Bring one sObject up to now whose right to read is ours already, and give it back."""
        return self.recorded(
            model, lambda tally: self._tried(model, mark, tally, backfill=backfill)
        )

    def recorded(self, model: type[SObject], work: Callable[[Tally], Pulled]) -> Pulled:
        """Do a pull's work inside a run, and give the right to read back, however it ends."""
        with self.road.store.begin() as tx:
            run_id = runs.start(tx, model.sobject, now=self.road.clock())
        with (
            structlog.contextvars.bound_contextvars(object=model.sobject, run=run_id),
            spending(Purpose.PULL, model.sobject),
            self.road.watch.doing("pull.object", object=model.sobject) as deed,
        ):
            result = self._ended(model, run_id, work)
            deed.add(outcome=str(result.outcome), rows=result.rows_read)
            return result

    def held(self) -> AbstractContextManager[None]:
        """Keep all that we read ours while the context is open."""
        return kept(self._renew, EVERY)

    def plan(self, model: type[SObject], *, max_age: timedelta = FRESH) -> Plan:
        """Say what to ask for; raises `Skip` when there is nothing to read."""
        return self.describes.plan(model, max_age=max_age, adopt=True)

    def _renew(self) -> None:
        with self.road.store.begin() as tx:
            watermarks.renew(tx, owner=self.road.owner, now=self.road.clock())

    def _ended(self, model: type[SObject], run_id: str, work: Callable[[Tally], Pulled]) -> Pulled:
        tally = Tally()
        result = failed(model, tally, "CRASHED", "broken off")
        try:
            result = work(tally)
        except Stopped:
            result = failed(model, tally, "STOPPED", "stopped by shutdown")
            raise
        except (GrantDead, StoreError) as error:
            result = failed_by(model, tally, error)
            raise
        except Exception as error:
            # Whatever it is, it concerns this object only: the others are to be read all the same.
            log.debug("pull.broken", object=model.sobject, exc_info=error)
            if not isinstance(error, SalesforceError):
                self.road.watch.unforeseen(error)
            result = failed_by(model, tally, error)
        finally:
            self._finish(run_id, result)
        return result

    def _tried(
        self, model: type[SObject], mark: Watermark, tally: Tally, *, backfill: bool
    ) -> Pulled:
        """Read by the describe we have; if the org refuses a field or object, by a fresh one."""
        try:
            return self._described(model, mark, tally, FRESH, backfill=backfill)
        except (Drifted, NotFound) as error:
            log.info("schema.changed", object=model.sobject, error=str(error))
        with self.road.store.read() as tx:
            mark = watermarks.read(tx, model.sobject)
        return self._described(model, mark, tally, timedelta(0), backfill=backfill)

    def _described(
        self,
        model: type[SObject],
        mark: Watermark,
        tally: Tally,
        max_age: timedelta,
        *,
        backfill: bool,
    ) -> Pulled:
        try:
            plan = self.plan(model, max_age=max_age)
        except Skip as reason:
            return self.skip(model, reason)
        try:
            mark = self._filtered(plan, self.compared(plan, mark))
            mark = self._begun(plan, mark, tally, backfill=backfill)
            self._walked(plan, mark, tally)
        except (MalformedQuery, Drifted) as error:
            if plan.row_filter and (isinstance(error, MalformedQuery) or not max_age):
                raise _bad_filter(plan, error) from error
            raise
        return done(model, tally)

    def _walked(self, plan: Plan, mark: Watermark, tally: Tally) -> None:
        """Walk on; a walk from the beginning that brings nothing where much was stored is odd."""
        from_beginning = mark.since is None and mark.until is None
        held = self._live(plan.model) if from_beginning else 0
        Walk(plan=plan, road=self.road, mark=mark, tally=tally).go()
        if from_beginning:
            sobject, now = plan.model.sobject, self.road.clock()
            with self.road.store.begin() as tx:
                health.note_zero(tx, sobject, read=tally.rows_read, held=held, now=now)

    def _live(self, model: type[SObject]) -> int:
        with self.road.store.read() as tx:
            return records.count(tx, model)[0]

    def _filtered(self, plan: Plan, mark: Watermark) -> Watermark:
        """Follow a row filter that was changed: mark who is out by it, and have the others read."""
        sobject = plan.model.sobject
        if mark.row_filter == plan.row_filter:
            return mark
        everything = Window(BEGINNING, self.road.server_now() + SECOND)
        for hook in self.road.on_window:
            hook(plan, everything)
        with self.road.store.begin() as tx:
            watermarks.note_filter(tx, sobject, plan.row_filter, owner=self.road.owner)
            if mark.since:
                watermarks.restart(tx, sobject, owner=self.road.owner)
            mark = watermarks.read(tx, sobject)
        log.info("filter.changed", object=sobject, where=plan.row_filter)
        return mark

    def skip(self, model: type[SObject], reason: Skip) -> Pulled:
        """Note why there is nothing to read; what the store holds stays."""
        now = self.road.clock()
        with self.road.store.begin() as tx:
            watermarks.skip(tx, model.sobject, str(reason), owner=self.road.owner, now=now)
        return Pulled(sobject=model.sobject, outcome=RunOutcome.SKIPPED, error_message=str(reason))

    def _begun(self, plan: Plan, mark: Watermark, tally: Tally, *, backfill: bool) -> Watermark:
        """Read from the beginning what is to be read so; give the watermark to walk on from."""
        sobject, owner = plan.model.sobject, self.road.owner
        reason = self.backfills and self.backfills.wanted(plan, mark, asked=backfill)
        if self.backfills and reason:
            began = self.backfills.run(
                plan,
                reason=reason,
                tally=tally,
                on_progress=self.road.on_progress,
                stopping=self.road.stopping,
            )
            if mark.since is None:
                settle = timedelta(seconds=mark.settle or 0)
                since = began - max(settle, self.road.settle)
                with self.road.store.begin() as tx:
                    now = self.road.clock()
                    watermarks.begin_at(tx, sobject, since, owner=owner, now=now)
                    return watermarks.read(tx, sobject)
            return mark
        if not backfill:
            return mark
        with self.road.store.begin() as tx:
            watermarks.restart(tx, sobject, owner=owner)
            return watermarks.read(tx, sobject)

    def compared(self, plan: Plan, mark: Watermark) -> Watermark:
        """Note which fields the org lacks; those shown again come by a backfill, or all over."""
        sobject, before, now = plan.model.sobject, mark.missing_fields or (), sorted(plan.missing)
        if sorted(before) == now:
            return mark
        returned = sorted(set(before) - set(now))
        with self.road.store.begin() as tx:
            watermarks.note_missing(tx, sobject, now, owner=self.road.owner)
            if returned and self.backfills is None:
                watermarks.restart(tx, sobject, owner=self.road.owner)
            mark = watermarks.read(tx, sobject)
        log.info("fields.changed", object=sobject, missing=now, returned=returned)
        return mark

    def _finish(self, run_id: str, result: Pulled) -> None:
        now = self.road.clock()
        with self.road.store.begin() as tx:
            runs.finish(tx, run_id, finished_at=now, **run_values(result))
            watermarks.release(tx, result.sobject, owner=self.road.owner, now=now)
        self.told(result)

    def told(self, result: Pulled) -> None:
        """Log how a pull ended, and count it."""
        say(result)
        count, sobject = self.road.watch.count, result.sobject
        count("pulls", object=sobject, outcome=str(result.outcome))
        count("rows_read", result.rows_read, object=sobject)
        count("rows_written", result.rows_written, object=sobject)


def run_values(result: Pulled) -> dict[str, object]:
    """Give a result as the columns of its run."""
    return {name: value for name, value in vars(result).items() if name != "sobject"}


def say(result: Pulled) -> None:
    """Log how a pull ended."""
    level = log.warning if result.outcome is RunOutcome.FAILED else log.info
    level(
        "pull.finished",
        object=result.sobject,
        outcome=result.outcome,
        rows=result.rows_read,
        written=result.rows_written,
        error=result.error_message,
    )


def _reason(error: SalesforceError) -> str:
    """Give the line that says why: those before it quote the query, and mark the place."""
    lines = [line.strip() for line in error.message.splitlines() if line.strip()]
    return lines[-1] if lines else error.code


def done(model: type[SObject], tally: Tally) -> Pulled:
    """Tell of a pull that ended well."""
    return Pulled(sobject=model.sobject, outcome=RunOutcome.OK, **vars(tally))


def _bad_filter(plan: Plan, error: SalesforceError) -> Misconfigured:
    return Misconfigured(
        f"[objects.{plan.model.sobject}] where = {plan.row_filter!r}: {_reason(error)}",
        code="ROW_FILTER",
        remedy="Write a SOQL condition, as it stands after WHERE.",
    )


def failed_by(model: type[SObject], tally: Tally, error: Exception) -> Pulled:
    """Tell of a pull that this error ended."""
    code = getattr(error, "code", "") or type(error).__name__
    result = failed(model, tally, code, _in_a_line(error))
    return replace(result, outcome=RunOutcome.HELD) if isinstance(error, Held) else result


def _in_a_line(error: Exception) -> str:
    if isinstance(error, SalesforceError):
        return " ".join(str(error).split())  # of a query it quotes the text, mark and reason below
    # Drivers go on, in further lines, to quote the values they choked on.
    return str(error).partition("\n")[0]


def failed(model: type[SObject], tally: Tally, code: str, message: str) -> Pulled:
    return Pulled(
        sobject=model.sobject,
        outcome=RunOutcome.FAILED,
        error_code=code,
        error_message=message,
        **vars(tally),
    )
