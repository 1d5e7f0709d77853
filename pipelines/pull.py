"""Pull: what changed in the org since the watermark comes into the store, page by page."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta

import structlog

from models.run import RunOutcome
from models.sobject import SObject
from models.watermark import Position, Watermark, Window
from pipelines.describes import FRESH, Describes
from pipelines.pages import Batch, batches
from pipelines.plan import Plan, Skip, plan_for
from salesforce import soql
from salesforce.client import Client
from salesforce.errors import Drifted, GrantDead, ProtocolError, SalesforceError
from store import records, runs, watermarks
from store.engine import Store
from store.errors import LeaseLost

Clock = Callable[[], datetime]

BEGINNING = datetime(1970, 1, 1, tzinfo=UTC)
# Date and SystemModstamp have whole seconds: the second that is running belongs to the window.
_THIS_SECOND = timedelta(seconds=1)

log = structlog.get_logger()


@dataclass(frozen=True)
class Progress:
    """How far a pull has come; `total` is None when nobody counted."""

    sobject: str
    rows: int
    total: int | None


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


class Stopped(Exception):  # noqa: N818 - an order, not an error
    """The process is shutting down: what is stored stands, the rest is read after the restart."""


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

        Raises `GrantDead` and `Stopped`; every other trouble is in the result and the run's row.
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
        return self._recorded(model, mark, run_id)

    def _recorded(self, model: type[SObject], mark: Watermark, run_id: str) -> Pulled:
        result = Pulled(sobject=model.sobject, outcome=RunOutcome.FAILED)
        try:
            result = self._tried(model, mark)
        except GrantDead as error:
            result = _failed(model, error)
            raise
        except Stopped:
            result = replace(result, error_code="STOPPED", error_message="stopped by shutdown")
            raise
        finally:
            self._finish(run_id, result)
        return result

    def _tried(self, model: type[SObject], mark: Watermark) -> Pulled:
        """Read by the describe we have; if the org refuses a field or object, by a fresh one."""
        result = Pulled(sobject=model.sobject, outcome=RunOutcome.FAILED)
        for max_age in (FRESH, timedelta(0)):
            try:
                return self._described(model, mark, max_age)
            except GrantDead:
                raise
            except Drifted as error:
                log.info("schema.changed", object=model.sobject, error=str(error))
                result = _failed(model, error)
                with self.store.read() as tx:
                    mark = watermarks.read(tx, model.sobject)
            except (SalesforceError, LeaseLost) as error:
                return _failed(model, error)
        return result

    def _described(self, model: type[SObject], mark: Watermark, max_age: timedelta) -> Pulled:
        try:
            plan = plan_for(model, self.describes.get(model.sobject, max_age=max_age))
        except Skip as reason:
            with self.store.begin() as tx:
                watermarks.skip(tx, model.sobject, str(reason), owner=self.owner, now=self.clock())
            return Pulled(
                sobject=model.sobject, outcome=RunOutcome.SKIPPED, error_message=str(reason)
            )
        self._note_missing(plan, mark)
        return self._windows(plan, mark)

    def _note_missing(self, plan: Plan, mark: Watermark) -> None:
        if sorted(mark.missing_fields or ()) == sorted(plan.missing):
            return
        with self.store.begin() as tx:
            watermarks.note_missing(tx, plan.model.sobject, sorted(plan.missing), owner=self.owner)
        log.info("fields.missing", object=plan.model.sobject, fields=sorted(plan.missing))

    def _windows(self, plan: Plan, mark: Watermark) -> Pulled:
        """Finish a window that a crash left open, then read on to now."""
        done = Pulled(sobject=plan.model.sobject, outcome=RunOutcome.OK)
        since = mark.since or BEGINNING
        if mark.until:
            left = Window(since, mark.until)
            done = self._window(plan, left, _position(mark), done)
            since = self._settled(left)
        window = Window(since, self._server_now() + _THIS_SECOND)
        with self.store.begin() as tx:
            watermarks.open_window(tx, plan.model.sobject, window, owner=self.owner)
        return self._window(plan, window, None, done)

    def _window(self, plan: Plan, window: Window, after: Position | None, done: Pulled) -> Pulled:
        total = self._count(plan, window, after)
        self._report(done, total)
        exact = not self.store.is_sqlite
        for batch in batches(plan, window, after, client=self.client, exact=exact):
            written = self._store(plan, batch)
            done = replace(
                done,
                pages=done.pages + 1,
                rows_read=done.rows_read + len(batch.rows),
                rows_written=done.rows_written + written,
            )
            self._report(done, total)
            if self.stopping():
                raise Stopped
        with self.store.begin() as tx:
            watermarks.close_window(
                tx,
                plan.model.sobject,
                since=self._settled(window),
                owner=self.owner,
                now=self.clock(),
            )
        return replace(done, since=window.since, until=window.until)

    def _store(self, plan: Plan, batch: Batch) -> int:
        """Store a page and how far it reaches, both or neither."""
        if batch.last is None:
            return 0
        with self.store.begin(relaxed=True) as tx:
            written = records.upsert(
                tx, plan.model, plan.fields, batch.rows, read_at=batch.server_time
            )
            watermarks.advance(
                tx, plan.model.sobject, batch.last, owner=self.owner, now=self.clock()
            )
        log.debug("page.stored", object=plan.model.sobject, rows=len(batch.rows), written=written)
        return written

    def _settled(self, window: Window) -> datetime:
        """Where the next window starts: late commits bear stamps from before their commit."""
        return max(window.since, window.until - _THIS_SECOND - self.settle)

    def _server_now(self) -> datetime:
        """Ask for the server's time by a call that costs nothing of the budget."""
        self.client.versions()
        now = self.client.server_time()
        if now is None:
            raise ProtocolError("the answer bears no Date", code="NO_DATE")
        return now

    def _count(self, plan: Plan, window: Window, after: Position | None) -> int | None:
        """Count what lies ahead, where somebody watches and it may be much."""
        if self.on_progress is None or window.since > BEGINNING:
            return None
        where = soql.keyset(window.since, window.until, after)
        return self.client.query_page(plan.count(where), include_deleted=True).total_size

    def _report(self, done: Pulled, total: int | None) -> None:
        if self.on_progress:
            self.on_progress(Progress(done.sobject, done.rows_read, total))

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


def _position(mark: Watermark) -> Position | None:
    if mark.position_stamp is None or mark.position_id is None:
        return None
    return Position(mark.position_stamp, mark.position_id)


def _failed(model: type[SObject], error: Exception) -> Pulled:
    return Pulled(
        sobject=model.sobject,
        outcome=RunOutcome.FAILED,
        error_code=getattr(error, "code", type(error).__name__) or type(error).__name__,
        error_message=str(error),
    )
