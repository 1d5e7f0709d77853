"""The verbs that read: queries by page, describe, single records, deltas, limits.

Source: REST API Developer Guide, "Query", "QueryAll", "sObject Describe", "Composite", "Limits".
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeVar, overload

import msgspec

from salesforce import answers, calls, wire
from salesforce.describe import Describe, DescribeGlobal
from salesforce.errors import ProtocolError
from salesforce.values import Deleted, KnowledgeSettings, Limit, Page, Updated, Version

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence
    from datetime import datetime

    from salesforce.calls import Call
    from salesforce.errors import SalesforceError
    from salesforce.session import Session

T = TypeVar("T")
D = TypeVar("D", Describe, DescribeGlobal)
Record = dict[str, Any]


class Reads:
    """Part of the client: everything that changes nothing."""

    _session: Session

    @overload
    def query(
        self, soql: str, *, include_deleted: bool = False, batch_size: int | None = None
    ) -> Iterator[Page[Record]]: ...
    @overload
    def query(
        self,
        soql: str,
        *,
        record: type[T],
        include_deleted: bool = False,
        batch_size: int | None = None,
    ) -> Iterator[Page[T]]: ...
    def query(
        self,
        soql: str,
        *,
        record: Any = Record,
        include_deleted: bool = False,
        batch_size: int | None = None,
    ) -> Iterator[Page[Any]]:
        """Read page by page, asking for the next only when it is wanted."""
        page = self._query(soql, record, include_deleted=include_deleted, batch_size=batch_size)
        yield page
        while page.next_url:
            page = self.query_more(page.next_url, record=record)
            yield page

    @overload
    def query_page(self, soql: str, *, include_deleted: bool = False) -> Page[Record]: ...
    @overload
    def query_page(
        self, soql: str, *, record: type[T], include_deleted: bool = False
    ) -> Page[T]: ...
    def query_page(
        self, soql: str, *, record: Any = Record, include_deleted: bool = False
    ) -> Page[Any]:
        """Read the first page, in exactly one request."""
        return self._query(soql, record, include_deleted=include_deleted)

    def query_more(self, next_url: str, *, record: type[T]) -> Page[T]:
        """Read the page a server's cursor points to."""
        return answers.page(self._session.send(calls.query_more(next_url)), record)

    def search(self, sosl: str) -> list[Record]:
        """Look for a term; what was committed a moment ago may not be found yet."""
        return answers.found(self._session.send(calls.search(sosl)))

    def composite_queries(
        self, soqls: Sequence[str], *, records: Sequence[type[Any]], include_deleted: bool = False
    ) -> list[Page[Any] | SalesforceError]:
        """Send up to five queries as one API call; each has its page or its own error."""
        call = calls.composite_queries(
            soqls, version_path=self._session.version_path, include_deleted=include_deleted
        )
        return answers.pages(self._session.send(call), list(records))

    def describe(self, sobject: str, *, modified_since: datetime | None = None) -> Describe | None:
        """Describe an object; None if nothing changed since `Describe.as_of`."""
        return self._described(calls.describe(sobject, modified_since), Describe)

    def describe_global(self, *, modified_since: datetime | None = None) -> DescribeGlobal | None:
        """List every object; None if nothing changed since `DescribeGlobal.as_of`."""
        return self._described(calls.describe(None, modified_since), DescribeGlobal)

    def retrieve(self, sobject: str, record_id: str, fields: Iterable[str]) -> Record:
        """Read some fields of one record."""
        return self._value(calls.retrieve(sobject, record_id, fields), Record)

    def retrieve_many(
        self, sobject: str, ids: Sequence[str], fields: Iterable[str], record: type[T]
    ) -> Page[T | None]:
        """Read up to 2,000 records in the order of their ids; None where there is none."""
        reply = self._session.send(calls.retrieve_many(sobject, ids, fields))
        found = answers.value(reply, list[record | None])  # type: ignore[valid-type]
        if len(found) != len(ids):
            message = f"{len(ids)} asked for, {len(found)} answered"
            raise ProtocolError(message, code="BROKEN_BODY")
        return Page(
            found, done=True, total_size=len(found), server_time=wire.server_time(reply.headers)
        )

    def updated(self, sobject: str, start: datetime, end: datetime) -> Updated:
        """List what changed within the last 30 days; seconds are cut off by the server."""
        return self._value(calls.replication(sobject, "updated", start, end), Updated)

    def deleted(self, sobject: str, start: datetime, end: datetime) -> Deleted:
        """List what was deleted within the last 15 days, even if purged since."""
        return self._value(calls.replication(sobject, "deleted", start, end), Deleted)

    def limits(self) -> dict[str, Limit]:
        """Tell the org's allocations; costs a call and lags some minutes."""
        return self._value(calls.Call("limits", "GET", "limits"), dict[str, Limit])

    def has_knowledge(self) -> bool:
        """Tell whether Knowledge is on in this org, whoever may read it."""
        call = calls.Call("describe", "GET", "knowledgeManagement/settings")
        return self._value(call, KnowledgeSettings).knowledge_enabled

    def versions(self) -> list[Version]:
        """List the API versions the org speaks."""
        return self._value(calls.Call("versions", "GET", calls.VERSIONS), list[Version])

    def _query(
        self, soql: str, record: type[T], *, include_deleted: bool, batch_size: int | None = None
    ) -> Page[T]:
        call = calls.query(soql, include_deleted=include_deleted, batch_size=batch_size)
        if len(call.path) <= calls.LONGEST_TARGET:
            return answers.page(self._session.send(call), record)
        (page,) = self.composite_queries([soql], records=[record], include_deleted=include_deleted)
        if isinstance(page, Page):
            return page
        raise page

    def _described(self, call: Call, shape: type[D]) -> D | None:
        reply = self._session.send(call)
        if wire.is_not_modified(reply):
            return None
        described = answers.value(reply, shape)
        return msgspec.structs.replace(described, as_of=wire.server_time(reply.headers))

    def _value(self, call: Call, shape: type[T]) -> T:
        return answers.value(self._session.send(call), shape)
