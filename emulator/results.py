"""The rows a Bulk job found: rendered once into a file, cut into pages of any size afterwards."""

from __future__ import annotations

import csv
import itertools
import tempfile
import weakref
from array import array
from collections import OrderedDict
from dataclasses import dataclass
from itertools import accumulate
from typing import TYPE_CHECKING, Any

from isal import igzip

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Hashable, Iterable, Iterator, Sequence

_AT_ONCE = 2_000  # rows
_NUL_EVERY = 10  # rows, where an org lets NUL bytes through
_LEVEL = 1
_numbers = itertools.count()
DELIMITERS = {
    "BACKQUOTE": "`",
    "CARET": "^",
    "COMMA": ",",
    "PIPE": "|",
    "SEMICOLON": ";",
    "TAB": "\t",
}
LINE_ENDINGS = {"LF": "\n", "CRLF": "\r\n"}


@dataclass(frozen=True, slots=True)
class Style:
    """How an org prints its CSV: everything that one org may do and another not."""

    delimiter: str = "COMMA"
    line_ending: str = "LF"
    quotes_all: bool = True
    wholes_as_decimals: bool = False
    with_nuls: bool = False


class Results:
    """A CSV file without its header row, and where each of its rows begins."""

    def __init__(self, header: Sequence[str], style: Style) -> None:
        self._file = tempfile.TemporaryFile(prefix="emulator-bulk-")  # noqa: SIM115 - as long as we live
        # Jobs and the cache share it: it goes with the last of them.
        weakref.finalize(self, self._file.close)
        self._starts = array("Q", [0])
        self._style = style
        self.number = next(_numbers)
        self.header = b"".join(self._lines([tuple(header)]))

    def __len__(self) -> int:
        return len(self._starts) - 1

    def fill(self, rows: sqlite3.Cursor, wholes: Sequence[int]) -> None:
        """Render rows as they come, so that a million of them take no more memory than some."""
        while batch := rows.fetchmany(_AT_ONCE):
            lines = self._lines(self._dressed(batch, wholes))
            self._file.write(b"".join(lines))
            ends = accumulate(map(len, lines), initial=self._starts[-1])
            next(ends)
            self._starts.extend(ends)
        self._file.flush()

    def cut(self, first: int, count: int) -> bytes:
        last = min(first + count, len(self))
        self._file.seek(self._starts[first])
        return self._file.read(self._starts[last] - self._starts[first])

    def _lines(self, rows: Iterable[Sequence[Any]]) -> list[bytes]:
        lines: list[str] = []
        csv.writer(
            _Lines(lines),
            delimiter=DELIMITERS[self._style.delimiter],
            lineterminator=LINE_ENDINGS[self._style.line_ending],
            quoting=csv.QUOTE_ALL if self._style.quotes_all else csv.QUOTE_MINIMAL,
        ).writerows(rows)
        return [line.encode() for line in lines]

    def _dressed(
        self, rows: list[tuple[Any, ...]], wholes: Sequence[int]
    ) -> Iterable[Sequence[Any]]:
        if not self._style.wholes_as_decimals and not self._style.with_nuls:
            return rows
        return self._odd(rows, wholes)

    def _odd(self, rows: list[tuple[Any, ...]], wholes: Sequence[int]) -> Iterator[Sequence[Any]]:
        for number, row in enumerate(rows):
            cells = list(row)
            if self._style.wholes_as_decimals:
                for place in wholes:
                    cells[place] = None if cells[place] is None else float(cells[place])
            if self._style.with_nuls and number % _NUL_EVERY == 0:
                _strew(cells)
            yield cells


class _Lines:
    """What the csv module takes for a file: it writes one whole row at a time."""

    def __init__(self, lines: list[str]) -> None:
        self.write = lines.append


def _strew(cells: list[Any]) -> None:
    """Put a NUL into the first value that is prose rather than an Id, an instant or a number."""
    for place, cell in enumerate(cells):
        if isinstance(cell, str) and " " in cell:
            cells[place] = cell.replace(" ", " \0", 1)
            return


class Packed:
    """Pages as they travel, compressed once; the least used dropped first."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._held = 0
        self._pages: OrderedDict[Hashable, bytes] = OrderedDict()

    def page(self, results: Results, first: int, count: int, *, header: bool) -> bytes:
        key = (results.number, first, count, header)
        page = self._pages.get(key)
        if page is None:
            plain = (results.header if header else b"") + results.cut(first, count)
            page = self._pages[key] = bytes(igzip.compress(plain, compresslevel=_LEVEL))
            self._held += len(page)
            while self._held > self._most and len(self._pages) > 1:
                self._held -= len(self._pages.popitem(last=False)[1])
        self._pages.move_to_end(key)
        return page
