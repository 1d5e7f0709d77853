"""Reading ahead: the wire fills a short queue while the store empties it."""

import queue
import threading
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import Any, TypeVar

from pipelines.purpose import carried

T = TypeVar("T")
_LOOK = 0.2  # s between looks whether anybody still wants what is read
_FAREWELL = 2.0  # s for a read that is under way; the line is closed behind it anyway


@contextmanager
def ahead(items: Iterable[T], *, depth: int = 16) -> Iterator[Iterator[T]]:
    """Have items read in a thread of their own, at most so many ahead of whoever takes them."""
    reader = _Reader(items, depth)
    thread = threading.Thread(target=carried(reader.read), name="ahead", daemon=True)
    thread.start()
    try:
        yield reader.taken()
    finally:
        reader.over.set()
        thread.join(_FAREWELL)


class _Reader:
    def __init__(self, items: Iterable[Any], depth: int) -> None:
        self._items = items
        self._waiting: queue.Queue[tuple[Any, BaseException | None]] = queue.Queue(depth)
        self.over = threading.Event()

    def read(self) -> None:
        try:
            for item in self._items:
                self._put(item, None)
                if self.over.is_set():
                    return
        except BaseException as error:  # noqa: BLE001 - raised again, in the thread that takes
            self._put(None, error)
        else:
            self._put(None, StopIteration())

    def taken(self) -> Iterator[Any]:
        while True:
            item, end = self._waiting.get()
            if isinstance(end, StopIteration):
                return
            if end is not None:
                raise end
            yield item

    def _put(self, item: Any, end: BaseException | None) -> None:
        while not self.over.is_set():
            try:
                self._waiting.put((item, end), timeout=_LOOK)
            except queue.Full:
                continue
            return
