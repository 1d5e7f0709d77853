"""The actions that read, from the org or from the store; those that write are commands."""

import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal, InvalidOperation
from difflib import get_close_matches
from enum import StrEnum
from itertools import islice
from typing import Any

from sqlalchemy import Table, select
from sqlalchemy.exc import DataError

from models import by_name, conditions_of
from models.action import Action, Verb, by_action_name
from models.columns import Kind, utc
from pipelines.clerk import ACTION_DISABLED, disabled
from pipelines.describes import Describes
from salesforce import soql, sosl
from salesforce.client import Client
from salesforce.describe import Describe
from salesforce.errors import NotFound
from salesforce.ids import is_id, to_18
from store import watermarks
from store.engine import Store

Record = dict[str, Any]
MOST = 2000
"""Records of one answer; whoever wants all of them has tables."""
FURTHEST = 2000
"""How many records the org skips at most, SOQL's OFFSET."""

_FILTER = re.compile(
    r"(?P<field>[A-Za-z]\w*)\s*(?P<sign>!=|>=|<=|=|>|<)\s*(?P<value>.*)", re.DOTALL
)
_ORDER = re.compile(r"(?P<field>[A-Za-z]\w*)(?: +(?P<way>ASC|DESC))?", re.IGNORECASE)
_SOQL: dict[str, Callable[[str, object], str]] = {
    "=": soql.eq,
    "!=": soql.ne,
    ">": soql.gt,
    ">=": soql.ge,
    "<": soql.lt,
    "<=": soql.le,
}
_NO_VALUE = frozenset({"address", "location", "complexvalue", "base64"})
_KINDS = {
    **dict.fromkeys(("double", "currency", "percent", "int", "long"), Kind.NUMBER),
    "datetime": Kind.INSTANT,
    "date": Kind.DAY,
    "boolean": Kind.FLAG,
}
# Searches of articles have to name a state and one language.
_ARTICLES = "Knowledge__kav"


class ActionRefused(ValueError):  # noqa: N818 - read at the call site
    """The action, or what it was asked for, does not exist or is not enabled."""


class ActionDisabled(ActionRefused):
    """The action is none that this profile enables."""

    def __init__(self, action: str) -> None:
        super().__init__(f"{ACTION_DISABLED}: {disabled(action)}")
        self.disabled = (action,)


@contextmanager
def within_range() -> Iterator[None]:
    """Refuse values that no column can hold: numbers beyond its range, which the database knows."""
    try:
        yield
    except (DataError, OverflowError) as error:
        # Of PostgreSQL's words the first line names no value; SQLite's driver names none at all.
        cause = getattr(error, "orig", error)
        raise ActionRefused(f"a value is out of range: {str(cause).splitlines()[0]}") from None


def offered(name: str, allows: Callable[[str], bool]) -> Action:
    """Find an action that is enabled; nothing else has been looked at by then."""
    try:
        action = by_action_name(name)
    except LookupError as error:
        raise ActionRefused(str(error)) from None
    refuse_disabled(name, allows)
    return action


def refuse_disabled(name: str, allows: Callable[[str], bool]) -> None:
    """Refuse an action that is not enabled; its code is that of a refused command."""
    if not allows(name):
        raise ActionDisabled(name)


class Source(StrEnum):
    """Who answers an action that reads."""

    ORG = "org"
    STORE = "store"


@dataclass(frozen=True, kw_only=True)
class Question:
    """What to list or to look for; filters are of the form `Status=New` or `Priority!=Low`."""

    where: Sequence[str] = ()
    order: str | None = None
    limit: int = 50
    page: int = 1
    fields: Sequence[str] = ()
    language: str = "en_US"

    @property
    def offset(self) -> int:
        """How many records stand on the pages before."""
        if self.page < 1:
            raise ActionRefused(f"pages are counted from 1, there is no page {self.page}")
        return (self.page - 1) * _bounded(self.limit)


@dataclass(frozen=True)
class _Filter:
    field: str
    sign: str
    value: object


