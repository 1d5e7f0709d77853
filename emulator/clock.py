"""The org's clock: a real one, moved by as much as a test asks for."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from email.utils import format_datetime, parsedate_to_datetime
from typing import TYPE_CHECKING

from emulator.errors import ApiError

if TYPE_CHECKING:
    from collections.abc import Callable


def utcnow() -> datetime:
    return datetime.now(UTC)


class SkewedClock:
    """Tells the time of `base` plus a skew, so that org and client may disagree."""

    def __init__(self, base: Callable[[], datetime] | None = None) -> None:
        self.steady = base or utcnow
        self.skew = timedelta()

    def __call__(self) -> datetime:
        return self.steady() + self.skew


def http_date(moment: datetime) -> str:
    return format_datetime(moment.astimezone(UTC), usegmt=True)


def parse_http_date(header: str, value: str) -> datetime:
    """Read an HTTP date; anything else is a bad request, as the fact sheet of the API has it."""
    try:
        moment = parsedate_to_datetime(value)
    except ValueError as error:
        raise ApiError(400, "INVALID_HEADER", f"Invalid date in header {header}") from error
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)
