"""What was asked for and is not enabled: refused, and written down with who asked."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime

import structlog

from pipelines.actions import ActionDisabled
from pipelines.receipts import Refused
from store import audit
from store.engine import Store
from store.errors import StoreError

Clock = Callable[[], datetime]
_ACT = "action.refused"

log = structlog.get_logger()


@contextmanager
def noted(operator: str, *, store: Callable[[], Store], clock: Clock) -> Iterator[None]:
    """Write down the actions that are refused within because they are not enabled."""
    try:
        yield
    except (ActionDisabled, Refused) as error:
        if error.disabled:
            log.warning(_ACT, actions=",".join(error.disabled), operator=operator)
            _audit(error.disabled, operator, store, clock)
        raise


def _audit(
    actions: tuple[str, ...], operator: str, store: Callable[[], Store], clock: Clock
) -> None:
    try:
        with store().begin() as tx:
            audit.note_all(tx, actions, operator=operator, act=_ACT, now=clock())
    except StoreError as error:
        # The refusal stands, and is what the caller has to be told.
        log.warning("audit.not_written", act=_ACT, operator=operator, error=str(error))
