"""Actions that read: answered by the org or by the store, with how fresh that is."""

from datetime import datetime
from typing import Any

from agents.bounds import bounded_list, bounded_record
from agents.forms import RECORDS
from models.action import Action, Verb
from pipelines.actions import (
    FURTHEST,
    ActionRefused,
    OrgAnswers,
    Question,
    Record,
    StoreAnswers,
    answer,
)
from salesforce.errors import NotFound
from worker.app import App

Arguments = dict[str, Any]


class Reading:
    """Answers for one account."""

    def __init__(self, parts: App) -> None:
        self._parts = parts
        self._org = OrgAnswers(client=parts.client, describes=parts.describes)
        self._store = StoreAnswers(store=parts.store)

    def answer(self, action: Action, given: Arguments) -> dict[str, Any]:
        """Do what a reading action does."""
        of_store = given.get("source") == "store"
        as_of = self._store.as_of(action) if of_store else self._parts.clock()
        records = self._found(action, given, of_store=of_store)
        told = _freshness(action, as_of, of_store=of_store)
        if action.verb is Verb.GET:
            return told | _one(records[0])
        return told | _several(action, records, given)

    def _found(self, action: Action, given: Arguments, *, of_store: bool) -> list[Record]:
        question = Question(
            where=given.get("where", ()),
            order=given.get("order"),
            limit=int(given.get("limit", RECORDS)),
            page=int(given.get("page", 1)),
            fields=given.get("fields", ()),
            language=given.get("language", "en_US"),
        )
        if question.offset > FURTHEST and not of_store:
            raise ActionRefused(
                f"page {question.page} begins after {question.offset:,} records, and the org skips "
                f'{FURTHEST:,} at most: ask with source "store", or narrow it by where'
            )
        words = [given[name] for name in ("record_id", "term") if name in given]
        try:
            return answer(self._store if of_store else self._org, action, words, question)
        except NotFound as error:
            if of_store:
                error.remedy = 'Ask with source "org": it may be newer than the last pull.'
            raise


def _freshness(action: Action, as_of: datetime | None, *, of_store: bool) -> dict[str, Any]:
    told: dict[str, Any] = {
        "source": "store" if of_store else "org",
        "as_of": as_of.isoformat() if as_of else None,
    }
    if as_of is None:
        told["note"] = f"{action.sobject} is not pulled to an end yet: records may be missing"
    return told


def _one(record: Record) -> dict[str, Any]:
    kept, left = bounded_record(record)
    if not left:
        return {"record": kept}
    return {"record": kept, "note": f"too long to show, ask by fields: {', '.join(left)}"}


def _several(action: Action, records: list[Record], given: Arguments) -> dict[str, Any]:
    """Show what fits; pages go on where this one ended only if they are as long."""
    kept, is_all = bounded_list(records)
    found: dict[str, Any] = {"records": kept}
    if action.verb is Verb.LIST:
        is_full = len(records) == given.get("limit", RECORDS)
        found["next_page"] = int(given.get("page", 1)) + 1 if is_full and is_all else None
    if not is_all:
        found["note"] = (
            f"{len(kept)} of {len(records)} records fit: ask with limit {len(kept)} and go by "
            "pages, or name fewer fields"
        )
    return found
