"""Backfills: an sObject read from the beginning, in slices that any number of workers share.

By Bulk API 2.0 where it pays: one job, whose result pages are the slices. Where Bulk is refused,
by REST in ranges of Ids. One worker prepares, all read, and whoever finds the last slice done looks
whether the sum is right. Rows are as of the job's begin, so nothing newer is ever overwritten.
"""

import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta

import structlog
from sqlalchemy import Connection

from models.backfill import Backfill, BackfillMode, BackfillState
from models.finding import FindingKind
from models.sobject import SObject
from models.watermark import Watermark
from pipelines import ranges
from pipelines.describes import Describes
from pipelines.health import STUCK
from pipelines.keeper import EVERY, kept
from pipelines.plan import Plan, Skip
from pipelines.purpose import Purpose, spending
from pipelines.slices import JobGone, Misread, Slices
from pipelines.walk import Progress, Road, Stopped, Tally
from salesforce import soql
from salesforce.bulk import QueryJob
from salesforce.errors import (
    Drifted,
    GrantDead,
    LimitExceeded,
    NotFound,
    Permanent,
    SalesforceError,
    TooMuch,
)
from store import backfills, findings
from store.backfills import Span

MOST_JOBS = 3
"""Bulk jobs made for one backfill before REST reads it."""
RANGE = 20_000
"""About how many records a range of Ids is to hold."""
_RANGES = (4, 500)
_POLL = (0.2, 5.0)  # s: between looks at a job, growing

log = structlog.get_logger()


class _Failed(Exception):  # noqa: N818 - read at the call site
    """A job came to nothing: another may do better."""


