"""Describes: what the org says an sObject looks like, remembered in the store."""

from collections.abc import Callable, Collection, Iterable, Mapping
from datetime import datetime, timedelta
from difflib import get_close_matches

import msgspec
import structlog

from models.dynamic import is_dynamic
from models.sobject import SObject
from pipelines import drift
from pipelines.plan import Plan, Skip, plan_for
from salesforce.client import Client
from salesforce.describe import Describe
from salesforce.errors import Drifted, NotFound
from store import descriptions, fields
from store.engine import Store

FRESH = timedelta(hours=1)
"""A describe is large and seldom changes; a refused field has it asked again at once."""
_NOW = timedelta(0)
_A_DAY = timedelta(days=1)
_SECOND = timedelta(seconds=1)
_NONE: Mapping[str, str] = {}

log = structlog.get_logger()


class Describes:
    """Answers from the store while fresh, from the org otherwise (304 costs a call, no body)."""

    def __init__(
        self,
        *,
        client: Client | None,
        store: Store,
        clock: Callable[[], datetime],
        chosen: Mapping[str, Collection[str]] | None = None,
        filters: Mapping[str, str] = _NONE,
    ) -> None:
        """Remember, by sObject, which fields beyond ours the settings choose, and which rows."""
        self._client = client
        self._store = store
        self._clock = clock
        self._chosen = chosen or {}
        self._filters = filters
        self._plans: dict[str, tuple[fields.Version, Plan]] = {}
        self._said: dict[str, tuple[datetime | None, str]] = {}
        self._adopted: dict[str, fields.Version] = {}
        self._parsed: dict[str, tuple[datetime, Describe | None]] = {}

    def get(self, sobject: str, *, max_age: timedelta = FRESH) -> Describe | None:
        """Describe an sObject; None when the org has none of that name, or hides it."""
        fetched_at, known = self._kept(sobject)
        if fetched_at and self._is_fresh(fetched_at, max_age):
            return known
        if self._client is None:
            raise LookupError(f"{sobject} has not been described yet")
        return self._ask(self._client, sobject, known)

    def look_again(self, sobjects: Iterable[str]) -> None:
        """Ask for those that the org lacked or hid: they may have been granted meanwhile."""
        for sobject in sobjects:
            fetched_at, known = self._kept(sobject)
            if fetched_at and known is None:
                self.get(sobject, max_age=_NOW)

    def _kept(self, sobject: str) -> tuple[datetime | None, Describe | None]:
        """Give when the org was last asked, by whomever, and what it said then."""
        with self._store.read() as tx:
            fetched_at = descriptions.as_of(tx, sobject)
            parsed = self._parsed.get(sobject)
            if fetched_at is None or (parsed and parsed[0] == fetched_at):
                return fetched_at, parsed[1] if fetched_at and parsed else None
            kept = descriptions.read(tx, sobject)
        if kept is None:
            return None, None
        return kept.fetched_at, self._parse(sobject, kept.fetched_at, kept.body)

    def serves_once(self, sobject: str) -> bool:
        """Tell whether creates of an sObject may go by the UI API's idempotency key."""
        name = f"{sobject} (UI API)"
        with self._store.read() as tx:
            kept = descriptions.read(tx, name)
        if kept and (self._client is None or self._clock() - kept.fetched_at < _A_DAY):
            return kept.body is not None
        serves = self._client is not None and self._client.serves_once(sobject)
        with self._store.begin() as tx:
            body = "{}" if serves else None
            descriptions.keep(tx, name, body, fetched_at=self._clock())
        return serves

    def plan(
        self, model: type[SObject], *, max_age: timedelta = FRESH, adopt: bool = False
    ) -> Plan:
        """Say what to ask for by the latest describe; raises `Skip` when there is nothing to read.

        `adopt` brings columns up to the describe first: for the one who holds the watermark's
        lease, so that no page is under way that lacks the new ones.
        """
        with self._store.read() as tx:
            version = fields.version(tx, model.sobject)
        if not adopt or self._adopted.get(model.sobject) == version:
            kept = self._plans.get(model.sobject)
            if kept and kept[0] == version and self._is_fresh(version[0], max_age):
                return kept[1]
        describe = self.get(model.sobject, max_age=max_age)
        plan = self._made(model, describe)
        if adopt and describe is not None:
            plan = self._adopt(model, plan, describe)
        return plan

    def _is_fresh(self, fetched_at: datetime | None, max_age: timedelta) -> bool:
        if fetched_at is None:
            return False
        return self._client is None or self._clock() - fetched_at < max_age

    def _made(self, model: type[SObject], describe: Describe | None) -> Plan:
        with self._store.read() as tx:
            version = fields.version(tx, model.sobject)
            known = fields.known(tx, model.sobject)
        if describe is None and is_dynamic(model):
            raise Skip(self._unknown(model.sobject, version[0]))
        plan = plan_for(
            model,
            describe,
            known=known,
            chosen=self._chosen.get(model.sobject),
            row_filter=self._filters.get(model.sobject),
            keeps_extra=version[3] > 0,
        )
        self._plans[model.sobject] = (version, plan)
        return plan

    def _adopt(self, model: type[SObject], plan: Plan, describe: Describe) -> Plan:
        chosen = self._chosen.get(model.sobject)
        try:
            drift.adopt(self._store, plan, describe, chosen=chosen, now=self._clock())
        except fields.TableBusy as reason:
            log.warning("fields.waiting", object=model.sobject, reason=str(reason))
            return plan
        plan = self._made(model, describe)
        self._adopted[model.sobject] = self._plans[model.sobject][0]
        return plan

    def _unknown(self, sobject: str, fetched_at: datetime | None) -> str:
        """Say that the org has no object of this name, and which are called alike."""
        known = self._said.get(sobject)
        if known is None or known[0] != fetched_at:
            known = self._said[sobject] = (fetched_at, self._near(sobject))
        return known[1]

    def _near(self, sobject: str) -> str:
        said = f"this org has no {sobject}, or hides it from this user"
        listed = self._client.describe_global() if self._client else None
        names = {one.name.lower(): one.name for one in listed.sobjects} if listed else {}
        near = [names[name] for name in get_close_matches(sobject.lower(), names, 3)]
        return f"{said}; did you mean {' or '.join(near)}?" if near else said

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
