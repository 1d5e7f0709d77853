"""What an API call is made for: said once around the work, counted with every call inside."""

import contextvars
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from enum import StrEnum
from typing import NamedTuple, TypeVar

T = TypeVar("T")


class Purpose(StrEnum):
    """Why calls are made; the budget decides by it who waits first."""

    PUSH = "push"
    PULL = "pull"
    READBACK = "readback"
    BACKFILL = "backfill"
    DELETES = "deletes"
    COMPUTED = "computed"
    VERIFY = "verify"
    OTHER = "other"


class Errand(NamedTuple):
    """A purpose and the sObject it concerns, empty for all."""

    purpose: Purpose
    sobject: str


_NONE = Errand(Purpose.OTHER, "")
_current: contextvars.ContextVar[Errand] = contextvars.ContextVar("errand", default=_NONE)


@contextmanager
def spending(purpose: Purpose, sobject: str = "") -> Iterator[None]:
    """Have the calls inside counted, and held back, as made for this purpose."""
    token = _current.set(Errand(purpose, sobject))
    try:
        yield
    finally:
        _current.reset(token)


def current() -> Errand:
    return _current.get()


def carried(work: Callable[[], T]) -> Callable[[], T]:
    """Bind work for another thread to the purpose (and log context) of this one."""
    context = contextvars.copy_context()
    return lambda: context.run(work)
