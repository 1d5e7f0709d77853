"""Bulk API 2.0 results on their way into their tables: bytes, never a row in Python's hands.

PostgreSQL parses the CSV itself (`COPY`); SQLite is given the csv module's own lists. Nulls and
empty texts are both empty cells there, and stand in the store as nulls, as REST has them.
"""

import csv
import io
import re
import sqlite3
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal, InvalidOperation
from itertools import chain
from typing import TYPE_CHECKING, Any

from sqlalchemy import Connection

from models.columns import Kind, SyncField, instant_text
from models.sobject import SObject
from store.errors import BrokenPage, ValueMisfit
from store.merge import Merge

if TYPE_CHECKING:
    import psycopg

_BYTE_ORDER_MARK = b"\xef\xbb\xbf"
_RECORD_ID = re.compile(r"[0-9A-Za-z]{15}(?:[0-9A-Za-z]{3})?")
_FIRST_ROWS = 20
_WHOLE_MAX = 2**63 - 1
# The csv module stops at 131,072 characters, which is where Salesforce's own limit may end.
_CELL_MAX = 2**31 - 1


@dataclass(frozen=True)
class Loaded:
    """How many rows a page held, and how many of them were written."""

    read: int
    written: int


def load_csv(
    tx: Connection,
    model: type[SObject],
    fields: Sequence[SyncField],
    chunks: Iterable[bytes],
    *,
    read_at: datetime,
) -> Loaded:
    """Write a page of CSV by the rule of `records.upsert`: newer, or as old, different, read later.

    The page may name its columns in any order; one without a header holds them in the order of
    `fields`. Raise `BrokenPage` for bytes that are no such page and `ValueMisfit` for a value that
    its column does not take: nothing is kept of the page then, once `tx` is rolled back.
    """
    _, order, body = _opened(tuple(fields), iter(chunks))
    merge = Merge(model, order)
    if tx.dialect.name == "sqlite":
        return _SqliteLoad(merge).run(tx, body, read_at)
    return _PostgresLoad(merge).run(tx, body, read_at)


def parts(fields: Sequence[SyncField], chunks: Iterable[bytes], *, size: int) -> Iterator[bytes]:
    """Cut a page where records end into pages of some `size` bytes, each under its header.

    So a long page may be read and written by turns, in a transaction each, and the store's one
    writer on SQLite never waits for the network.
    """
    header, _, body = _opened(tuple(fields), iter(chunks))
    held, length = list[bytes](), 0
    for chunk in body:
        held.append(chunk)
        length += len(chunk)
        if length >= size:
            page = b"".join(held)
            end = _last_end(page)
            if end:
                yield header + page[:end]
            held, length = [page[end:]], len(page) - end
    if length:
        yield header + b"".join(held)


def _last_end(held: bytes) -> int:
    """Find where the last whole record ends: a line feed outside quotes; 0 if there is none."""
    quotes = held.count(b'"')
    end = len(held)
    while (found := held.rfind(b"\n", 0, end)) >= 0:
        quotes -= held.count(b'"', found, end)
        if quotes % 2 == 0:  # a quote within quotes is doubled
            return found + 1
        end = found
    return 0


def _opened(
    fields: tuple[SyncField, ...], chunks: Iterator[bytes]
) -> tuple[bytes, tuple[SyncField, ...], Iterator[bytes]]:
    """Give the header, if there is one, in which order the columns come, and what follows."""
    head = b""
    for chunk in chunks:
        head += chunk
        if b"\n" in head:
            break
    head = head.removeprefix(_BYTE_ORDER_MARK)
    line, end, rest = head.partition(b"\n")
    try:
        names = next(csv.reader([line.decode()]), [])
    except (UnicodeDecodeError, csv.Error) as error:
        what = error if isinstance(error, csv.Error) else "not UTF-8"
        raise BrokenPage(f"the CSV's first line cannot be read ({what}): ask again") from None
    known = {field.api_name.casefold(): field for field in fields}
    order = tuple(known[name] for name in map(str.casefold, names) if name in known)
    if names and len(order) == len(names) and len(set(order)) == len(fields) == len(order):
        return line + end, order, chain([rest], chunks)
    if not names or _is_record(names, fields):
        return b"", fields, chain([head], chunks)
    raise BrokenPage(_explain_header(names, known))


def _is_record(cells: list[str], fields: tuple[SyncField, ...]) -> bool:
    place = next(place for place, field in enumerate(fields) if field.column == "id")
    return place < len(cells) and bool(_RECORD_ID.fullmatch(cells[place]))


def _explain_header(names: list[str], known: dict[str, SyncField]) -> str:
    strange = [name[:40] for name in names if name.casefold() not in known]
    found = {name.casefold() for name in names}
    absent = [field.api_name for name, field in known.items() if name not in found]
    parts = [
        f"{what} {', '.join(some[:5])}{' …' if len(some) > 5 else ''}"  # noqa: PLR2004
        for what, some in (("does not expect", strange), ("lacks", absent))
        if some
    ]
    return (
        f"the CSV's header is not what was asked for: {'; '.join(parts) or 'a name stands twice'}"
        " (describe the object again and repeat the query)"
    )


