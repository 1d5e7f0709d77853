"""Unclear commands: sent, reply lost. What became of them is looked up, never guessed."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from models import conditions_of
from models.command import Op
from models.outbox import CommandState, KeyKind
from pipelines import articles, probe
from pipelines.compare import stands
from pipelines.describes import Describes
from pipelines.ingesting import Ingests
from pipelines.parcels import Letter
from salesforce import soql
from salesforce.client import Client
from salesforce.errors import NotFound, ProtocolError, SalesforceError
from store import accounts, claims, outbox
from store.claims import Settlement
from store.engine import Store

UNCLEAR_CREATE = probe.UNCLEAR_CREATE
_MOST = 200
_MOST_IN_JOB = 10_000

Found = Settlement | SalesforceError


@dataclass(frozen=True, kw_only=True)
class Looks:
    """Looks at the org and settles: applied, to be sent again, or a person has to look."""

    client: Client
    store: Store
    describes: Describes
    ingests: Ingests
    account: str
    clock: Callable[[], datetime]

    def at(self, letters: Sequence[Letter]) -> list[Found]:
        """Look at what became of these, many in one call where that can be."""
        found: dict[str, Found] = {}
        for look, some in self._grouped(letters).values():
            most = _MOST_IN_JOB if some[0].entry.job_id else _MOST
            for start in range(0, len(some), most):
                part = some[start : start + most]
                try:
                    found |= look(part)
                except SalesforceError as error:
                    found |= dict.fromkeys([one.entry.id for one in part], error)
        return [found[one.entry.id] for one in letters]

    def _grouped(self, letters: Sequence[Letter]) -> dict[Any, tuple[Any, list[Letter]]]:
        groups: dict[Any, tuple[Any, list[Letter]]] = {}
        for letter in letters:
            look = self._look(letter)
            key = (look.__name__, letter.command.sobject, letter.key_field, letter.entry.job_id)
            groups.setdefault(key, (look, []))[1].append(letter)
        return groups

    def _look(  # noqa: PLR0911 - a table, one line for each way of finding out
        self, letter: Letter
    ) -> Callable[[Sequence[Letter]], dict[str, Found]]:
        match letter.command.op:
            case _ if letter.entry.job_id:
                return self._in_job
            case Op.PUBLISH | Op.ARCHIVE:
                return self._moved
            case Op.UPDATE if letter.command.sobject.endswith(articles.KNOWLEDGE):
                return self._drafted
            case Op.UPDATE:
                return self._updated
            case Op.DELETE:
                return self._deleted
            case Op.UPSERT:
                return self._repeatable
            case _ if letter.key_field:
                return self._keyed
            case _ if letter.entry.key_kind == KeyKind.IDEMPOTENCY:
                return self._repeatable
            case _:
                return self._probed

    def _in_job(self, letters: Sequence[Letter]) -> dict[str, Found]:
        """Ask the Bulk job; one that is not kept any more leaves its records to be looked at."""
        try:
            told = self.ingests.look(letters[0].entry.job_id or "", letters)
        except NotFound:
            strays = [replace(one, entry=one.entry._replace(job_id=None)) for one in letters]
            return dict(zip([one.entry.id for one in strays], self.at(strays), strict=True))
        return {
            one.entry.id: _applied(what) if isinstance(what, str) else what for one, what in told
        }

    def _repeatable(self, letters: Sequence[Letter]) -> dict[str, Found]:
        """Send again: the key makes a repeat harmless."""
        return {one.entry.id: _again() for one in letters}

    def _keyed(self, letters: Sequence[Letter]) -> dict[str, Found]:
        """Find creates by the unique field that holds their keys."""
        field, keys = letters[0].key_field or "", [x.command.external_id or "" for x in letters]
        sobject = letters[0].command.sobject
        where = soql.and_(*conditions_of(sobject), soql.in_(field, keys))
        query = soql.select(["Id", field], sobject, where=where)
        made: dict[str, str] = {}
        for page in self.client.query(query, include_deleted=True):
            made |= {str(row[field]).lower(): row["Id"] for row in page.records}
        return {
            one.entry.id: _applied(made[key.lower()]) if key.lower() in made else _again()
            for one, key in zip(letters, keys, strict=True)
        }

    def _updated(self, letters: Sequence[Letter]) -> dict[str, Found]:
        """Compare records with what was asked; a repeat of an update does no harm."""
        names = dict.fromkeys(name for one in letters for name in one.fields)
        rows = self._rows(letters, list(names))
        return {
            one.entry.id: _applied(one.command.record_id or "")
            if row is not None and stands(one.fields, row)
            else _again()  # of a record that is gone, the org will say so
            for one, row in zip(letters, rows, strict=True)
        }

    def _deleted(self, letters: Sequence[Letter]) -> dict[str, Found]:
        rows = self._rows(letters, ["Id"])
        return {
            one.entry.id: _again() if row else _applied(one.command.record_id or "")
            for one, row in zip(letters, rows, strict=True)
        }

    def _rows(self, letters: Sequence[Letter], names: list[str]) -> Sequence[dict[str, Any] | None]:
        ids = [one.command.record_id or "" for one in letters]
        sobject = letters[0].command.sobject
        return self.client.retrieve_many(sobject, ids, names, dict[str, Any]).records

    def _moved(self, letters: Sequence[Letter]) -> dict[str, Found]:
        found: dict[str, Found] = {}
        for one in letters:
            version = one.command.record_id or ""
            wanted = "Online" if one.command.op is Op.PUBLISH else "Archived"
            status = articles.status_of(one.command.sobject, version, self.client)
            found[one.entry.id] = _applied(version) if status == wanted else _again()
        return found

    def _drafted(self, letters: Sequence[Letter]) -> dict[str, Found]:
        found: dict[str, Found] = {}
        for one in letters:
            sobject = one.command.sobject
            try:
                draft = articles.draft_of(sobject, one.command.record_id or "", self.client)
                row = self.client.retrieve(sobject, draft, one.fields) if draft else None
            except NotFound:
                row = None
            is_there = row is not None and stands(one.fields, row)
            found[one.entry.id] = _applied(draft or "") if is_there else _again()
        return found

    def _probed(self, letters: Sequence[Letter]) -> dict[str, Found]:
        return {one.entry.id: self._probe(one) for one in letters}

    def _probe(self, letter: Letter) -> Settlement:
        describe = self.describes.get(letter.command.sobject)
        if describe is None:
            return _again()  # the org will say what is wrong
        sent = self._sent(letter)
        candidates = probe.found(letter, sent, describe, self.client)
        with self.store.begin() as tx:
            free = [
                one
                for one in candidates
                if not claims.is_claimed(
                    tx, letter.command.sobject, one, other_than=letter.entry.id
                )
            ]
            if len(free) == 1:  # ours from here on: nobody else may take it for his
                claims.note_result(tx, letter.entry.id, free[0])
        return probe.settled(free, letter, sent, now=self.clock())

    def _sent(self, letter: Letter) -> probe.Sent:
        self.client.versions()
        now, ours = self.client.server_time(), self.clock()
        if now is None:
            raise ProtocolError("the answer bears no Date", code="NO_DATE")
        with self.store.read() as tx:
            tries = outbox.attempts(tx, letter.entry.id)
            account = accounts.get(tx, self.account)
        ahead = now - ours
        started = [one.started_at + ahead for one in tries] or [now]
        user_id = account.user_id if account else None
        return probe.Sent(min(started), max(started), now, user_id or "")


def _applied(record_id: str) -> Settlement:
    return Settlement(state=CommandState.APPLIED, result_id=record_id)


def _again() -> Settlement:
    return Settlement(
        state=CommandState.PENDING,
        error_code="NOT_APPLIED",
        error_message="the lost attempt left no trace in the org: sent again",
        counts=False,
    )
