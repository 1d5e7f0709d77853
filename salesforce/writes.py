"""The verbs that write: single records, and up to two hundred of them in one call.

Source: REST API Developer Guide, "sObject Rows", "sObject Rows by External ID" and
"sObject Collections".
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from salesforce import answers, calls, wire
from salesforce.values import ExternalId, RowResult, Upserted

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from salesforce.calls import Call, Fields
    from salesforce.session import Session


class _Written(msgspec.Struct):
    id: str
    created: bool = True


class Writes:
    """Part of the client: create, update, upsert, delete."""

    _session: Session

    def create(self, sobject: str, fields: Fields) -> str:
        """Create a record and return its id."""
        return self._written(calls.create(sobject, fields)).id

    def update(
        self,
        sobject: str,
        record_id: str,
        fields: Fields,
        *,
        unmodified_since: datetime | None = None,
    ) -> None:
        """Change some fields; Outdated if somebody changed the record after `unmodified_since`."""
        self._done(calls.update(sobject, record_id, fields, unmodified_since))

    def upsert(self, sobject: str, key: ExternalId, fields: Fields) -> Upserted:
        """Create or change the record that bears the key; a repeat changes nothing."""
        written = self._written(calls.upsert(sobject, key, fields))
        return Upserted(written.id, written.created)

    def delete(self, sobject: str, record_id: str) -> None:
        """Move a record to the recycle bin."""
        self._done(calls.delete(sobject, record_id))

    def publish_article(self, version_id: str) -> None:
        """Put a draft of a knowledge article online, under its version number."""
        self._done(calls.publish_article(version_id))

    def create_many(self, sobject: str, rows: Sequence[Fields]) -> list[RowResult]:
        """Create up to 200 records, each for itself; results come in the order of the rows."""
        return self._rows(calls.create_many(sobject, rows), len(rows))

    def update_many(self, sobject: str, rows: Sequence[tuple[str, Fields]]) -> list[RowResult]:
        """Change up to 200 records given as (id, fields); no id may come twice."""
        return self._rows(calls.update_many(sobject, rows), len(rows))

    def upsert_many(
        self, sobject: str, key_field: str, rows: Sequence[tuple[str, Fields]]
    ) -> list[RowResult]:
        """Create or change up to 200 records given as (external id, fields)."""
        return self._rows(calls.upsert_many(sobject, key_field, rows), len(rows))

    def delete_many(self, ids: Sequence[str]) -> list[RowResult]:
        """Move up to 200 records, of any object, to the recycle bin."""
        return self._rows(calls.delete_many(ids), len(ids))

    def _written(self, call: Call) -> _Written:
        return answers.value(self._session.send(call), _Written, writes=True)

    def _done(self, call: Call) -> None:
        wire.check(self._session.send(call), writes=True)

    def _rows(self, call: Call, expected: int) -> list[RowResult]:
        return answers.rows(self._session.send(call), expected)
