"""A lease kept while work goes on: renewed beside it, and known to be over when it was not."""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta

import structlog

from store.errors import StoreError

SPAN = timedelta(seconds=15)
"""How long what a lost worker held stays held: four renewals may fail before that."""
EVERY = timedelta(seconds=3)

log = structlog.get_logger()


@contextmanager
def kept(renew: Callable[[], object], every: timedelta = EVERY) -> Iterator[None]:
    """Renew every few seconds for as long as the context is open."""
    over = threading.Event()
    keeper = threading.Thread(target=_keep, args=(renew, every, over), name="keeper", daemon=True)
    keeper.start()
    try:
        yield
    finally:
        over.set()
        keeper.join()


class Held:
    """What we know of our lease: until when it surely is ours."""

    def __init__(self, clock: Callable[[], datetime]) -> None:
        self._clock = clock
        self._until = clock() + SPAN

    def extend(self, until: datetime) -> None:
        self._until = until

    def is_over(self) -> bool:
        return self._clock() >= self._until


def _keep(renew: Callable[[], object], every: timedelta, over: threading.Event) -> None:
    while not over.wait(every.total_seconds()):
        try:
            renew()
        except StoreError as error:
            log.warning("lease.not_renewed", error=str(error))