@dataclass(frozen=True)
class _PostgresLoad:
    """Unparsed bytes into a stage, then the merge of all of it in one statement."""

    merge: Merge

    def run(self, tx: Connection, body: Iterator[bytes], read_at: datetime) -> Loaded:
        driver: psycopg.Connection[Any] = tx.connection.driver_connection  # type: ignore[assignment]
        with driver.cursor() as cursor:
            self._open_stage(cursor)
            with _named_by_postgresql():
                read = self._copy(cursor, body)
                return Loaded(read, self._merge(driver, cursor, {"read_at": read_at}))

    @property
    def _stage(self) -> str:
        return f"csv_{self.merge.stage}"

    def _open_stage(self, cursor: "psycopg.Cursor[Any]") -> None:
        """Make the stage, or find it as an earlier page of this session left it."""
        cursor.execute("SELECT to_regclass(%s)", [f"pg_temp.{self._stage}"])
        if cursor.fetchone() != (None,):
            cursor.execute(self.merge.clear_stage(self._stage))
            return
        cursor.execute(self.merge.create_stage(self._stage, wholes="numeric"))
        # A whole number may come as `3.0`; what is none must not be rounded on its way.
        for field in self.merge.fields:
            if field.kind is Kind.WHOLE:
                cursor.execute(
                    f'ALTER TABLE {self._stage} ADD CONSTRAINT "{field.column}" CHECK ('
                    f'"{field.column}" = trunc("{field.column}")'
                    f' AND abs("{field.column}") <= {_WHOLE_MAX})'
                )

    def _copy(self, cursor: "psycopg.Cursor[Any]", body: Iterator[bytes]) -> int:
        columns = self.merge.columns
        statement = (
            f"COPY {self._stage} ({columns}) FROM STDIN"
            f" (FORMAT csv, FORCE_NULL ({columns}), ENCODING 'UTF8')"
        )
        with cursor.copy(statement) as copy:
            for chunk in body:
                # PostgreSQL's text cannot hold U+0000, which Salesforce lets through.
                copy.write(chunk.translate(None, b"\0") if b"\0" in chunk else chunk)
        return cursor.rowcount

    def _merge(
        self,
        driver: "psycopg.Connection[Any]",
        cursor: "psycopg.Cursor[Any]",
        bound: dict[str, datetime],
    ) -> int:
        from psycopg.errors import CardinalityViolation

        merge = self.merge.from_stage
        if self._is_news(cursor):
            merge = self.merge.news_from_stage
        try:
            with driver.transaction():
                cursor.execute(merge(self._stage), bound, prepare=False)
        except CardinalityViolation:
            # The same Id twice in one page: the newest of them counts.
            newest = (
                f"(SELECT DISTINCT ON (id) * FROM {self._stage} ORDER BY id, system_modstamp DESC)"
            )
            cursor.execute(merge(newest), bound, prepare=False)
        return cursor.rowcount

    def _is_news(self, cursor: "psycopg.Cursor[Any]") -> bool:
        """Take a page for new when its first rows are: it need not be looked up beforehand."""
        cursor.execute(
            f"SELECT EXISTS (SELECT FROM (SELECT id FROM {self._stage} LIMIT {_FIRST_ROWS}) s"
            f" JOIN LATERAL (SELECT FROM {self.merge.table} WHERE id = s.id OFFSET 0) t ON true)",
            prepare=False,
        )
        return cursor.fetchone() == (False,)


@contextmanager
def _named_by_postgresql() -> Iterator[None]:
    """Say which column refused a value, and what sort of value; never a customer's words."""
    from psycopg import DataError, errors

    try:
        yield
    except (errors.BadCopyFileFormat, errors.CharacterNotInRepertoire) as error:
        what = error.diag.message_primary
        raise BrokenPage(f"the CSV cannot be read ({what}): ask for the page again") from None
    except (errors.CheckViolation, errors.NotNullViolation) as error:
        column = error.diag.column_name or error.diag.constraint_name or "?"
        empty = isinstance(error, errors.NotNullViolation)
        raise ValueMisfit(column, "nothing" if empty else "no whole number") from None
    except DataError as error:
        found = re.search(r"column ([^:]+): \"(.*)\"", error.diag.context or "", re.DOTALL)
        if found is None:  # it went into the stage, and the table refused it
            raise ValueMisfit("?", error.diag.message_primary or "refused") from None
        raise ValueMisfit(found[1], _shape(found[2])) from None


