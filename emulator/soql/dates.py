"""Date literals: a word such as LAST_WEEK becomes a half-open span of days, in UTC."""

from __future__ import annotations

from datetime import date, timedelta

from emulator.errors import bad

Span = tuple[date, date]
_DAY = timedelta(days=1)
_WEEK = timedelta(weeks=1)
_QUARTER = 3
_PLURALS = frozenset({"DAYS", "WEEKS", "MONTHS", "QUARTERS", "YEARS"})
_OFFSETS = {"LAST": -1, "THIS": 0, "NEXT": 1}


def span(word: str, count: int | None, today: date) -> Span:
    """Return the days a literal stands for; LAST_N_… spans end before today's unit begins."""
    word = word.upper()
    if word in _NEAR and count is None:
        start = today + _NEAR[word] * _DAY
        return start, start + _DAY
    which, _, rest = word.partition("_")
    if rest == "90_DAYS" and count is None and which in {"LAST", "NEXT"}:
        rest, count = "N_DAYS", 90
    if which in _OFFSETS and rest in _UNITS and count is None:
        return _unit(rest, today, _OFFSETS[which], _OFFSETS[which] + 1)
    if (
        rest.startswith("N_")
        and rest[2:] in _PLURALS
        and count is not None
        and which in {"LAST", "NEXT"}
    ):
        return _many(which, rest[2:-1], count, today)
    raise bad("MALFORMED_QUERY", f"unexpected token: '{word}'")


_NEAR = {"YESTERDAY": -1, "TODAY": 0, "TOMORROW": 1}
_UNITS = frozenset({"WEEK", "MONTH", "QUARTER", "YEAR"})


def _many(which: str, unit: str, count: int, today: date) -> Span:
    if unit == "DAY":
        # LAST_N_DAYS runs through the end of today; NEXT_N_DAYS starts tomorrow.
        if which == "LAST":
            return today - count * _DAY, today + _DAY
        return today + _DAY, today + (count + 1) * _DAY
    return _unit(unit, today, -count, 0) if which == "LAST" else _unit(unit, today, 1, count + 1)


def _unit(unit: str, today: date, first: int, last: int) -> Span:
    if unit == "WEEK":
        sunday = today - timedelta(days=(today.weekday() + 1) % 7)
        return sunday + first * _WEEK, sunday + last * _WEEK
    if unit == "YEAR":
        return date(today.year + first, 1, 1), date(today.year + last, 1, 1)
    size = _QUARTER if unit == "QUARTER" else 1
    month = (today.month - 1) // size * size + 1
    return _month(today.year, month + first * size), _month(today.year, month + last * size)


def _month(year: int, month: int) -> date:
    return date(year + (month - 1) // 12, (month - 1) % 12 + 1, 1)
