"""dramatiq middleware: log lines bear their message, and a trace goes along with it."""

import threading
from typing import Any

import structlog
from dramatiq import Broker, Message, Middleware
from dramatiq.broker import MessageProxy

from models.command import InvalidCommand
from pipelines.receipts import Refused
from pipelines.watch import Watch
from salesforce.errors import SalesforceError
from store.errors import StoreError

TRACE = "traceparent"
"""The option of a message that names its trace; any program may set it."""
_FORESEEN = (StoreError, SalesforceError, InvalidCommand, TypeError, Refused)


class Context(Middleware):
    """Binds the message before an actor runs and unbinds it afterwards."""

    def before_process_message(self, _broker: Broker, message: MessageProxy) -> None:
        structlog.contextvars.clear_contextvars()
        structlog.contextvars.bind_contextvars(
            actor=message.actor_name, message_id=message.message_id
        )

    def after_process_message(
        self,
        _broker: Broker,
        _message: MessageProxy,
        *,
        result: Any = None,
        exception: BaseException | None = None,
    ) -> None:
        del result, exception
        structlog.contextvars.clear_contextvars()

    def after_skip_message(self, _broker: Broker, _message: MessageProxy) -> None:
        structlog.contextvars.clear_contextvars()


class Watched(Middleware):
    """Looks on at each message, in the trace of who sent it."""

    def __init__(self, watch: Watch) -> None:
        self._watch = watch
        self._here = threading.local()

    def before_enqueue(self, _broker: Broker, message: Message[Any], _delay: int | None) -> None:
        if trace := self._watch.context():
            message.options.setdefault(TRACE, trace)

    def before_process_message(self, _broker: Broker, message: MessageProxy) -> None:
        traces = self._watch.traces([_trace_of(message)])
        self._here.doing = self._watch.doing(f"message.{message.actor_name}", traces)
        self._here.deed = self._here.doing.__enter__()

    def after_process_message(
        self,
        _broker: Broker,
        _message: MessageProxy,
        *,
        result: Any = None,
        exception: BaseException | None = None,
    ) -> None:
        del result
        if exception:
            self._here.deed.add(outcome=type(exception).__name__)
        if exception and not isinstance(exception, _FORESEEN):
            self._watch.unforeseen(exception)
        self._end()

    def after_skip_message(self, _broker: Broker, _message: MessageProxy) -> None:
        self._end()

    def _end(self) -> None:
        self._here.doing.__exit__(None, None, None)


def _trace_of(message: MessageProxy) -> str | None:
    given = message.options.get(TRACE)
    return given if isinstance(given, str) else None