@dataclass(frozen=True)
class _SqliteLoad:
    """The csv module's lists into one statement, whose expressions make values of the cells."""

    merge: Merge

    def run(self, tx: Connection, body: Iterator[bytes], read_at: datetime) -> Loaded:
        driver: sqlite3.Connection = tx.connection.driver_connection  # type: ignore[assignment]
        refused: list[ValueMisfit] = []
        driver.create_function("scsync_fit", 3, _fitter(refused))
        statement = self.merge.one_row(_cells(self.merge.fields), read_at)
        records = _Records(body, len(self.merge.fields))
        try:
            written = driver.executemany(statement, records).rowcount
        except sqlite3.OperationalError:
            if refused:
                raise refused[0] from None
            raise
        except sqlite3.IntegrityError as error:
            raise ValueMisfit(str(error).rpartition(".")[2], "nothing") from None
        return Loaded(records.read, written)


class _Records:
    """One record's cells at a time: a list of many would be slower, and take memory."""

    def __init__(self, body: Iterator[bytes], width: int) -> None:
        self.read = 0
        # Cut at line feeds alone; the reader joins what quotes hold together.
        self._lines = io.TextIOWrapper(io.BytesIO(b"".join(body)), "utf-8", newline="\n")
        self._width = width

    def __iter__(self) -> Iterator[list[str]]:
        csv.field_size_limit(_CELL_MAX)
        try:
            # An empty line holds no record.
            for cells in filter(None, csv.reader(self._lines, strict=True)):
                if len(cells) != self._width:
                    raise BrokenPage(
                        f"line {self.read + 1} of the CSV has {len(cells)} cells where"
                        f" {self._width} were asked for: ask for the page again"
                    )
                self.read += 1
                yield cells
        except (csv.Error, UnicodeDecodeError) as error:
            what = error if isinstance(error, csv.Error) else "not UTF-8"
            raise BrokenPage(
                f"the CSV cannot be read after {self.read} records ({what}): ask again"
            ) from None


def _cells(fields: Sequence[SyncField]) -> Callable[[SyncField], str]:
    places = {field.column: f"?{place}" for place, field in enumerate(fields, start=1)}

    def value(field: SyncField) -> str:
        return _FAST[field.kind].format(cell=places[field.column], column=field.column)

    return value


# The usual spelling is seen to inside the statement; only another one costs a call to Python.
_ELSE = "ELSE scsync_fit('{column}', '%s', {cell}) END"
_DAY = "[0-9][0-9][0-9][0-9]-[0-9][0-9]-[0-9][0-9]"
_FAST = {
    Kind.TEXT: "CASE WHEN {cell} <> '' THEN {cell} END",
    Kind.FLAG: "CASE {cell} WHEN 'false' THEN 0 WHEN 'true' THEN 1 WHEN '' THEN NULL "
    + _ELSE % Kind.FLAG,
    Kind.INSTANT: "CASE WHEN {cell} = '' THEN NULL"
    " WHEN {cell} GLOB '????-??-??T??:??:??.???Z' THEN {cell} " + _ELSE % Kind.INSTANT,
    Kind.DAY: "CASE WHEN {cell} = '' THEN NULL WHEN {cell} GLOB '" + _DAY + "' THEN {cell} "
    "" + _ELSE % Kind.DAY,
    Kind.WHOLE: "CASE WHEN {cell} = '' THEN NULL"
    " WHEN {cell} NOT GLOB '*[^0-9]*' AND length({cell}) < 19 THEN CAST({cell} AS INTEGER) "
    + _ELSE
    % Kind.WHOLE,
    Kind.NUMBER: "CASE WHEN {cell} = '' THEN NULL"
    " WHEN {cell} NOT GLOB '*[^.0-9]*' AND {cell} NOT GLOB '*.*.*' THEN CAST({cell} AS NUMERIC) "
    + _ELSE
    % Kind.NUMBER,
}


def _fitter(refused: list[ValueMisfit]) -> Callable[[str, str, str], str | float | int]:
    def fit(column: str, kind: str, cell: str) -> str | float | int:
        try:
            return _SLOW[kind](cell)
        except (ValueError, InvalidOperation):
            refused.append(ValueMisfit(column, _shape(cell)))
            raise  # SQLite tells only that something was raised

    return fit


def _whole(cell: str) -> int:
    number = Decimal(cell)
    if number != number.to_integral_value() or abs(number) > _WHOLE_MAX:
        raise ValueError(cell)
    return int(number)


def _flag(cell: str) -> int:
    return ("false", "true").index(cell.casefold())


_SLOW: dict[str, Callable[[str], str | float | int]] = {
    Kind.INSTANT: lambda cell: instant_text(datetime.fromisoformat(cell)),
    Kind.DAY: lambda cell: date.fromisoformat(cell).isoformat(),
    Kind.WHOLE: _whole,
    Kind.NUMBER: float,
    Kind.FLAG: _flag,
}


def _shape(cell: str) -> str:
    """Tell what a value looks like: a for letters, 9 for digits."""
    letters = re.sub(r"[^\W\d_]", "a", re.sub(r"\d", "9", cell[:24]))
    return f"'{letters}{'…' if len(cell) > 24 else ''}'"  # noqa: PLR2004
