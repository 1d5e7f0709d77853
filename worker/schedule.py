"""The clock: APScheduler says when; exactly one process acts; jobs only ring bells."""

import threading
from collections.abc import Callable
from datetime import datetime, timedelta

import redis
import structlog
from apscheduler.schedulers.background import BackgroundScheduler

from models import SObject
from models.linked_account import AccountState, LinkedAccount
from models.watermark import Watermark
from pipelines import health, policy, troubles, webhooks
from salesforce.errors import SalesforceError
from store import accounts, api_calls, events, incidents, lanes, leases, orgs, runs, watermarks
from store.errors import StoreError
from store.reports import indexes
from worker.actors import Actors
from worker.app import App
from worker.bells import Bells
from worker.turns import Turns

TICK = 1.0  # s: how long a due pull or an unannounced command may wait to be noticed
LEASE = timedelta(seconds=10)
UNANSWERED = timedelta(minutes=2)
"""How long a pull that was asked for may wait for a worker before it is asked for again."""
KEEP_RUNS = timedelta(days=30)
KEEP_INCIDENTS = timedelta(days=365)
_LEASE_NAME = orgs.SCHEDULER

log = structlog.get_logger()


class Schedule:
    """Pull cycles, the sweep of the outbox, housekeeping."""

    def __init__(self, app: App, actors: Actors) -> None:
        self._app = app
        self._actors = actors
        self._bells = Bells(app)
        self._turns = Turns(app)
        self._owner = app.holder()
        self._leading: bool | None = None
        self._has_left = False
        self._saying = threading.Lock()
        self._alive: bool | None = None
        self._pace = 1.0
        self._announced: int | None = None
        self._scheduler = BackgroundScheduler(
            timezone="UTC",
            job_defaults={"coalesce": True, "max_instances": 1, "misfire_grace_time": 30},
        )

    def start(self) -> None:
        for job, seconds in (
            (self.cycle, TICK),
            (self.sweep, TICK),
            (self.feed, 5 * TICK),
            (self.deliver, TICK),
            (self.weigh, 30 * TICK),
            (self.index, 60 * TICK),
            (self.keep, 60 * TICK),
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
        except Exception as error:
            self._app.watch.unforeseen(error)
            raise

    def stop(self) -> None:
        """Stop, and let the next one lead at once."""
        self._scheduler.shutdown(wait=False)
        self._has_left = True
        if self._leading:
            self._give_back()

    def _give_back(self) -> None:
        try:
            with self._app.store.begin() as tx:
                leases.drop(tx, _LEASE_NAME, owner=self._owner)
        except StoreError as error:
            log.warning("scheduler.lease_left", error=str(error))

    def cycle(self) -> None:
        """Ask for all that is due: five objects a call, first loads each by itself."""
        if not self._may_call():
            return
        now = self._app.clock()
        with self._app.store.read() as tx:
            marks = watermarks.every(tx)
        models = self._app.models
        due = [one.sobject for one in models if self._due(one, marks.get(one.sobject), now)]
        if not due:
            return
        with self._app.store.begin() as tx:
            rung = watermarks.ring(tx, due, now=now, again_after=UNANSWERED)
        together = [name for name in due if name in rung and _is_read(marks.get(name))]
        alone = sorted(set(rung) - set(together), key=due.index)
        try:
            with self._app.watch.doing("pull.ring", objects=len(rung)):
                self._send(together, alone)
        except redis.RedisError:
            with self._app.store.begin() as tx:
                watermarks.silence(tx, rung)  # nobody heard it: the next tick rings again
            raise

    def _send(self, together: list[str], alone: list[str]) -> None:
        if together:
            self._actors.cycle.send(together)
        for name in alone:
            self._actors.pull.send(name)

    def feed(self) -> None:
        """Ask for slow feeds that are due, and for helpers where a backfill is under way."""
        if self._may_call():
            self._turns.ring_backfills(self._actors.backfill.send)
            self._turns.ring_feeds(self._actors.tend.send)

    def weigh(self) -> None:
        """Take the pace from the budget, and see whether some object has fallen silent."""
        outlook = self._app.budget.outlook()
        pace = outlook.pace if outlook else 1.0
        if pace != self._pace:
            log.info("pace.changed", pace=round(pace, 1))
            self._pace = pace
        account = self._announce()
        troubles.look(store=self._app.store, account=account, budget=outlook, now=self._app.clock())
        if self._may_call():
            health.look(
                self._app.models,
                store=self._app.store,
                interval=self._app.interval_of,
                now=self._app.clock(),
            )

    def deliver(self) -> None:
        """Tell of events whoever asked to be told."""
        if self._app.webhooks:
            self._app.webhooks.deliver()
        else:
            webhooks.leave(self._app.store, now=self._app.clock())

    def _announce(self) -> LinkedAccount | None:
        """Say once at each threshold that the org will end the grant; give the account."""
        with self._app.store.read() as tx:
            account = accounts.get(tx, self._app.name)
        terms, now = self._app.settings.refresh_policy, self._app.clock()
        days = policy.threshold(terms, account, now)
        soon = policy.notice(terms, account, now)
        if soon and days != self._announced:
            log.warning("grant.ends", account=self._app.name, why=soon)
        self._announced = days
        return account

    def keep(self) -> None:
        """Use the refresh token before the org ends it for disuse."""
        if self._app.keep_alive():
            log.info("grant.kept_alive", account=self._app.name)

    def sweep(self) -> None:
        """Announce commands that nobody has announced."""
        if self._may_call():
            self._bells.sweep(self._actors.push.send)

    def index(self) -> None:
        """Make the indexes that reports need, once first loads are over."""
        indexes.build(self._app.store)

    def tidy(self) -> None:
        """Forget old runs and counts; see to overlooked commands."""
        old = self._app.clock() - KEEP_RUNS
        with self._app.store.begin() as tx:
            forgotten = runs.forget(tx, old)
            api_calls.forget(tx, old)
            events.forget(tx, old)
            incidents.forget(tx, self._app.clock() - KEEP_INCIDENTS)
        with self._app.store.read() as tx:
            overlooked = lanes.overlooked(tx)
        if overlooked:
            log.warning("commands.overlooked", commands=len(overlooked))
            with self._app.store.begin() as tx:
                lanes.refresh(tx, overlooked, now=self._app.clock())
        if forgotten:
            log.info("runs.forgotten", runs=forgotten)

    def _may_call(self) -> bool:
        """Tell whether the account lives: a dead grant is said once and rests."""
        with self._app.store.read() as tx:
            account = accounts.get(tx, self._app.name)
        alive = account is not None and account.state == AccountState.LINKED
        with self._saying:  # several jobs may notice at once
            is_news, self._alive = alive != self._alive, alive
        if is_news:
            say = log.info if alive else log.error
            reason = account.reason if account else "not linked"
            say("account.works" if alive else "account.rests", account=self._app.name, why=reason)
        return alive

    def _due(self, model: type[SObject], mark: Watermark | None, now: datetime) -> bool:
        if mark is None or mark.ended_at is None:
            return True
        return now >= mark.ended_at + self._app.interval_of(model, mark, now) * self._pace

    def _leads(self) -> bool:
        with self._app.store.begin() as tx:
            leading = leases.hold(
                tx, _LEASE_NAME, owner=self._owner, now=self._app.clock(), span=LEASE
            )
        if leading and self._has_left:  # a tick that was under way has taken the lead back
            self._give_back()
            return False
        if leading != self._leading:
            log.info("scheduler.leads" if leading else "scheduler.stands_by")
            self._leading = leading
        return leading


def _is_read(mark: Watermark | None) -> bool:
    """Tell whether an object has a watermark, and no window left open by a crash."""
    return bool(mark and mark.since and not mark.until)
