"""Instants as the wire prints them: UTC, whole seconds, `2026-01-02T03:04:05.000+0000`."""

from __future__ import annotations

from datetime import UTC, date, datetime

LENGTH = len("2026-01-02T03:04:05.000+0000")


def utcnow() -> datetime:
    return datetime.now(UTC)


def wire(at: datetime, *, exact: bool = False) -> str:
    """Print an instant; stamps are cut to whole seconds, given values keep milliseconds."""
    at = at.astimezone(UTC)
    milliseconds = at.microsecond // 1000 if exact else 0
    return f"{at:%Y-%m-%dT%H:%M:%S}.{milliseconds:03d}+0000"


def instant(text: str) -> datetime:
    """Read what `wire` printed."""
    return datetime.fromisoformat(text)


def moment_from(text: str) -> datetime:
    """Read an instant as a client may send it: with Z, an offset, or a bare date; never naive."""
    at = datetime.fromisoformat(text)
    return at if at.tzinfo else at.replace(tzinfo=UTC)


def day_from(text: str) -> date:
    return date.fromisoformat(text[:10])