@dataclass(frozen=True, kw_only=True)
class Backfiller:
    """One account's backfills, as one worker takes part in them."""

    road: Road
    describes: Describes
    above: int
    """Rows from which on an sObject is read in slices."""
    page_records: int = 50_000
    stuck_after: timedelta = STUCK
    """How long a job may show no progress."""

    def wanted(self, plan: Plan, mark: Watermark, *, asked: bool) -> str | None:
        """Say why this object is to be read in slices; None: windows will do."""
        with self.road.store.read() as tx:
            known = backfills.get(tx, plan.model.sobject)
        if known and known.state != BackfillState.DONE and (asked or mark.since is None):
            return known.reason
        if mark.until is not None or not (asked or mark.since is None):
            return None
        with spending(Purpose.BACKFILL, plan.model.sobject):
            total = self._count(plan)
        if total is not None and total <= self.above:
            return None
        return "asked for" if asked else "first load"

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
        sobject = plan.model.sobject
        with self.road.store.begin() as tx:
            known = backfills.get(tx, sobject)
            if known is None or known.state == BackfillState.DONE:
                backfills.plan(tx, sobject, reason, now=self.road.clock())
        with spending(Purpose.BACKFILL, sobject), kept(lambda: self._renew(sobject), EVERY):
            while True:
                found = self._step(plan, tally, on_progress)
                if found.state == BackfillState.DONE and found.started_at:
                    return found.started_at
                if stopping():
                    raise Stopped
                time.sleep(_POLL[0])

    def join(self, model: type[SObject]) -> None:
        """Work slices of a backfill that is planned or under way, until none is free."""
        sobject = model.sobject
        with self.road.store.read() as tx:
            if sobject not in backfills.unfinished(tx):
                return
        with spending(Purpose.BACKFILL, sobject), kept(lambda: self._renew(sobject), EVERY):
            try:
                plan = self.describes.plan(model)
            except Skip as reason:
                log.info("backfill.skipped", object=sobject, reason=str(reason))
                return
            self._step(plan, Tally(), None)

    def _renew(self, sobject: str) -> None:
        with self.road.store.begin() as tx:
            backfills.renew(tx, sobject, owner=self.road.owner, now=self.road.clock())

    def _step(
        self, plan: Plan, tally: Tally, on_progress: Callable[[Progress], None] | None
    ) -> Backfill:
        """Prepare if nobody has, work slices until none is free, finish if none is left."""
        sobject = plan.model.sobject
        found = self._prepared(plan)
        if found.state != BackfillState.RUNNING:
            return found
        slices = Slices(road=self.road, plan=plan, backfill=found, page_records=self.page_records)
        try:
            slices.work(tally, on_progress)
        except JobGone as error:
            return self._over_again(plan, found, str(error))
        except Misread as error:
            return self._over_again(plan, found, str(error), mode=BackfillMode.REST)
        with self.road.store.read() as tx:
            at = backfills.progress(tx, sobject)
        return self._finished(plan) if at.done == at.slices else found

    def _prepared(self, plan: Plan) -> Backfill:
        """Lead the preparation, unless it is done or somebody else leads."""
        sobject, owner = plan.model.sobject, self.road.owner
        with self.road.store.begin() as tx:
            found = self._known(tx, sobject)
            if found.state != BackfillState.PLANNED:
                return found
            led = backfills.lead(tx, sobject, owner=owner, now=self.road.clock())
        if led is None:
            return found
        try:
            self._prepare(plan, led)
        finally:
            with self.road.store.begin() as tx:
                backfills.follow(tx, sobject, owner=owner)
        with self.road.store.read() as tx:
            return self._known(tx, sobject)

    def _prepare(self, plan: Plan, found: Backfill) -> None:
        if found.started_at is None:
            started_at, total = self.road.server_now(), self._count(plan)
            self._note(plan, started_at=started_at, total=total)
            found = found.model_copy(update={"started_at": started_at, "total": total})
        why = self._why_not_bulk(plan, found)
        if why is None:
            try:
                found = self._with_job(plan, found)
                self._by_bulk(plan, found)
            except _Failed as error:
                self._over_again(plan, found, str(error))
            except Drifted:
                raise
            except Permanent as error:
                why = f"Bulk refused: {error}"
                self._say_refused(plan, why)
        if why:
            self._by_rest(plan, found, why)

    def _why_not_bulk(self, plan: Plan, found: Backfill) -> str | None:
        if found.mode == BackfillMode.REST:
            return found.mode_reason or "Bulk was of no use"
        if found.total is not None and found.total <= self.above:
            return "few rows"
        if plan.needs_care:
            return "some values go to extra, which Bulk cannot tell"
        return f"{found.jobs} Bulk jobs came to nothing" if found.jobs >= MOST_JOBS else None

    def _with_job(self, plan: Plan, found: Backfill) -> Backfill:
        """Have one job make the result, unless one does already."""
        sobject = plan.model.sobject
        if found.job_id:
            return found
        query = soql.select(plan.asked, sobject, where=plan.scoped("") or None)
        job_id = self.road.client.create_query_job(query, include_deleted=True).id
        self._note(plan, job_id=job_id, job_moved_at=self.road.clock())
        log.info("bulk.job_created", object=sobject, job=job_id)
        return found.model_copy(update={"job_id": job_id})

    def _by_bulk(self, plan: Plan, found: Backfill) -> None:
        """Lay out the pages of the job's result."""
        sobject, job_id = plan.model.sobject, str(found.job_id)
        job = self._completed(plan, job_id)
        pages = self._pages(job)
        mode = BackfillMode.CHAINED if pages is None else BackfillMode.BULK
        with self.road.store.begin() as tx:
            self._lead_note(tx, sobject, job_records=job.number_records_processed)
            backfills.share(tx, sobject, mode, pages or [Span()], owner=self.road.owner)
            findings.clear(tx, sobject, FindingKind.BULK_REFUSED, now=self.road.clock())
        log.info("bulk.job_complete", object=sobject, job=job_id, pages=len(pages or [1]))

    def _completed(self, plan: Plan, job_id: str) -> QueryJob:
        """Wait for a job as long as it gets on; raises when it fails or stands still."""
        pause, moved_at = _POLL[0], time.monotonic()
        seen: tuple[str, int | None] | None = None
        while True:
            try:
                job = self.road.client.query_job(job_id)
            except NotFound as error:
                raise _Failed(f"job {job_id} is gone: {error}") from error
            if job.is_complete:
                return job
            if job.is_over:
                raise _Failed(f"job {job_id}: {job.state}: {job.error_message or 'no reason'}")
            now = (job.state, job.number_records_processed)
            if now != seen:
                seen, moved_at = now, time.monotonic()
                self._note(plan, job_moved_at=self.road.clock())
            if time.monotonic() - moved_at > self.stuck_after.total_seconds():
                self.road.client.abort_query_job(job_id)
                raise _Failed(f"job {job_id}: no progress for {self.stuck_after}: aborted")
            if self.road.stopping():
                raise Stopped
            time.sleep(pause)
            pause = min(pause * 1.5, _POLL[1])

    def _pages(self, job: QueryJob) -> list[Span] | None:
        """List the result pages that may be read side by side; None where the org has no list."""
        spans: list[Span] = []
        url: str | None = None
        while True:
            try:
                found = self.road.client.result_pages(job.id, url)
            except Permanent as error:
                log.info("bulk.one_by_one", job=job.id, why=str(error))
                return None
            spans += [Span(locator=locator) for locator in found.locators]
            url = found.next_url
            if url is None:
                return spans if found.done else None

    def _by_rest(self, plan: Plan, found: Backfill, why: str | None) -> None:
        sobject = plan.model.sobject
        first, last = self._end(plan, "Id"), self._end(plan, "Id DESC")
        least, most = _RANGES
        parts = min(max((found.total or RANGE * most) // RANGE, least), most)
        spans = (
            [
                Span(after_id=after, until_id=until)
                for after, until in ranges.between(first, last, parts)
            ]
            if first and last
            else []
        )
        with self.road.store.begin() as tx:
            self._lead_note(tx, sobject, mode_reason=why)
            backfills.share(tx, sobject, BackfillMode.REST, spans, owner=self.road.owner)
        log.info("backfill.by_rest", object=sobject, why=why, ranges=len(spans))

    def _end(self, plan: Plan, order: str) -> str | None:
        query = soql.select(
            ["Id"], plan.model.sobject, where=plan.scoped("") or None, order_by=[order], limit=1
        )
        found = self.road.client.query_page(query, include_deleted=True).records
        return str(found[0]["Id"]) if found else None

    def _count(self, plan: Plan) -> int | None:
        """Count what there is; None: too much to count."""
        query = soql.count(plan.model.sobject, where=plan.scoped("") or None)
        try:
            return self.road.client.query_page(query, include_deleted=True).total_size
        except TooMuch:
            return None
        except SalesforceError as error:
            if error.code != "READ_TIMEOUT":
                raise
            return None

    def _finished(self, plan: Plan) -> Backfill:
        """Close a backfill whose slices are all done, if they hold what the job counted."""
        sobject, owner = plan.model.sobject, self.road.owner
        with self.road.store.begin() as tx:
            found = backfills.lead(tx, sobject, owner=owner, now=self.road.clock())
            at = backfills.progress(tx, sobject)
            if found is None or found.state != BackfillState.RUNNING or at.done != at.slices:
                backfills.follow(tx, sobject, owner=owner)
                return self._known(tx, sobject)
        expected = found.job_records if found.mode != BackfillMode.REST else None
        if expected is not None and at.rows != expected:
            why = f"the pages hold {at.rows:,} records, the job processed {expected:,}"
            return self._over_again(plan, found, why)
        if found.job_id:
            self._clear_away(found.job_id)
        with self.road.store.begin() as tx:
            backfills.finish(tx, sobject, owner=owner, now=self.road.clock())
            log.info("backfill.finished", object=sobject, rows=at.rows, mode=found.mode)
            return self._known(tx, sobject)

    def _over_again(
        self, plan: Plan, found: Backfill, why: str, *, mode: BackfillMode | None = None
    ) -> Backfill:
        """Void what was shared: the next step reads it by another job, or by REST."""
        sobject, owner = plan.model.sobject, self.road.owner
        log.warning("backfill.over_again", object=sobject, why=why)
        with self.road.store.begin() as tx:
            now = self.road.clock()
            led = backfills.lead(tx, sobject, owner=owner, now=now)
            if led and (led.job_id, led.jobs) == (found.job_id, found.jobs):
                backfills.restart(tx, sobject, owner=owner, mode=mode, reason=mode and why)
        if found.job_id:
            self._clear_away(found.job_id)
        with self.road.store.read() as tx:
            return self._known(tx, sobject)

    def _clear_away(self, job_id: str) -> None:
        """Delete a job at the org; one that stays is deleted by the org itself after a week."""
        try:
            self.road.client.delete_query_job(job_id)
        except (GrantDead, LimitExceeded):
            raise
        except SalesforceError as error:
            log.info("bulk.job_left", job=job_id, why=str(error))

    def _known(self, tx: Connection, sobject: str) -> Backfill:
        found = backfills.get(tx, sobject)
        if found is None:
            raise LookupError(f"no backfill of {sobject} is planned")
        return found

    def _note(self, plan: Plan, **values: object) -> None:
        with self.road.store.begin() as tx:
            self._lead_note(tx, plan.model.sobject, **values)

    def _lead_note(self, tx: Connection, sobject: str, **values: object) -> None:
        backfills.note(tx, sobject, owner=self.road.owner, **values)

    def _say_refused(self, plan: Plan, why: str) -> None:
        sobject = plan.model.sobject
        message = f"{why}; it is read by REST, which costs a call for every 2,000 rows"
        with self.road.store.begin() as tx:
            findings.raise_(tx, sobject, FindingKind.BULK_REFUSED, message, now=self.road.clock())
