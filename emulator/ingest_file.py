"""The CSV of an ingest job: what its header names, what its cells mean.

Rules: Bulk API guide, "Prepare CSV Files" (fact sheet 6.1). The messages of files that cannot be
read are those which public clients have recorded, but for the number of columns.
"""

from __future__ import annotations

import csv
import io
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple

from emulator.results import DELIMITERS, LINE_ENDINGS

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from emulator.results import Style

Record = dict[str, Any]
NULL = "#N/A"
_CELL_MAX = 131_072
"""What a long text area holds at most."""
_FIRST_LINE = re.compile(r'(?:[^"\r\n]|"[^"]*")*(\r\n|\n|\r|$)')
_TRUTHS = {"true": True, "1": True, "false": False, "0": False}


class FileError(Exception):
    """Why a job fails before it has touched a row."""


class Column(NamedTuple):
    """A field, or by `key` the parent that a reference field leads to."""

    name: str
    kind: str
    parent: str = ""
    key: str = ""


@dataclass(frozen=True, slots=True)
class Upload:
    """A file, cell by cell."""

    header: list[str]
    rows: list[list[str]]


def read(data: bytes, style: Style) -> Upload:
    try:
        text = data.decode()
    except UnicodeDecodeError as error:
        raise FileError("ClientInputError : The file is not valid UTF-8") from error
    _check_line_ending(text, style.line_ending)
    source = io.StringIO(text, newline="")
    try:
        lines = list(csv.reader(source, delimiter=DELIMITERS[style.delimiter], strict=True))
    except csv.Error as error:
        raise FileError(f"InvalidBatch : Failed to parse CSV: {error}") from error
    if any(len(cell) > _CELL_MAX for line in lines for cell in line):
        raise FileError(f"InvalidBatch : Failed to parse CSV: more than {_CELL_MAX} in a cell")
    if not lines:
        raise FileError("InvalidBatch : The file has no header row")
    header, rows = lines[0], [line for line in lines[1:] if line]
    for number, row in enumerate(rows, 1):
        if len(row) != len(header):
            raise FileError(
                f"InvalidBatch : Row {number} has {len(row)} columns, not {len(header)}"
            )
    return Upload(header, rows)


def _check_line_ending(text: str, line_ending: str) -> None:
    """Look at the end of the header row, which has to be as the job was told."""
    found = _FIRST_LINE.match(text)
    if found and found[1] and found[1] != LINE_ENDINGS[line_ending]:
        raise FileError(
            "ClientInputError : LineEnding is invalid on user data. "
            f"Current LineEnding setting is {line_ending}"
        )


def columns(header: list[str], describe: Callable[[str], Record], sobject: str) -> list[Column]:
    """Find the fields that a header names: `Subject`, or `Account.Sync_Key__c` for a parent."""
    fields = describe(sobject)["fields"]
    by_name = {field["name"].lower(): field for field in fields}
    by_parent = {
        field["relationshipName"].lower(): field for field in fields if field["relationshipName"]
    }
    found = []
    for name in header:
        parent, _, key = name.partition(".")
        field = (by_parent if key else by_name).get(parent.lower())
        target = describe(field["referenceTo"][0])["fields"] if field and key else []
        if field is None or (key and key.lower() not in {one["name"].lower() for one in target}):
            raise FileError(f"InvalidBatch : Field name not found : {name}")
        found.append(Column(field["name"], field["type"], parent if key else "", key))
    return found


def records(upload: Upload, found: list[Column]) -> Iterator[Record]:
    """Read rows as the JSON of REST would have them; an empty cell says nothing."""
    for row in upload.rows:
        record: Record = {}
        for column, cell in zip(found, row, strict=True):
            if cell == NULL:
                record[column.name] = None
            elif cell and column.key:
                record[column.parent] = {column.key: cell}
            elif cell:
                record[column.name] = _value(column.kind, cell)
        yield record


def _value(kind: str, cell: str) -> Any:
    """Read a cell as its field's type; what cannot be stays text, and the rules refuse it."""
    if kind == "boolean":
        return _TRUTHS.get(cell.lower(), cell)
    if kind in {"int", "double", "currency", "percent"}:
        try:
            return float(cell)
        except ValueError:
            return cell
    return cell
