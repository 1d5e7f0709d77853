"""dramatiq middleware: every log line of an actor bears its message."""

from typing import Any

import structlog
from dramatiq import Broker, Middleware
from dramatiq.broker import MessageProxy


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
