"""Record Ids: fifteen characters that count upwards, three that check their case."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

_DIGITS = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
_CHECK = "ABCDEFGHIJKLMNOPQRSTUVWXYZ012345"
_SHAPE = re.compile(r"[0-9A-Za-z]{15}(?:[A-Z0-5a-z]{3})?")
SHORT, LONG = 15, 18
_POD = "RM0"  # the instance code that follows the key prefix in recent orgs


def checksum(short: str) -> str:
    """Return the three characters that tell upper case from lower in each group of five."""
    return "".join(
        _CHECK[sum(1 << i for i, char in enumerate(short[start : start + 5]) if "A" <= char <= "Z")]
        for start in (0, 5, 10)
    )


def record_id(prefix: str, number: int) -> str:
    """Spell the number-th Id of a key prefix; Ids sort as their numbers do."""
    digits = ""
    while number:
        number, rest = divmod(number, 62)
        digits = _DIGITS[rest] + digits
    short = f"{prefix}{_POD}{digits.rjust(SHORT - len(prefix) - len(_POD), '0')}"
    return short + checksum(short)


def id_range(prefix: str, first: int, count: int) -> Iterator[str]:
    """Spell many Ids in a row, working out what sixty-two of them share only once."""
    shared, check, bits = "", "", 0
    for number in range(first, first + count):
        if not shared or number % len(_DIGITS) == 0:
            whole = record_id(prefix, number - number % len(_DIGITS))
            shared, check = whole[: SHORT - 1], whole[SHORT:-1]
            bits = _CHECK.index(whole[-1])
        digit = _DIGITS[number % len(_DIGITS)]
        last = _CHECK[bits | 16] if "A" <= digit <= "Z" else _CHECK[bits]
        yield f"{shared}{digit}{check}{last}"


def number_of(long: str) -> int:
    """Read back the number an Id was made from."""
    number = 0
    for char in long[3 + len(_POD) : SHORT]:
        number = number * 62 + _DIGITS.index(char)
    return number


def canonical(text: str) -> str | None:
    """Return the 18-character form of an Id, or None for what is none."""
    if not _SHAPE.fullmatch(text):
        return None
    short = text[:SHORT]
    if len(text) == LONG:
        short = _restore_case(short, text[SHORT:].upper())
        if checksum(short) != text[SHORT:].upper():
            return None
    return short + checksum(short)


def _restore_case(short: str, check: str) -> str:
    restored = []
    for i, char in enumerate(short):
        bits = _CHECK.find(check[i // 5])
        restored.append(char.upper() if bits >> (i % 5) & 1 else char.lower())
    return "".join(restored)
