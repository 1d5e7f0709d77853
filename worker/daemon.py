"""A role run until a signal: work is taken up, and handed back within ten seconds of SIGTERM."""

import logging
import os
import signal
import sys
import threading
from collections.abc import Callable
from dataclasses import dataclass, field

import dramatiq
import redis
import structlog

from models.process import Role
from worker import broker as brokers
from worker import metrics
from worker.actors import COMMANDS, CYCLES, FEEDS, PULLS, PUSHES, Actors, declare
from worker.app import App
from worker.bells import Bells
from worker.ear import Ear
from worker.heart import Heart
from worker.schedule import Schedule

GRACE_MS = 7_000
"""For what is in flight."""
_PUSH_IDLE_MS = 20
_IDLE_MS = 1_000
_LAST_CALL = 9.0  # s: then we leave, even if the store or Redis does not let go of us

log = structlog.get_logger()


@dataclass
class Daemon:
    """Broker, workers and clock of one process."""

    app: App
    works: bool = True
    schedules: bool = True
    broker: dramatiq.Broker = field(init=False)
    actors: Actors = field(init=False)
    _workers: list[dramatiq.Worker] = field(init=False, default_factory=list)
    _schedule: Schedule | None = field(init=False, default=None)
    _ear: Ear | None = field(init=False, default=None)
    _heart: Heart = field(init=False)

    def __post_init__(self) -> None:
        self.broker = brokers.make_broker(self.app.settings, self.app.watch)
        self.actors = declare(self.broker, self.app)
        self._heart = Heart(self.app, self.role)
        _ = self.app.figures  # kept from the start, not from the first scrape

    @property
    def role(self) -> Role:
        if self.works and self.schedules:
            return Role.DAEMON
        return Role.WORKER if self.works else Role.SCHEDULER

    def start(self) -> None:
        """Check what is needed, then start; raises where a person has to act first."""
        brokers.check(self.app.settings)
        _ = self.app.models, self.app.store, self.app.webhooks
        metrics.serve(self.app)
        if self.works:
            self._start_workers()
        if self.schedules:
            self._schedule = Schedule(self.app, self.actors)
            self._schedule.start()
        self._heart.start()

    def stop(self) -> None:
        """Finish or hand back what is in flight."""
        self.app.stopping.set()
        self._heart.stop()
        if self._ear:
            self._ear.stop()
        if self._schedule:
            self._schedule.stop()
        stoppers = [threading.Thread(target=self._stop, args=(w,)) for w in self._workers]
        for stopper in stoppers:
            stopper.start()
        for stopper in stoppers:
            stopper.join()
        self.broker.close()
        self.app.hush()

    def _start_workers(self) -> None:
        # Writes never wait behind a long first load, nor accepting them behind sending them.
        writers = max(1, self.app.settings.threads // 2)
        readers = max(1, self.app.settings.threads - writers)
        # Each adds a middleware of its own to the broker, and is warned that it is not alone.
        self.broker.logger.addFilter(lambda line: "of the same type twice" not in line.msg)
        queues = ((PUSHES, writers), (PULLS, readers), (CYCLES, 2), (FEEDS, 1), (COMMANDS, 1))
        for queue, threads in queues:
            worker = dramatiq.Worker(
                self.broker,
                queues={queue},
                worker_threads=threads,
                # A worker that finds nothing on Redis sleeps so long: people wait for a push.
                worker_timeout=_PUSH_IDLE_MS if queue == PUSHES else _IDLE_MS,
            )
            # By default twice as many are fetched: bells that other processes could answer.
            worker.queue_prefetch = threads
            worker.start()
            self._workers.append(worker)
        # The command line of dramatiq would emit this; time limits depend on it.
        self.broker.emit_after("process_boot")
        bells = Bells(self.app)
        self._ear = Ear(self.app.store, lambda: self._heard(bells))
        self._ear.start()
        log.info("worker.started", threads=writers + readers)

    def _heard(self, bells: Bells) -> None:
        """Announce what has just come; what cannot be announced now, the sweep will."""
        try:
            bells.sweep(self.actors.push.send)
        except redis.RedisError as error:
            log.warning("bell.unheard", error=f"Redis: {error}")

    @staticmethod
    def _stop(worker: dramatiq.Worker) -> None:
        worker.stop(timeout=GRACE_MS)


def run(daemon: Daemon, *, ready: Callable[[], None] | None = None) -> None:
    """Run until SIGTERM or SIGINT, then leave, whatever a thread may still be waiting for."""
    stops = {signal.SIGTERM, signal.SIGINT}
    # Blocked in this thread and all that it starts, and waited for: no handler runs in the middle
    # of anything, and no thread can swallow the signal while this one sleeps.
    signal.pthread_sigmask(signal.SIG_BLOCK, stops)
    daemon.start()
    if ready:
        ready()
    signal.sigwait(stops)
    log.info("daemon.stopping")
    alarm = threading.Timer(_LAST_CALL, _leave)
    alarm.daemon = True
    alarm.start()
    daemon.stop()
    log.info("daemon.stopped")
    _leave()


def _leave() -> None:
    # A thread that waits for Salesforce would keep the process alive for minutes; what it was
    # sending is leased, and is found out about after the lease.
    logging.shutdown()
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(0)
