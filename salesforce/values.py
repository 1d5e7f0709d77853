"""What the client hands back: pages, row results, usage; frozen, since it travels."""

from dataclasses import dataclass
from datetime import datetime
from typing import Generic, TypeVar

import msgspec

from salesforce.errors import SalesforceError

T = TypeVar("T")


class Usage(msgspec.Struct, frozen=True):
    """How much of the org's daily API budget is spent, as `Sforce-Limit-Info` tells it."""

    used: int
    limit: int


@dataclass(frozen=True, slots=True)
class Page(Generic[T]):
    """Records of one answer, in the order of the query."""

    records: list[T]
    done: bool
    total_size: int
    server_time: datetime | None
    next_url: str | None = None


@dataclass(frozen=True, slots=True)
class ExternalId:
    """A record named by a field of ours instead of by its id."""

    field: str
    value: str


@dataclass(frozen=True, slots=True)
class Manner:
    """How a write is to be received: which rules run, and what they may refuse."""

    auto_assign: str | None = None
    """`true` for the active assignment rule, the id of one, or None: none runs."""
    allow_duplicates: bool = False


PLAIN = Manner()


@dataclass(frozen=True, slots=True)
class Upserted:
    """What an upsert did."""

    id: str
    created: bool


@dataclass(frozen=True, slots=True)
class RowResult:
    """What became of one row of a collection call."""

    id: str | None
    success: bool
    created: bool
    error: SalesforceError | None = None


class Limit(msgspec.Struct, frozen=True, rename="pascal"):
    """One allocation of the org."""

    max: int
    remaining: int


class KnowledgeSettings(msgspec.Struct, frozen=True, rename="camel"):
    """What the org as a whole has chosen for Knowledge."""

    knowledge_enabled: bool


class Version(msgspec.Struct, frozen=True):
    """An API version the org speaks."""

    label: str
    version: str
    url: str


class Updated(msgspec.Struct, frozen=True, rename="camel"):
    """Answer of getUpdated; the next window starts at `latest_date_covered`."""

    ids: list[str]
    latest_date_covered: datetime


class DeletedRecord(msgspec.Struct, frozen=True, rename="camel"):
    """One line of the delete log."""

    id: str
    deleted_date: datetime


class Deleted(msgspec.Struct, frozen=True, rename="camel"):
    """Answer of getDeleted; an `earliest_date_available` in our future means the log was purged."""

    deleted_records: list[DeletedRecord]
    earliest_date_available: datetime
    latest_date_covered: datetime
