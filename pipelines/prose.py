"""What people write and read: ages, instants, and messages that others wrote."""

import re
from datetime import datetime, timedelta

EXAMPLES = "90s, 15m, 2h, 3d"
_AGE = re.compile(r"(\d{1,6})([smhdw])")
_UNITS = {"w": 604_800, "d": 86_400, "h": 3_600, "m": 60, "s": 1}
_LONGEST = timedelta(days=36_500)
_ENDLESS = 9999  # the year in which ends what has not come to an end


def age(text: str) -> timedelta:
    """Read an age such as `15m`; raises `ValueError`, which says how to write one."""
    found = _AGE.fullmatch(text.strip().lower())
    if found is None:
        raise ValueError(f"{text!r} is no age: write {EXAMPLES}")
    span = timedelta(seconds=int(found[1]) * _UNITS[found[2]])
    if span > _LONGEST:
        raise ValueError(f"{text!r} is more than a century")
    return span


def aged(moment: datetime | None, now: datetime) -> str:
    """Write an age in the form in which it is read."""
    if moment is None:
        return "?"
    return spanned(now - moment)


def spanned(span: timedelta) -> str:
    seconds = max(0, int(span.total_seconds()))
    for unit in ("d", "h", "m"):
        if seconds >= 2 * _UNITS[unit]:
            return f"{seconds // _UNITS[unit]}{unit}"
    return f"{seconds}s"


def stamp(moment: datetime | None) -> str:
    """Write an instant for a person, in UTC; what has not come yet, or to no end, has none."""
    if moment is None or moment.year == _ENDLESS:
        return "-"
    return moment.strftime("%Y-%m-%d %H:%M:%S")


def plain(text: str) -> str:
    """Make one line of what others wrote, without what would move a terminal's cursor."""
    return "".join(
        one if one.isprintable() else " " if one.isspace() else "\N{REPLACEMENT CHARACTER}"
        for one in text
    )


def cause(code: str | None, message: str | None) -> str:
    """Say an error's code and message, the code once."""
    if code and message and message.startswith(f"{code}:"):
        return message
    return ": ".join(filter(None, (code, message)))
