"""Census: what the org says of an sObject's records without handing them out."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, NamedTuple

import msgspec
import structlog

from models.decoder import record_type
from pipelines.buckets import Bucket, Signature, Signatures
from pipelines.plan import PAGE, Plan
from pipelines.walk import TOO_LARGE
from salesforce import soql
from salesforce.calls import MOST_QUERIES
from salesforce.client import Client
from salesforce.errors import (
    Drifted,
    GrantDead,
    MalformedQuery,
    Permanent,
    ProtocolError,
    SalesforceError,
    TooMuch,
)
from salesforce.values import Page
from store.stamps import milliseconds, moment

_KEYS = ("id", "system_modstamp", "is_deleted")

log = structlog.get_logger()


class Key(NamedTuple):
    """A record's stamp, and whether it is in the bin."""

    stamp: int
    is_deleted: bool


class NotAggregated(Exception):  # noqa: N818 - an outcome, not an error
    """The org will not say how many there are: they have to be listed."""


class _Summary(msgspec.Struct):
    n: int = 0
    oldest: datetime | None = None
    newest: datetime | None = None
    stamps: int = 0
    is_deleted: bool = msgspec.field(default=False, name="IsDeleted")

    @property
    def signature(self) -> Signature:
        if not self.n or self.oldest is None or self.newest is None:
            return Signature()
        return Signature(self.n, milliseconds(self.oldest), milliseconds(self.newest), self.stamps)


@dataclass(kw_only=True)
class Census:
    """One sObject's; counts the calls it takes."""

    plan: Plan
    client: Client
    calls: int = 0
    is_refused: bool = False
    """Whether the org has refused `/composite`."""
    _keys: type[Any] = field(init=False)

    def __post_init__(self) -> None:
        fields = tuple(one for one in self.plan.fields if one.column in _KEYS)
        self._names = [one.api_name for one in fields]
        self.has_bin = any(one.column == "is_deleted" for one in fields)
        self._keys = record_type(self.plan.model, fields, exact=True)

    def signatures(self, buckets: Sequence[Bucket]) -> Iterator[Signatures | None]:
        """Sum each bucket up; None for what was too much. Raises `NotAggregated`."""
        for start in range(0, len(buckets), MOST_QUERIES):
            some = buckets[start : start + MOST_QUERIES]
            for answer in self._asked([self._text(bucket) for bucket in some]):
                if isinstance(answer, Page):
                    yield self._summed(answer)
                elif isinstance(answer, TooMuch) or answer.code in TOO_LARGE:
                    yield None
                elif isinstance(answer, MalformedQuery):
                    raise NotAggregated(str(answer)) from answer
                else:
                    raise answer

    def keys(self, bucket: Bucket) -> Iterator[dict[str, Key]]:
        """List a bucket's records, a page at a time, in the order of (SystemModstamp, Id)."""
        after: tuple[datetime, str] | None = None
        size = PAGE
        while True:
            where = soql.keyset(moment(bucket.since), moment(bucket.until), after)
            try:
                page = self._page(self.plan.query(where, limit=size, fields=self._names))
            except SalesforceError as error:
                if error.code not in TOO_LARGE or size == 1:
                    raise
                size = max(size // 4, 1)
                continue
            yield _by_id(page)
            if page.done and page.total_size <= len(page.records) < size:
                return
            if not page.records:
                raise ProtocolError("an empty page that is not the last one", code="EMPTY_PAGE")
            last = page.records[-1]
            after = (last.system_modstamp.astimezone(UTC), last.id)

    def by_id(self, ids: Sequence[str], plan: Plan | None = None) -> dict[str, Key]:
        """Say how these records stand, at most as many as one query holds."""
        found: dict[str, Key] = {}
        left = set(ids)
        while left:
            text = (plan or self.plan).query(soql.in_("Id", sorted(left)), fields=self._names)
            page = self._page(text)
            found |= _by_id(page)
            left -= found.keys()
            if page.done and page.total_size <= len(page.records):
                break
            if not page.records:
                raise ProtocolError("an empty page that is not the last one", code="EMPTY_PAGE")
        return found

    def now(self) -> datetime:
        """Tell the org's time, by a call that costs nothing of the budget."""
        self.client.versions()
        return self.answered_at()

    def answered_at(self) -> datetime:
        """Tell the org's time at its last answer."""
        now = self.client.server_time()
        if now is None:
            raise ProtocolError("the answer bears no Date", code="NO_DATE")
        return now

    def _page(self, text: str) -> Page[Any]:
        self.calls += 1
        return self.client.query_page(text, record=self._keys, include_deleted=True)

    def _text(self, bucket: Bucket) -> str:
        stamp = self.plan.stamp
        since, until = moment(bucket.since), moment(bucket.until)
        return soql.summary(
            self.plan.model.sobject,
            {
                "n": ("COUNT", "Id"),
                "oldest": ("MIN", stamp),
                "newest": ("MAX", stamp),
                "stamps": ("COUNT_DISTINCT", stamp),
            },
            where=self.plan.scoped(soql.keyset(since, until)),
            group_by=["IsDeleted"] if self.has_bin else [],
        )

    def _summed(self, page: Page[_Summary]) -> Signatures:
        sums = {one.is_deleted: one.signature for one in page.records}
        return Signatures(sums.get(False, Signature()), sums.get(True, Signature()))

    def _asked(self, texts: Sequence[str]) -> Sequence[Page[_Summary] | SalesforceError]:
        if not self.is_refused and len(texts) > 1:
            self.calls += 1
            try:
                return self.client.composite_queries(
                    texts, records=[_Summary] * len(texts), include_deleted=True
                )
            except SalesforceError as error:
                if error.code not in TOO_LARGE:
                    if not isinstance(error, Permanent):
                        raise
                    self.is_refused = True
                    log.warning("verify.one_by_one", why=f"this org refuses /composite: {error}")
        return [self._alone(text) for text in texts]

    def _alone(self, text: str) -> Page[_Summary] | SalesforceError:
        self.calls += 1
        try:
            return self.client.query_page(text, record=_Summary, include_deleted=True)
        except (GrantDead, Drifted):
            raise
        except SalesforceError as error:
            return error


def _by_id(page: Page[Any]) -> dict[str, Key]:
    return {
        one.id: Key(
            milliseconds(one.system_modstamp.astimezone(UTC)),
            bool(getattr(one, "is_deleted", False)),
        )
        for one in page.records
    }
