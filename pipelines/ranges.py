"""Ranges of Ids: what lies between two of them, cut into parts of about the same width.

Ids count in base 62, digits before capitals before small letters, which is also how the org orders
them. Where few records were deleted, equal widths hold about equally many.
"""

import string

from salesforce.ids import to_18

_DIGITS = string.digits + string.ascii_uppercase + string.ascii_lowercase
_VALUES = {digit: value for value, digit in enumerate(_DIGITS)}
_SHORT = 15


def between(first: str, last: str, parts: int) -> list[tuple[str | None, str]]:
    """Cut [first, last] into (after, until] ranges; the first one is open below."""
    low, high = number(first), number(last)
    count = max(1, min(parts, high - low + 1))
    borders = [low + (high - low) * part // count for part in range(1, count)]
    untils = [record_id(border) for border in borders] + [to_18(last)]
    return list(zip([None, *untils[:-1]], untils, strict=True))


def number(record_id: str) -> int:
    """Read an Id as the number it is."""
    value = 0
    for digit in record_id[:_SHORT]:
        value = value * len(_DIGITS) + _VALUES[digit]
    return value


def record_id(value: int) -> str:
    """Write a number as the Id it is."""
    digits = []
    for _ in range(_SHORT):
        value, place = divmod(value, len(_DIGITS))
        digits.append(_DIGITS[place])
    return to_18("".join(reversed(digits)))
