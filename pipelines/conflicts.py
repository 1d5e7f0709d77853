"""Conflicts: updates and deletes of records that somebody changed meanwhile, told from our own.

Salesforce compares LastModifiedDate in whole seconds, for one row by `If-Unmodified-Since`, for a
collection or a delete not at all: there we look just before.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

from models.command import Conflict, Op
from pipelines.compare import same
from pipelines.parcels import Letter
from salesforce import soql
from salesforce.client import Client
from salesforce.errors import Outdated
from store import accounts, outbox
from store.engine import Store

_SECOND = timedelta(seconds=1)
_AROUND = timedelta(seconds=2)
"""Clocks and whole seconds: how far our own write's stamp may lie from when we sent it."""
_ID, _MODIFIED, _BY, _NAME = "Id", "LastModifiedDate", "LastModifiedById", "LastModifiedBy.Name"

Row = Mapping[str, Any]


@dataclass(frozen=True, kw_only=True)
class Conflicts:
    """Looks at records just before they are written."""

    client: Client
    store: Store
    account: str
    clock: Callable[[], datetime]

    def looked(self, letters: Sequence[Letter]) -> list[Letter | Outdated]:
        """Give each letter as it may go, or what stands against it; unguarded ones as they are."""
        guarded = [one for one in letters if one.guard]
        found = self._rows(guarded)
        return [
            self._judged(one, found.get(one.command.record_id or "")) if one in guarded else one
            for one in letters
        ]

    def needs_look(self, letter: Letter, *, alone: bool) -> bool:
        """Tell whether nobody but we can see a conflict: a single update's the org sees itself."""
        if not letter.guard:
            return False
        by_header = alone and letter.command.op is Op.UPDATE
        return not by_header or letter.command.on_conflict is Conflict.MERGE

    def _rows(self, letters: Sequence[Letter]) -> dict[str, Row]:
        """Ask, in one call for each kind of record, how these stand now."""
        rows: dict[str, Row] = {}
        for sobject in dict.fromkeys(one.command.sobject for one in letters):
            some = [one for one in letters if one.command.sobject == sobject]
            names = dict.fromkeys([_ID, _MODIFIED, _BY, _NAME])
            names |= dict.fromkeys(name for one in some for name in one.fields)
            ids = [one.command.record_id or "" for one in some]
            query = soql.select(list(names), sobject, where=soql.in_(_ID, ids))
            for page in self.client.query(query):
                rows |= {row[_ID]: row for row in page.records}
        return rows

    def _judged(self, letter: Letter, row: Row | None) -> Letter | Outdated:
        expected = letter.guard
        if row is None or expected is None:
            return letter  # it is gone: the org says so better
        modified = datetime.fromisoformat(row[_MODIFIED])
        in_time = modified < expected.replace(microsecond=0) + _SECOND
        if in_time or self._is_ours(letter, row, modified):
            return _based_on(letter, modified)
        if letter.command.on_conflict is Conflict.MERGE and letter.command.op is Op.UPDATE:
            return _merged(letter, row)
        return _conflict(letter, row)

    def _is_ours(self, letter: Letter, row: Row, modified: datetime) -> bool:
        """Tell whether the record last changed by a command of ours that was queued before."""
        now = self.client.server_time()
        ahead = now - self.clock() if now else timedelta(0)
        with self.store.read() as tx:
            account = accounts.get(tx, self.account)
            spans = outbox.applied_before(tx, letter.entry, ahead=ahead)
        if account is None or account.user_id != row[_BY]:
            return False
        modified -= ahead
        return any(begun - _AROUND <= modified <= ended + _AROUND for begun, ended in spans)


def _based_on(letter: Letter, modified: datetime) -> Letter:
    """Guard by what we have just seen: a change after that is still found out for a single row."""
    return replace(letter, command=replace(letter.command, expected_modstamp=modified))


def _merged(letter: Letter, row: Row) -> Letter | Outdated:
    """Leave out the fields that somebody else has touched since, as the base values tell."""
    base: Row = letter.entry.base or {}
    fields = {
        name: value
        for name, value in letter.fields.items()
        if (name in base and same(base[name], row.get(name))) or same(value, row.get(name))
    }
    if not fields:
        return _conflict(letter, row)
    modified = datetime.fromisoformat(row[_MODIFIED])
    return replace(_based_on(letter, modified), fields=fields)


def _conflict(letter: Letter, row: Row) -> Outdated:
    who = (row.get("LastModifiedBy") or {}).get("Name") or row[_BY]
    base: Row = letter.entry.base or {}
    changed = [
        f"{name} ({base[name]!r} is now {row.get(name)!r})"
        for name in letter.fields
        if name in base and not same(base[name], row.get(name))
    ]
    what = f": {', '.join(changed)}" if changed else ""
    return Outdated(
        f"{who} changed the record at {row[_MODIFIED]}, after the command was based on it{what}",
        code="CONFLICT",
        remedy="Look at the record, then retry with on_conflict=overwrite, or discard.",
    )
