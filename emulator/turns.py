"""One caller at a time: what every public call of the org begins with."""

from __future__ import annotations

from functools import wraps
from typing import TYPE_CHECKING, Concatenate, ParamSpec, TypeVar

from emulator.errand import OWN
from emulator.errors import not_found

if TYPE_CHECKING:
    import threading
    from collections.abc import Callable
    from datetime import datetime

    from emulator.bin import RecycleBin
    from emulator.engine import Engine
    from emulator.schema.registry import Registry
    from emulator.schema.sobject import SObject
    from emulator.tables import Tables
    from emulator.writes import Writes

VERSION = "67.0"
_P = ParamSpec("_P")
_R = TypeVar("_R")


class Turns:
    """The parts of an org, and the lock around them."""

    _lock: threading.RLock
    _clock: Callable[[], datetime]
    _tables: Tables
    _registry: Registry
    _engine: Engine
    _bin: RecycleBin
    _writes: Writes
    default_user_id: str

    def now(self) -> datetime:
        return self._clock()

    def _catch_up(self) -> None:
        now = self._clock()
        with self._engine.running(OWN), self._registry.through(None):
            self._engine.release(now)
            self._bin.age(now)

    def _is_hidden(self, sobject: SObject, id_: str) -> bool:
        """Tell whether a row is out of sight: of everybody's, or of whoever asks."""
        if self._tables.is_hidden(id_):
            return True
        test = self._registry.row_test(sobject.name, "t0")
        return bool(test) and not self._tables.holds(sobject, id_, test)

    def _known(self, name: str) -> SObject:
        if not self._registry.has(name):
            raise not_found()
        return self._registry.find(name)


_T = TypeVar("_T", bound=Turns)


def turn(call: Callable[Concatenate[_T, _P], _R]) -> Callable[Concatenate[_T, _P], _R]:
    """Let one caller in at a time, after the late commits that are due."""

    @wraps(call)
    def taken(self: _T, /, *args: _P.args, **kwargs: _P.kwargs) -> _R:
        with self._lock:
            self._catch_up()
            return call(self, *args, **kwargs)

    return taken


def bare(version: str) -> str:
    return version.removeprefix("v")


def base(version: str) -> str:
    return f"/services/data/v{bare(version)}"