class OrgAnswers:
    """Answers from the org, as it is at this moment."""

    def __init__(self, *, client: Client, describes: Describes) -> None:
        self._client = client
        self._describes = describes

    def get(self, action: Action, record_id: str, fields: Sequence[str] = ()) -> Record:
        """Read one record, every field of it unless some are named."""
        describe = self._describe(action)
        every = [field.name for field in describe.fields if field.type not in _NO_VALUE]
        names = _chosen(fields or every, _names(describe), describe.name)
        query = soql.select(names, describe.name, where=soql.eq("Id", _id(record_id)), limit=1)
        found = self._client.query_page(query).records
        if not found:
            raise NotFound(f"there is no {describe.name} {record_id}", code="NOT_FOUND")
        return _plain(found[0])

    def find(self, action: Action, question: Question) -> list[Record]:
        """Read what matches, in one order or another."""
        offset = question.offset
        if offset > FURTHEST:
            raise ActionRefused(
                f"page {question.page} begins after {offset:,} records, and the org skips "
                f"{FURTHEST:,} at most: ask the store with --from store, or narrow it by --where"
            )
        describe = self._describe(action)
        query = soql.select(
            _wanted(action, question, _names(describe)),
            describe.name,
            where=self._where(describe, question.where, conditions_of(action.sobject)),
            order_by=_ordering(question.order, _names(describe), describe.name),
            limit=_bounded(question.limit),
        )
        if offset:
            query += f" OFFSET {offset:d}"
        pages = self._client.query(query)
        records = (record for page in pages for record in page.records)
        return [_plain(record) for record in islice(records, question.limit)]

    def search(self, action: Action, term: str, question: Question) -> list[Record]:
        """Look for a term in all fields; the org's index lags behind commits."""
        describe = self._describe(action)
        scope = []
        if describe.name == _ARTICLES:
            scope = [soql.eq("PublishStatus", "Online"), soql.eq("Language", question.language)]
        names = _wanted(action, question, _names(describe))
        where = self._where(describe, question.where, scope)
        limit = _bounded(question.limit)
        try:
            query = sosl.find(term, describe.name, names, where=where, limit=limit)
        except ValueError as error:
            raise ActionRefused(str(error)) from None
        return [_plain(record) for record in self._client.search(query)]

    def _describe(self, action: Action) -> Describe:
        found = self._describes.get(action.sobject)
        if found is None:
            raise NotFound(
                f"this org has no {action.sobject}, or hides it from this user",
                code="INVALID_TYPE",
                remedy="See scsync doctor.",
            )
        return found

    @staticmethod
    def _where(describe: Describe, given: Iterable[str], scope: Sequence[str]) -> str | None:
        kinds = {field.name: _KINDS.get(field.type, Kind.TEXT) for field in describe.fields}
        found = [
            _SOQL[one.sign](one.field, one.value) for one in _filters(given, kinds, describe.name)
        ]
        return soql.and_(*scope, *found) or None


class StoreAnswers:
    """Answers from the store: without a call, as fresh as the last pull; tombstones stay out."""

    def __init__(self, *, store: Store) -> None:
        self._store = store

    def as_of(self, action: Action) -> datetime | None:
        """Say up to when the store has everything of the action's object; None: not yet."""
        with self._store.read() as tx:
            return watermarks.read(tx, action.sobject).since

    def get(self, action: Action, record_id: str, fields: Sequence[str] = ()) -> Record:
        """Read one record as the last pull left it."""
        table, columns = _table(action)
        names = _chosen(fields or list(columns), columns, action.sobject)
        query = select(*(table.c[columns[name][0]].label(name) for name in names))
        with self._store.read() as tx:
            found = tx.execute(
                query.where(table.c.id == _id(record_id), ~table.c.is_deleted)
            ).mappings()
            row = found.one_or_none()
        if row is None:
            raise NotFound(
                f"the store has no {action.sobject} {record_id}",
                code="NOT_FOUND",
                remedy="Pull first, or ask the org with --from org.",
            )
        return dict(row)

    def find(self, action: Action, question: Question) -> list[Record]:
        """Read what matches, as the last pull left it."""
        table, columns = _table(action)
        names = _wanted(action, question, columns)
        query = select(*(table.c[columns[name][0]].label(name) for name in names))
        query = query.where(~table.c.is_deleted)
        kinds = {name: kind for name, (_, kind) in columns.items()}
        for one in _filters(question.where, kinds, action.sobject):
            query = query.where(_compared(table.c[columns[one.field][0]], one))
        for term in _ordering(question.order, columns, action.sobject):
            name, _, way = term.partition(" ")
            column = table.c[columns[name][0]]
            # As in SOQL, whichever way it goes.
            query = query.order_by((column.desc() if way == "DESC" else column).nulls_first())
        query = query.limit(_bounded(question.limit)).offset(question.offset)
        with within_range(), self._store.read() as tx:
            return [dict(row) for row in tx.execute(query).mappings()]


def _table(action: Action) -> tuple[Table, dict[str, tuple[str, Kind]]]:
    model = by_name(action.sobject)
    return model.table(), {one.api_name: (one.column, one.kind) for one in model.fields()}


def _compared(column: Any, one: _Filter) -> Any:
    if one.value is None:
        return column.is_(None) if one.sign == "=" else column.is_not(None)
    if one.sign == "!=":
        # As in SOQL, an empty field is different from any value.
        return column.is_distinct_from(one.value)
    return column.op("=" if one.sign == "=" else one.sign)(one.value)


