"""Rows into files: CSV and Parquet, whole or not at all."""

import csv
import os
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from datetime import datetime
from enum import StrEnum
from pathlib import Path
from typing import Any, TextIO

from config.settings import ConfigError
from models.columns import Kind, instant_text
from store.export import Batch, Source

Columns = tuple[tuple[str, Kind], ...]


_ENDS = csv.excel.lineterminator


class Format(StrEnum):
    """What a file of rows may be."""

    PARQUET = "parquet"
    CSV = "csv"


def write(path: Path, form: Format, source: Source, batches: Iterable[Batch]) -> int:
    """Write a file under another name until it is whole; return how many rows it holds.

    Raises `ConfigError`, which names the file, where it cannot be written.
    """
    with _whole(path) as partial:
        return _WRITERS[form](partial, source.columns, batches)


def write_csv(stream: TextIO, columns: Columns, batches: Iterable[Batch]) -> int:
    """Write lines under a header; nothing and an empty text are both empty."""
    writer = csv.writer(_Lines(stream))
    writer.writerow([name for name, _ in columns])
    rows = 0
    for batch in batches:
        writer.writerows([plain(value) for value in row] for row in batch)
        rows += len(batch)
    return rows


class _Lines:
    """Ends lines with a newline alone; csv quotes texts for what it ends lines with itself."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream

    def write(self, line: str) -> int:
        return self._stream.write(f"{line.removesuffix(_ENDS)}\n")


def plain(value: Any) -> Any:
    """Give a value as CSV and JSON have it: flags as true and false, instants in UTC."""
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, datetime):
        return instant_text(value)
    return value


def needs_parquet() -> Any:
    """Give the Parquet library; raises `ConfigError`, which names the extra that brings it."""
    try:
        import pyarrow as pa  # noqa: PLC0415 - an extra, and half a second to import
        import pyarrow.parquet  # noqa: PLC0415
    except ImportError:
        raise ConfigError(
            "Parquet needs a package that is not here: install scsync[parquet],"
            " or ask for CSV (--format csv, --csv)"
        ) from None
    del pyarrow
    return pa


def _csv_file(path: Path, columns: Columns, batches: Iterable[Batch]) -> int:
    with path.open("w", encoding="utf-8", newline="") as stream:
        return write_csv(stream, columns, batches)


def _parquet_file(path: Path, columns: Columns, batches: Iterable[Batch]) -> int:
    arrow = needs_parquet()
    schema = arrow.schema([(name, _arrow(arrow, kind)) for name, kind in columns])
    rows = 0
    with arrow.parquet.ParquetWriter(path, schema, compression="zstd") as writer:
        for batch in batches:
            arrays = [
                arrow.array(list(values), type=field.type)
                for values, field in zip(zip(*batch, strict=True), schema, strict=True)
            ]
            writer.write_table(arrow.table(arrays, schema=schema))
            rows += len(batch)
    return rows


def _arrow(arrow: Any, kind: Kind) -> Any:
    types: dict[Kind, Callable[[], Any]] = {
        Kind.TEXT: arrow.string,
        Kind.INSTANT: lambda: arrow.timestamp("ms", tz="UTC"),
        Kind.DAY: arrow.date32,
        Kind.NUMBER: arrow.float64,
        Kind.WHOLE: arrow.int64,
        Kind.FLAG: arrow.bool_,
    }
    return types[kind]()


@contextmanager
def _whole(path: Path) -> Iterator[Path]:
    """Hand out a name beside the file's, which becomes the file when all went well."""
    partial = path.with_name(f".{path.name}.{os.getpid()}.partial")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        try:
            yield partial
            partial.replace(path)
        finally:
            partial.unlink(missing_ok=True)
    except OSError as error:
        raise ConfigError(f"{path} cannot be written: {error.strerror or error}") from None


_WRITERS = {Format.PARQUET: _parquet_file, Format.CSV: _csv_file}
