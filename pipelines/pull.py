"""Pull: what changed in the org since the watermark comes into the store, page by page."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta

import structlog

from models.run import RunOutcome
from models.sobject import SObject
from models.watermark import Watermark
from pipelines.describes import FRESH, Describes
from pipelines.plan import Plan, Skip, plan_for
from pipelines.walk import Clock, Progress, Stopped, Tally, Walk
from salesforce.client import Client
from salesforce.errors import Drifted, GrantDead
from store import runs, watermarks
from store.engine import Store
from store.errors import StoreError

__all__ = ["Progress", "Pulled", "Puller", "Stopped"]

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


@dataclass(frozen=True, kw_only=True)
class Puller:
    """One account's pulls: the parts, and how far behind now to read again."""

    client: Client
    store: Store
    describes: Describes
    clock: Clock
    settle: timedelta
    owner: str
    on_progress: Callable[[Progress], None] | None = None
    stopping: Callable[[], bool] = lambda: False

    def pull(self, model: type[SObject], *, backfill: bool = False) -> Pulled:
        """Bring one sObject up to now.

        Raises `GrantDead`, `Stopped` and `StoreError`, which concern every object; any other
        trouble is in the result and the run's row.
        """
        now = self.clock()
        with self.store.begin() as tx:
            mark = watermarks.take(tx, model.sobject, owner=self.owner, now=now)
            run_id = runs.start(tx, model.sobject, now=now) if mark else ""
            if mark and backfill:
                watermarks.restart(tx, model.sobject, owner=self.owner)
                mark = Watermark(sobject=model.sobject)
        if mark is None:
            return Pulled(sobject=model.sobject, outcome=None)
        with structlog.contextvars.bound_contextvars(object=model.sobject, run=run_id):
            return self._recorded(model, mark, run_id)

    def _recorded(self, model: type[SObject], mark: Watermark, run_id: str) -> Pulled:
        tally = Tally()
        result = _failed(model, tally, "CRASHED", "broken off")
        try:
            result = self._tried(model, mark, tally)
        except Stopped:
            result = _failed(model, tally, "STOPPED", "stopped by shutdown")
            raise
        except (GrantDead, StoreError) as error:
            result = _failed_by(model, tally, error)
            raise
        except Exception as error:
            # Whatever it is, it concerns this object only: the others are to be read all the same.
            log.debug("pull.broken", object=model.sobject, exc_info=error)
            result = _failed_by(model, tally, error)
        finally:
            self._finish(run_id, result)
        return result

    def _tried(self, model: type[SObject], mark: Watermark, tally: Tally) -> Pulled:
        """Read by the describe we have; if the org refuses a field or object, by a fresh one."""
        try:
            return self._described(model, mark, tally, FRESH)
        except Drifted as error:
            log.info("schema.changed", object=model.sobject, error=str(error))
        with self.store.read() as tx:
            mark = watermarks.read(tx, model.sobject)
        return self._described(model, mark, tally, timedelta(0))

    def _described(
        self, model: type[SObject], mark: Watermark, tally: Tally, max_age: timedelta
    ) -> Pulled:
        try:
            plan = plan_for(model, self.describes.get(model.sobject, max_age=max_age))
        except Skip as reason:
            with self.store.begin() as tx:
                watermarks.skip(tx, model.sobject, str(reason), owner=self.owner, now=self.clock())
            return Pulled(
                sobject=model.sobject, outcome=RunOutcome.SKIPPED, error_message=str(reason)
            )
        walk = Walk(
            plan=plan,
            client=self.client,
            store=self.store,
            clock=self.clock,
            settle=self.settle,
            owner=self.owner,
            on_progress=self.on_progress,
            stopping=self.stopping,
            tally=tally,
        )
        walk.go(self._compared(plan, mark))
        return Pulled(sobject=model.sobject, outcome=RunOutcome.OK, **vars(tally))

    def _compared(self, plan: Plan, mark: Watermark) -> Watermark:
        """Note which fields the org lacks; one that it shows again is read from the beginning."""
        sobject, before, now = plan.model.sobject, mark.missing_fields or (), sorted(plan.missing)
        if sorted(before) == now:
            return mark
        returned = sorted(set(before) - set(now))
        with self.store.begin() as tx:
            watermarks.note_missing(tx, sobject, now, owner=self.owner)
            if returned:
                watermarks.restart(tx, sobject, owner=self.owner)
            mark = watermarks.read(tx, sobject)
        log.info("fields.changed", object=sobject, missing=now, returned=returned)
        return mark

    def _finish(self, run_id: str, result: Pulled) -> None:
        with self.store.begin() as tx:
            runs.finish(
                tx,
                run_id,
                finished_at=self.clock(),
                outcome=result.outcome,
                since=result.since,
                until=result.until,
                pages=result.pages,
                rows_read=result.rows_read,
                rows_written=result.rows_written,
                error_code=result.error_code,
                error_message=result.error_message,
            )
            watermarks.release(tx, result.sobject, owner=self.owner, now=self.clock())
        level = log.info if result.outcome is not RunOutcome.FAILED else log.warning
        level(
            "pull.finished",
            object=result.sobject,
            outcome=result.outcome,
            rows=result.rows_read,
            written=result.rows_written,
            error=result.error_message,
        )


def _failed_by(model: type[SObject], tally: Tally, error: Exception) -> Pulled:
    code = getattr(error, "code", "") or type(error).__name__
    # Drivers go on, in further lines, to quote the values they choked on.
    return _failed(model, tally, code, str(error).partition("\n")[0])


def _failed(model: type[SObject], tally: Tally, code: str, message: str) -> Pulled:
    return Pulled(
        sobject=model.sobject,
        outcome=RunOutcome.FAILED,
        error_code=code,
        error_message=message,
        **vars(tally),
    )
