"""Record ids: 15 case-sensitive characters, or 18 with the case written down behind them."""

from __future__ import annotations

import re

_ALPHABET = "ABCDEFGHIJKLMNOPQRSTUVWXYZ012345"
_SHAPE = re.compile(r"[A-Za-z0-9]{15}(?:[A-Z0-5]{3})?")
_SHORT, _GROUP = 15, 5


def to_18(record_id: str) -> str:
    """Add the three check characters, or verify those that are there."""
    if not _SHAPE.fullmatch(record_id):
        raise ValueError(f"not a record id: {record_id!r}")
    short = record_id[:_SHORT]
    full = short + _check_characters(short)
    if len(record_id) > _SHORT and record_id != full:
        raise ValueError(f"the check characters of {record_id!r} do not fit: {full!r}")
    return full


def is_id(text: str) -> bool:
    """Whether this could be a record's id, in either form."""
    try:
        to_18(text)
    except ValueError:
        return False
    return True


def key_prefix(record_id: str) -> str:
    """Name the object a record belongs to, as describe's `keyPrefix` does."""
    return to_18(record_id)[:3]


def _check_characters(short: str) -> str:
    groups = (short[start : start + _GROUP] for start in range(0, _SHORT, _GROUP))
    return "".join(_ALPHABET[_capitals(group)] for group in groups)


def _capitals(group: str) -> int:
    return sum(1 << place for place, character in enumerate(group) if "A" <= character <= "Z")
