"""Record ids: 15 case-sensitive characters, or 18 with the case written down behind them."""

from __future__ import annotations

import re
from functools import lru_cache

_ALPHABET = "ABCDEFGHIJKLMNOPQRSTUVWXYZ012345"
_SHAPE = re.compile(r"[A-Za-z0-9]{15}(?:[A-Z0-5]{3})?")
_SHORT = 15


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
    return _capitals(short[:5]) + _capitals(short[5:10]) + _capitals(short[10:])


@lru_cache(maxsize=10_000)  # the first ten characters are few in an org, and so are their cases
def _capitals(group: str) -> str:
    places = (1 << place for place, character in enumerate(group) if "A" <= character <= "Z")
    return _ALPHABET[sum(places)]