def _names(describe: Describe) -> dict[str, object]:
    return {field.name: field for field in describe.fields}


def _wanted(action: Action, question: Question, known: Iterable[str]) -> list[str]:
    """Take the fields that are named, else those worth a look, as far as the org shows them."""
    names = list(known)
    if question.fields:
        return _chosen(question.fields, names, action.sobject)
    return [name for name in action.shown if name in names]


def _chosen(fields: Iterable[str], known: Iterable[str], sobject: str) -> list[str]:
    names = {name.lower(): name for name in known}
    return [_known(field, names, sobject) for field in fields]


def _known(field: str, names: dict[str, str], sobject: str) -> str:
    if field.lower() not in names:
        near = get_close_matches(field.lower(), names, 1)
        remedy = f"; did you mean {names[near[0]]}?" if near else ""
        raise ActionRefused(f"{field}: {sobject} has no such field, or hides it{remedy}")
    return names[field.lower()]


def _filters(given: Iterable[str], kinds: dict[str, Kind], sobject: str) -> Iterator[_Filter]:
    names = {name.lower(): name for name in kinds}
    for text in given:
        found = _FILTER.fullmatch(text)
        if found is None:
            raise ActionRefused(f"{text!r} is no filter: write Field=value, !=, >, >=, < or <=")
        name = _known(found["field"], names, sobject)
        value = _value(name, found["value"], kinds[name])
        if value is None and found["sign"] not in {"=", "!="}:
            raise ActionRefused(f"{text!r}: null is compared by = or != only")
        yield _Filter(name, found["sign"], value)


def _value(name: str, text: str, kind: Kind) -> object:
    """Read a value as its field's type wants it."""
    if text == "null":
        return None
    try:
        match kind:
            case Kind.NUMBER | Kind.WHOLE:
                return Decimal(text)
            case Kind.DAY:
                return date.fromisoformat(text)
            case Kind.INSTANT:
                moment = datetime.fromisoformat(text)
            case Kind.FLAG:
                return {"true": True, "false": False}[text.lower()]
            case _:
                return text
    except (ValueError, InvalidOperation, KeyError):
        raise ActionRefused(f"{name}: {text!r} is no {kind} value") from None
    if moment.tzinfo is None:
        raise ActionRefused(f"{name}: {text!r} needs a zone: write {text}Z if it is UTC")
    try:
        return utc(moment)
    except ValueError as error:
        raise ActionRefused(f"{name}: {error}") from None


def _ordering(given: str | None, known: Iterable[str], sobject: str) -> list[str]:
    """Read `Status, CreatedDate DESC`; by Id in the end, so that pages fit together."""
    names = {one.lower(): one for one in known}
    terms = [_term(text, names, sobject) for text in given.split(",")] if given else []
    by_id = any(term.partition(" ")[0] == "Id" for term in terms)
    return terms if by_id else [*terms, "Id"]


def _term(text: str, names: dict[str, str], sobject: str) -> str:
    found = _ORDER.fullmatch(text.strip())
    if found is None:
        raise ActionRefused(f"{text!r} is no order: write Field, or Field DESC")
    name = _known(found["field"], names, sobject)
    return f"{name} {(found['way'] or 'ASC').upper()}"


def _bounded(limit: int) -> int:
    if not 0 < limit <= MOST:
        raise ActionRefused(f"a limit is 1 to {MOST}, not {limit}")
    return limit


def _id(record_id: str) -> str:
    if not is_id(record_id):
        raise ActionRefused(f"{record_id!r} is not a record id (15 or 18 characters)")
    return to_18(record_id)


def _plain(record: Record) -> Record:
    return {name: value for name, value in record.items() if name != "attributes"}


def answer(
    answers: OrgAnswers | StoreAnswers, action: Action, words: Sequence[str], question: Question
) -> list[Record]:
    """Do what a reading action does; `words` are the record's id, or the term."""
    if question.page != 1 and action.verb is not Verb.LIST:
        raise ActionRefused(f"{action.name} has no pages: list_* actions do")
    match action.verb:
        case Verb.LIST if not words:
            return answers.find(action, question)
        case Verb.GET if len(words) == 1:
            return [answers.get(action, words[0], question.fields)]
        case Verb.SEARCH if words and isinstance(answers, OrgAnswers):
            return answers.search(action, " ".join(words), question)
        case Verb.SEARCH if words:
            raise ActionRefused("a search is the org's to answer: leave --from store out")
    wanted = {Verb.GET: "a record id", Verb.SEARCH: "a term"}.get(action.verb, "no further word")
    raise ActionRefused(f"{action.name} takes {wanted}")
