"""Answers of a size that an agent can read: long texts are cut, and it is said where."""

from collections.abc import Sequence
from datetime import date, datetime
from decimal import Decimal
from typing import Any

import msgspec

from pipelines.actions import Record

ANSWER = 60_000
"""Characters of one answer, some fifteen thousand tokens."""
TEXT_OF_MANY = 1_000
TEXT_OF_ONE = 20_000


def bounded_list(records: Sequence[Record]) -> tuple[list[Record], bool]:
    """Give as many records as fit, long texts cut; and whether that is all of them."""
    kept: list[Record] = []
    room = ANSWER
    for record in records:
        one = {name: plain(value, TEXT_OF_MANY) for name, value in record.items()}
        room -= size(one)
        if room < 0 and kept:
            return kept, False
        kept.append(one)
    return kept, True


def bounded_record(record: Record) -> tuple[Record, list[str]]:
    """Give one record's fields that hold something, as far as they fit, and name the others."""
    kept: Record = {}
    left: list[str] = []
    room = ANSWER
    for name, value in record.items():
        if value is None:
            continue
        one = plain(value, TEXT_OF_ONE)
        length = size({name: one})
        if length > room:
            left.append(name)
            continue
        room -= length
        kept[name] = one
    return kept, left


def plain(value: Any, longest: int) -> Any:
    """Give a value as JSON has it, a text no longer than that."""
    if isinstance(value, str) and len(value) > longest:
        return f"{value[:longest]}… [cut: {len(value):,} characters in all]"
    if isinstance(value, datetime | date):
        return value.isoformat()
    if isinstance(value, Decimal):
        return int(value) if value == value.to_integral_value() else float(value)
    return value


def size(value: Any) -> int:
    return len(msgspec.json.encode(value))
