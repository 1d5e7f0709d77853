"""The clock: APScheduler says when; exactly one process acts; jobs only ring bells."""

from collections.abc import Callable
from datetime import datetime, timedelta

import redis
import structlog
from apscheduler.schedulers.background import BackgroundScheduler

from models.linked_account import AccountState
from models.watermark import Watermark
from salesforce.errors import SalesforceError
from store import accounts, leases, runs, watermarks
from store.errors import StoreError
from worker.actors import Actors
from worker.app import App
from worker.bells import Bells

TICK = 1.0  # s: how long a due pull or an unannounced command may wait to be noticed
LEASE = timedelta(seconds=10)
UNANSWERED = timedelta(minutes=2)
"""How long a pull that was asked for may wait for a worker before it is asked for again."""
KEEP_RUNS = timedelta(days=30)
_LEASE_NAME = "scheduler"

log = structlog.get_logger()


class Schedule:
    """Pull cycles, the sweep of the outbox, housekeeping."""

    def __init__(self, app: App, actors: Actors) -> None:
        self._app = app
        self._actors = actors
        self._bells = Bells(app)
        self._owner = app.holder()
        self._leading: bool | None = None
        self._alive: bool | None = None
        self._scheduler = BackgroundScheduler(
            timezone="UTC",
            job_defaults={"coalesce": True, "max_instances": 1, "misfire_grace_time": 30},
        )

    def start(self) -> None:
        for job, seconds in (
            (self.cycle, TICK),
            (self.sweep, TICK),
            (self.tidy, 3600.0),
        ):
            self._scheduler.add_job(self.run, "interval", (job,), seconds=seconds)
        self._scheduler.start()
        log.info("scheduler.started", objects=len(self._app.models))

    def run(self, job: Callable[[], None]) -> None:
        """Run a job if this process leads; trouble is one line, and the next tick tries again."""
        try:
            if self._leads():
                job()
        except (StoreError, SalesforceError) as error:
            log.error("schedule.held_up", job=job.__name__, error=str(error))
        except redis.RedisError as error:
            log.error("schedule.held_up", job=job.__name__, error=f"Redis: {error}")

    def stop(self) -> None:
        """Stop, and let the next one lead at once."""
        self._scheduler.shutdown(wait=False)
        if self._leading:
            try:
                with self._app.store.begin() as tx:
                    leases.drop(tx, _LEASE_NAME, owner=self._owner)
            except StoreError as error:
                log.warning("scheduler.lease_left", error=str(error))

    def cycle(self) -> None:
        """Ask for a pull of every sObject that is due."""
        if not self._may_call():
            return
        now = self._app.clock()
        with self._app.store.read() as tx:
            marks = watermarks.every(tx)
        for model in self._app.models:
            if self._due(model.sobject, marks.get(model.sobject), now):
                self._ring(model.sobject, now)

    def sweep(self) -> None:
        """Announce commands that nobody has announced."""
        if self._may_call():
            self._bells.sweep(self._actors.push.send)

    def tidy(self) -> None:
        """Forget old runs."""
        with self._app.store.begin() as tx:
            forgotten = runs.forget(tx, self._app.clock() - KEEP_RUNS)
        if forgotten:
            log.info("runs.forgotten", runs=forgotten)

    def _may_call(self) -> bool:
        """Tell whether the account lives: a dead grant is said once and rests."""
        with self._app.store.read() as tx:
            account = accounts.get(tx, self._app.name)
        alive = account is not None and account.state == AccountState.LINKED
        if alive != self._alive:
            say = log.info if alive else log.error
            reason = account.reason if account else "not linked"
            say("account.works" if alive else "account.rests", account=self._app.name, why=reason)
            self._alive = alive
        return alive

    def _due(self, sobject: str, mark: Watermark | None, now: datetime) -> bool:
        if mark is None or mark.ended_at is None:
            return True
        return now >= mark.ended_at + timedelta(seconds=self._app.settings.interval_of(sobject))

    def _ring(self, sobject: str, now: datetime) -> None:
        with self._app.store.begin() as tx:
            rung = watermarks.ring(tx, sobject, now=now, again_after=UNANSWERED)
        if not rung:
            return
        try:
            self._actors.pull.send(sobject)
        except redis.RedisError:
            with self._app.store.begin() as tx:
                watermarks.silence(tx, sobject)  # nobody heard it: the next tick rings again
            raise

    def _leads(self) -> bool:
        with self._app.store.begin() as tx:
            leading = leases.hold(
                tx, _LEASE_NAME, owner=self._owner, now=self._app.clock(), span=LEASE
            )
        if leading != self._leading:
            log.info("scheduler.leads" if leading else "scheduler.stands_by")
            self._leading = leading
        return leading
