"""Causes: what is open or failed, counted by what went wrong, whatever varies in its message."""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection

from store import listing
from store.listing import Cause, Choice

_VARIES = re.compile(
    r"[0-9a-fA-F]{8}-(?:[0-9a-fA-F]{4}-){3}[0-9a-fA-F]{12}"  # a command
    r"|\b(?=[A-Za-z]*\d)[A-Za-z0-9]{15}(?:[A-Za-z0-9]{3})?\b"  # a record
    r"|\d{4}-\d\d-\d\d(?:[T ][\d:.]+(?:Z|[+-]\d\d:?\d\d)?)?"
    r"|\d+(?:[.,:]\d+)*"
)


@dataclass
class Group:
    """Commands that share a cause, once what varies in its message is blanked."""

    state: str
    sobject: str
    error_code: str | None
    error_message: str | None
    commands: int = 0
    oldest: datetime | None = None
    example: str = ""
    place: int = 0

    def add(self, some: Cause) -> None:
        self.commands += some.commands
        if not self.place or some.example < self.place:
            self.place = some.example
        # What another program wrote may be no instant.
        if isinstance(some.oldest, datetime):
            self.oldest = min(self.oldest or some.oldest, some.oldest)


def groups(tx: Connection, choice: Choice, *, limit: int) -> tuple[list[Group], int]:
    """Give the largest groups, each with one of its commands, and how many groups there are."""
    found = _grouped(listing.causes(tx, choice))
    shown = sorted(found, key=lambda one: -one.commands)[:limit]
    ids = listing.ids_by_place(tx, [one.place for one in shown])
    for one in shown:
        one.example = ids.get(one.place, "")
    return shown, len(found)


def members(tx: Connection, choice: Choice, message: str | None) -> list[str]:
    """Name the commands that match and whose message, blanked, is this one."""
    found = listing.ids_with_messages(tx, choice)
    return [command_id for command_id, told in found if blanked(told) == message]


def blanked(message: str | None) -> str | None:
    """Blank what varies from command to command."""
    return message and _VARIES.sub("#", message)


def _grouped(causes: Iterable[Cause]) -> list[Group]:
    found: dict[tuple[str, str, str | None, str | None], Group] = {}
    for one in causes:
        key = (one.state, one.sobject, one.error_code, blanked(one.error_message))
        found.setdefault(key, Group(*key)).add(one)
    return list(found.values())
