"""Record ids: 15 case-sensitive characters, or 18 with the case written down behind them."""

from __future__ import annotations

import re
from functools import lru_cache

_ALPHABET = "ABCDEFGHIJKLMNOPQRSTUVWXYZ012345"
_SHAPE = re.compile(r"[A-Za-z0-9]{15}(?:[A-Z0-5]{3})?")
_SHORT = 15
_CASES = bytes(b"01"[chr(code).isupper()] for code in range(256))


def to_18(record_id: str) -> str:
    """Add the three check characters, or verify those that are there."""
    if not _SHAPE.fullmatch(record_id):
        raise ValueError(f"not a record id: {record_id!r}")
    short = record_id[:_SHORT]
    full = short + _check_characters(short)
    if len(record_id) > _SHORT and record_id != full:
        raise ValueError(f"the check characters of {record_id!r} do not fit: {full!r}")
    return full


@lru_cache(maxsize=512)  # a request's ids are looked at again in its answer
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
    cases = short.encode().translate(_CASES)
    # The first character of a group is its lowest bit.
    groups = (cases[4::-1], cases[9:4:-1], cases[14:9:-1])
    return "".join([_ALPHABET[int(bits, 2)] for bits in groups])
