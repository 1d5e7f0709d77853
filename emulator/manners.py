"""How orgs differ: when a query is too much for one, how far its delete log reaches."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

import msgspec

from emulator.errors import ApiError, bad
from emulator.soql.tree import Comparison, Junction

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from emulator.soql.tree import Condition, Query

_EPOCH = datetime.fromisoformat("1970-01-01T00:00:00+00:00")
_LOWER, _UPPER = frozenset({">", ">=", "="}), frozenset({"<", "<=", "="})
_STAMPS = frozenset({"systemmodstamp", "lastmodifieddate", "createddate"})
EVERY = "*"


class QueryManners(msgspec.Struct, forbid_unknown_fields=True, kw_only=True):
    """What an org does with queries of one object."""

    most_rows: int | None = None
    """A query that returns more is timed out; its LIMIT helps."""
    most_matching: int | None = None
    """A query whose conditions match more is timed out, whatever its LIMIT."""
    widest_window: float | None = None
    """A query over a wider window of stamps, in seconds, is timed out."""
    aggregates_too: bool = False
    """Whether counts and other aggregates are timed out as well."""
    page_rows: int | None = None
    """Rows of a page, whatever is asked for."""
    filters: list[str] = []
    """A query that has none of these fields in its WHERE is refused."""

    @property
    def times_out(self) -> bool:
        """Whether any query is too much at all."""
        return (self.most_rows, self.most_matching, self.widest_window) != (None, None, None)


class LogManners(msgspec.Struct, forbid_unknown_fields=True, kw_only=True):
    """How far the delete log of an org reaches, and how much an answer may hold."""

    most_ids: int = 600_000
    purged_before: datetime | None = None
    """What was deleted earlier is forgotten."""


class Manners:
    """The manners of an org: for each object, for all of them, and for its delete log."""

    def __init__(self) -> None:
        self.log = LogManners()
        self._queries: dict[str, QueryManners] = {}
        self.version = 0

    def of(self, sobject: str) -> QueryManners:
        return self._queries.get(sobject.lower()) or self._queries.get(EVERY) or QueryManners()

    def change_query(self, sobject: str, changes: dict[str, Any]) -> QueryManners:
        """Change how queries of one object, or of all (`*`), are met."""
        known = self._queries.get(sobject.lower()) or QueryManners()
        changed = msgspec.convert(msgspec.to_builtins(known) | changes, QueryManners)
        self._queries[sobject.lower()] = changed
        self.version += 1
        return changed

    def change_log(self, changes: dict[str, Any]) -> LogManners:
        self.log = msgspec.convert(msgspec.to_builtins(self.log) | changes, LogManners)
        return self.log


def too_long() -> ApiError:
    return ApiError(400, "QUERY_TIMEOUT", "Your query request was running for too long.")


def unfiltered(query: Query, names: Sequence[str]) -> ApiError | None:
    """Refuse a query that none of these fields narrows, as is documented of articles."""
    wanted = {name.lower() for name in names}
    if any(test.operand.text.lower() in wanted for test in _tests(query.where)):
        return None
    told = " or ".join(names)
    return bad("MALFORMED_QUERY", f"Implementation restriction: filter by {told}")


def window_of(query: Query, now: datetime) -> timedelta:
    """Measure the window of stamps that a query is bound to; one side left open reaches far."""
    since, until = _EPOCH, now
    for test in _tests(query.where):
        if test.operand.text.rpartition(".")[2].lower() not in _STAMPS:
            continue
        if test.values[0].kind != "DATETIME":
            continue
        at = datetime.fromisoformat(test.values[0].text.upper())
        since = max(since, at) if test.operator in _LOWER else since
        until = min(until, at) if test.operator in _UPPER else until
    return max(until - since, timedelta())


def _tests(condition: Condition | None) -> Iterator[Comparison]:
    """Walk what has to hold in any case: alternatives bind nothing."""
    if isinstance(condition, Comparison):
        yield condition
    elif isinstance(condition, Junction) and condition.word == "AND":
        for term in condition.terms:
            yield from _tests(term)
