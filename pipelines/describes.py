"""Describes: what the org says an sObject looks like, remembered in the store."""

from collections.abc import Callable
from datetime import datetime, timedelta

import msgspec

from salesforce.client import Client
from salesforce.describe import Describe
from salesforce.errors import Drifted, NotFound
from store import descriptions
from store.engine import Store

FRESH = timedelta(hours=1)
"""A describe is large and seldom changes; a refused field has it asked again at once."""
_SECOND = timedelta(seconds=1)


class Describes:
    """Answers from the store while fresh, from the org otherwise (304 costs a call, no body)."""

    def __init__(
        self, *, client: Client | None, store: Store, clock: Callable[[], datetime]
    ) -> None:
        self._client = client
        self._store = store
        self._clock = clock
        self._parsed: dict[str, tuple[datetime, Describe | None]] = {}

    def get(self, sobject: str, *, max_age: timedelta = FRESH) -> Describe | None:
        """Describe an sObject; None when the org has none of that name, or hides it."""
        with self._store.read() as tx:
            kept = descriptions.read(tx, sobject)
        if kept and (self._client is None or self._clock() - kept.fetched_at < max_age):
            return self._parse(sobject, kept.fetched_at, kept.body)
        if self._client is None:
            raise LookupError(f"{sobject} has not been described yet")
        known = self._parse(sobject, kept.fetched_at, kept.body) if kept else None
        return self._ask(self._client, sobject, known)

    def _ask(self, client: Client, sobject: str, known: Describe | None) -> Describe | None:
        # The header has whole seconds: what changed within the last one would go unseen.
        since = known.as_of - _SECOND if known and known.as_of else None
        try:
            found = client.describe(sobject, modified_since=since)
        except (NotFound, Drifted):
            self._keep(sobject, None)
            return None
        if found is None:
            with self._store.begin() as tx:
                descriptions.touch(tx, sobject, fetched_at=self._clock())
            return known
        self._keep(sobject, msgspec.json.encode(found).decode())
        return found

    def _keep(self, sobject: str, body: str | None) -> None:
        with self._store.begin() as tx:
            descriptions.keep(tx, sobject, body, fetched_at=self._clock())

    def _parse(self, sobject: str, fetched_at: datetime, body: str | None) -> Describe | None:
        known = self._parsed.get(sobject)
        if known is None or known[0] != fetched_at:
            known = (fetched_at, msgspec.json.decode(body, type=Describe) if body else None)
            self._parsed[sobject] = known
        return known[1]
