"""The actors: a message comes in, a pipeline is called; what is true stands in the store."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import dramatiq
import structlog
from dramatiq.middleware import CurrentMessage

from models.command import Command, InvalidCommand
from pipelines.pull import Stopped
from pipelines.receipts import Refused
from pipelines.submit import drop_in
from salesforce.errors import SalesforceError
from store.errors import StoreError
from worker.app import App
from worker.bells import Bells
from worker.turns import Feed, Turns

CYCLES = "scsync.cycle"
PULLS = "scsync.pull"
FEEDS = "scsync.feeds"
PUSHES = "scsync.push"
COMMANDS = "scsync.commands"

_DAY_MS = 24 * 60 * 60 * 1000  # a first load may take hours; its lease, not this, ends a dead one
_MINUTE_MS = 60 * 1000

log = structlog.get_logger()


@dataclass(frozen=True)
class Actors:
    """The actors as declared on one broker."""

    cycle: dramatiq.Actor[[list[str]], None]
    pull: dramatiq.Actor[[str], None]
    backfill: dramatiq.Actor[[str, str], None]
    tend: dramatiq.Actor[[str, str, str], None]
    push: dramatiq.Actor[[int, str], None]
    submit_command: dramatiq.Actor[[dict[str, Any]], None]


def declare(broker: dramatiq.Broker, app: App) -> Actors:
    """Declare the actors on a broker; they work with this app's parts."""
    bells = Bells(app)
    turns = Turns(app)

    @dramatiq.actor(broker=broker, queue_name=CYCLES, max_retries=0, time_limit=_DAY_MS)
    def cycle(sobjects: list[str]) -> None:
        with structlog.contextvars.bound_contextvars(account=app.name):
            _reported(lambda: app.cycle().run(app.chosen(sobjects)))

    @dramatiq.actor(broker=broker, queue_name=PULLS, max_retries=0, time_limit=_DAY_MS)
    def pull(sobject: str) -> None:
        with structlog.contextvars.bound_contextvars(account=app.name, object=sobject):
            _reported(lambda: app.puller().pull(*app.chosen([sobject])))

    @dramatiq.actor(broker=broker, queue_name=PULLS, max_retries=0, time_limit=_DAY_MS)
    def backfill(sobject: str, bell: str) -> None:
        with structlog.contextvars.bound_contextvars(account=app.name, object=sobject):
            _reported(lambda: turns.backfill(sobject, bell))

    @dramatiq.actor(broker=broker, queue_name=FEEDS, max_retries=0, time_limit=_DAY_MS)
    def tend(feed: str, sobject: str, bell: str) -> None:
        with structlog.contextvars.bound_contextvars(account=app.name, object=sobject, feed=feed):
            _reported(lambda: turns.tend(Feed(feed), sobject, bell))

    @dramatiq.actor(broker=broker, queue_name=PUSHES, max_retries=0, time_limit=_DAY_MS)
    def push(slot: int, bell: str) -> None:
        with structlog.contextvars.bound_contextvars(account=app.name):
            _reported(lambda: bells.answer(slot, bell))

    @dramatiq.actor(
        broker=broker,
        queue_name=COMMANDS,
        # Unreadable, not one argument, or under another command's key: never to be taken.
        throws=(InvalidCommand, TypeError, Refused),
        max_retries=1_000_000,  # the store will be back; a command that was accepted is kept
        min_backoff=1000,
        max_backoff=_MINUTE_MS,
    )
    def submit_command(form: dict[str, Any]) -> None:
        command = Command.from_json(form)
        message = CurrentMessage.get_current_message()
        key = f"message:{message.message_id}" if message else None
        trace = app.watch.context()
        drop_in(command, store=app.store, now=app.clock(), key=key, trace=trace)
        bells.sweep(push.send)

    return Actors(
        cycle=cycle,
        pull=pull,
        backfill=backfill,
        tend=tend,
        push=push,
        submit_command=submit_command,
    )


def _reported(work: Callable[[], object]) -> None:
    """Run, and log trouble as one line: the next bell starts where this one ended."""
    try:
        work()
    except Stopped:
        log.info("work.stopped")
    except (SalesforceError, StoreError) as error:
        log.error("work.held_up", error=str(error))
