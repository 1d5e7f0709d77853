"""The verbs that write: single records, up to two hundred of them in one call, and articles."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec

from salesforce import answers, wire, write_calls
from salesforce.errors import (
    Drifted,
    Forbidden,
    NotFound,
    ProtocolError,
    Rejected,
    SalesforceError,
)
from salesforce.values import PLAIN, ExternalId, Manner, RowResult, Upserted

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from salesforce.calls import Call
    from salesforce.session import Session
    from salesforce.write_calls import Fields


_UNFINISHED = 409


class _Written(msgspec.Struct):
    id: str
    created: bool = True


class _Outcome(msgspec.Struct, rename="camel"):
    """What an invocable action says of one input."""

    is_success: bool
    errors: list[wire.Problem] | None = None
    output_values: dict[str, Any] | None = None


class Writes:
    """Part of the client: create, update, upsert, delete, publish."""

    _session: Session

    def create(self, sobject: str, fields: Fields, manner: Manner = PLAIN) -> str:
        """Create a record and return its id."""
        return self._written(write_calls.create(sobject, fields, manner)).id

    def create_once(self, sobject: str, fields: Fields, key: str, manner: Manner = PLAIN) -> str:
        """Create a record under a UUID: the same one again makes nothing, and has the same id.

        A refusal is replayed, too: after one, another UUID is needed. Of the objects that the UI
        API serves; `Drifted` or `NotFound` for the others.
        """
        try:
            return self._written(write_calls.create_once(sobject, fields, key, manner)).id
        except SalesforceError as error:
            # The first attempt under this key is still at work: what comes of it is not known yet.
            error.outcome_unknown = error.outcome_unknown or error.status == _UNFINISHED
            raise

    def serves_once(self, sobject: str) -> bool:
        """Tell whether the UI API serves an object, and so creates by key."""
        try:
            wire.check(self._session.send(write_calls.object_info(sobject)))
        except (NotFound, Rejected, Drifted, Forbidden):
            return False
        return True

    def update(
        self,
        sobject: str,
        record_id: str,
        fields: Fields,
        manner: Manner = PLAIN,
        *,
        unmodified_since: datetime | None = None,
    ) -> None:
        """Change some fields; Outdated if somebody changed the record after `unmodified_since`."""
        call = write_calls.update(sobject, record_id, fields, unmodified_since, manner)
        self._done(call)

    def upsert(
        self, sobject: str, key: ExternalId, fields: Fields, manner: Manner = PLAIN
    ) -> Upserted:
        """Create or change the record that bears the key; a repeat changes nothing."""
        written = self._written(write_calls.upsert(sobject, key, fields, manner))
        return Upserted(written.id, written.created)

    def delete(self, sobject: str, record_id: str) -> None:
        """Move a record to the recycle bin."""
        self._done(write_calls.delete(sobject, record_id))

    def create_many(
        self, sobject: str, rows: Sequence[Fields], manner: Manner = PLAIN
    ) -> list[RowResult]:
        """Create up to 200 records, each for itself; results come in the order of the rows."""
        return self._rows(write_calls.create_many(sobject, rows, manner), len(rows))

    def update_many(
        self, sobject: str, rows: Sequence[tuple[str, Fields]], manner: Manner = PLAIN
    ) -> list[RowResult]:
        """Change up to 200 records given as (id, fields); no id may come twice."""
        return self._rows(write_calls.update_many(sobject, rows, manner), len(rows))

    def upsert_many(
        self,
        sobject: str,
        key_field: str,
        rows: Sequence[tuple[str, Fields]],
        manner: Manner = PLAIN,
    ) -> list[RowResult]:
        """Create or change up to 200 records given as (external id, fields)."""
        return self._rows(write_calls.upsert_many(sobject, key_field, rows, manner), len(rows))

    def delete_many(self, ids: Sequence[str]) -> list[RowResult]:
        """Move up to 200 records, of any object, to the recycle bin."""
        return self._rows(write_calls.delete_many(ids), len(ids))

    def publish_article(self, version_id: str, *, new_version: bool = False) -> None:
        """Put a draft of a knowledge article online, under its version number or the next one."""
        self._acted(write_calls.publish_article(version_id, new_version=new_version))

    def archive_article(self, version_id: str) -> None:
        """Take an article off line; its version is kept."""
        self._acted(write_calls.archive_article(version_id))

    def delete_article(self, version_id: str) -> None:
        """Delete a draft, or an archived version."""
        self._acted(write_calls.delete_article(version_id))

    def draft_of_article(self, article_id: str) -> str:
        """Open a draft of an article that is online; give the draft's version id."""
        found = self._acted(write_calls.draft_of_article(article_id))
        draft = (found or {}).get("draftId")
        if not isinstance(draft, str):
            raise ProtocolError(
                "no draftId in the answer", code="BROKEN_BODY", outcome_unknown=True
            )
        return draft

    def _written(self, call: Call) -> _Written:
        return answers.value(self._session.send(call), _Written, writes=True)

    def _done(self, call: Call) -> None:
        wire.check(self._session.send(call), writes=True)

    def _rows(self, call: Call, expected: int) -> list[RowResult]:
        return answers.rows(self._session.send(call), expected)

    def _acted(self, call: Call) -> dict[str, Any] | None:
        """Read what an action did; a failure may stand inside HTTP 200, as text keyed by the id."""
        found = answers.value(self._session.send(call), list[_Outcome], writes=True)
        if len(found) != 1:
            message = f"one input, {len(found)} outcomes"
            raise ProtocolError(message, code="BROKEN_BODY", outcome_unknown=True)
        (outcome,) = found
        if outcome.is_success:
            return outcome.output_values
        if outcome.errors:
            raise wire.problem_error(outcome.errors[0])
        said = "; ".join(str(value) for value in (outcome.output_values or {}).values())
        raise Rejected(said or "refused without a reason", code="ACTION_FAILED")
