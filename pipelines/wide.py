"""Answers of a query whatever its width and its values: split where too long, decoded with care.

Source: "API Request Limits" (16,384 bytes of URI and headers); Salesforce has no POST for a query.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, NamedTuple

import msgspec
import structlog

from models.columns import Kind, SyncField
from models.decoder import Loosely, extra_text, lenient_type, record_type, values
from pipelines.plan import PAGE, Plan
from salesforce import calls, soql
from salesforce.client import Client
from salesforce.errors import ProtocolError
from salesforce.values import Page

EXTRA = SyncField("extra", "extra", Kind.TEXT)
"""What has no column, as JSON text behind a row's fields."""
_KEYS = ("id", "system_modstamp", "is_deleted")
_ROUNDS = 5  # of asking again for rows that change while their parts are read
_IDS = 200  # in one query

log = structlog.get_logger()

Row = tuple[Any, ...]


@dataclass(frozen=True)
class Read:
    """One page: the records' keys in its order, and rows that say which columns they fill."""

    page: Page[Any]
    rows: list[Row]
    fields: tuple[SyncField, ...] = ()
    """Empty: the plan's."""
    misfits: dict[str, int] = field(default_factory=dict)
    """How many values did not fit their column, by API name; they are in `extra`."""


class _Key(NamedTuple):
    id: str
    system_modstamp: str | datetime


def fits_one_call(text: str) -> bool:
    """Tell whether a query may travel as an address; a longer one has to be split."""
    return len(calls.query(text, include_deleted=True).path) <= calls.LONGEST_TARGET


def read(plan: Plan, text: str, *, client: Client, exact: bool) -> Read:
    """Ask a query that `plan.query` wrote, deleted rows included."""
    if fits_one_call(text):
        return _part(plan, plan.fields, plan.overflow, text, client=client, exact=exact)
    return _Split(plan, client, exact=exact).read(text)


def _part(
    plan: Plan,
    fields: Sequence[SyncField],
    others: Sequence[str],
    text: str,
    *,
    client: Client,
    exact: bool,
) -> Read:
    """Ask by the strict type, which is fast; if the answer refuses it, look at every value."""
    fields = tuple(fields)
    if not others:
        record = record_type(plan.model, fields, exact=exact)
        try:
            page = client.query_page(text, record=record, include_deleted=True)
        except ProtocolError as error:
            if error.code != "BROKEN_BODY":
                raise
            log.info("page.decoded_loosely", object=plan.model.sobject, why=str(error))
        else:
            rows = values(page.records)
            if not plan.keeps_extra:
                return Read(page, rows, fields)
            return Read(page, [(*row, None) for row in rows], (*fields, EXTRA))
    return _loosely(plan, fields, others, text, client=client, exact=exact)


def _loosely(
    plan: Plan,
    fields: tuple[SyncField, ...],
    others: Sequence[str],
    text: str,
    *,
    client: Client,
    exact: bool,
) -> Read:
    page = client.query_page(
        text, record=lenient_type(plan.model, fields, others), include_deleted=True
    )
    loosely = Loosely(fields, others, exact=exact)
    try:
        rows = [loosely.row(record) for record in page.records]
    except (msgspec.DecodeError, ValueError) as error:
        raise ProtocolError(
            f"not the body that was promised: {error}", code="BROKEN_BODY"
        ) from error
    places = [[one.column for one in fields].index(name) for name in ("id", "system_modstamp")]
    keys = [_Key(*(row[place] for place in places)) for row in rows]
    keyed: Page[Any] = Page(
        records=keys,
        done=page.done,
        total_size=page.total_size,
        server_time=page.server_time,
        next_url=page.next_url,
    )
    if plan.needs_care or any(row[-1] for row in rows):
        return Read(keyed, rows, (*fields, EXTRA), loosely.misfits)
    return Read(keyed, [row[:-1] for row in rows], fields)


def together(reads: Sequence[Read]) -> tuple[list[Row], tuple[SyncField, ...], dict[str, int]]:
    """Put the rows of some pages of one query together, with `extra` if any of them has it."""
    fields = max((one.fields for one in reads), key=len)
    rows: list[Row] = []
    misfits: dict[str, int] = {}
    for one in reads:
        lacking = (None,) * (len(fields) - len(one.fields))
        rows += [(*row, *lacking) for row in one.rows] if lacking else one.rows
        for name, number in one.misfits.items():
            misfits[name] = misfits.get(name, 0) + number
    return rows, fields, misfits


@dataclass(frozen=True)
class _Piece:
    """One of the field lists: the keys, some fields, some names that go to `extra`."""

    fields: tuple[SyncField, ...]
    others: tuple[str, ...]

    @property
    def names(self) -> list[str]:
        return [*(one.api_name for one in self.fields), *self.others]


class _Split:
    """A query asked as several, each with the keys, and merged by (Id, SystemModstamp)."""

    def __init__(self, plan: Plan, client: Client, *, exact: bool) -> None:
        self._plan = plan
        self._client = client
        self._exact = exact
        self._keys = tuple(one for one in plan.fields if one.column in _KEYS)
        self._misfits: dict[str, int] = {}

    def read(self, text: str) -> Read:
        tail = text.partition(" FROM ")[2]
        pieces = list(self._pieces(tail))
        first, *others = [self._ask(piece, tail) for piece in pieces]
        keys = [(key.id, _stamp(key)) for key in first.page.records]
        merged, torn = _merged(keys, [_by_id(one) for one in (first, *others)])
        if torn:
            log.info("rows.asked_again", object=self._plan.model.sobject, rows=len(torn))
            for start in range(0, len(torn), _IDS):
                merged |= self._again(torn[start : start + _IDS])
        # A row that is gone by now has left the answer; its deletion is told elsewhere.
        found = [merged[record_id] for record_id, _ in keys if record_id in merged]
        return self._laid_out(first.page, found)

    def _ask(self, piece: _Piece, tail: str) -> Read:
        text = _select(piece.names, tail)
        found = _part(
            self._plan, piece.fields, piece.others, text, client=self._client, exact=self._exact
        )
        for name, number in found.misfits.items():
            self._misfits[name] = self._misfits.get(name, 0) + number
        return found

    def _again(self, ids: list[str]) -> dict[str, dict[str, Any]]:
        """Ask for rows by Id until all their parts are of one stamp; those gone are left out."""
        merged: dict[str, dict[str, Any]] = {}
        for _ in range(_ROUNDS):
            tail = self._plan.query(soql.in_("Id", ids), limit=PAGE).partition(" FROM ")[2]
            first, *others = [self._ask(piece, tail) for piece in self._pieces(tail)]
            keys = [(key.id, _stamp(key)) for key in first.page.records]
            whole, ids = _merged(keys, [_by_id(one) for one in (first, *others)])
            merged |= whole
            if not ids:
                return merged
        raise ProtocolError(
            f"{len(ids)} rows of {self._plan.model.sobject} change while their parts are read",
            code="TORN_ROWS",
        )

    def _pieces(self, tail: str) -> Iterator[_Piece]:
        """Part the fields into as few lists as queries of the longest length need."""
        rest: list[SyncField | str] = [
            *(one for one in self._plan.fields if one not in self._keys),
            *self._plan.overflow,
        ]
        names = [one.api_name for one in self._keys]
        while rest:
            taken = _most(rest, lambda some: self._holds(names, some, tail))
            some, rest = rest[:taken], rest[taken:]
            yield _Piece(
                (*self._keys, *(one for one in some if isinstance(one, SyncField))),
                tuple(one for one in some if isinstance(one, str)),
            )

    def _holds(self, names: list[str], some: Sequence[SyncField | str], tail: str) -> bool:
        asked = [*names, *(one if isinstance(one, str) else one.api_name for one in some)]
        return fits_one_call(_select(asked, tail))

    def _laid_out(self, page: Page[Any], found: list[dict[str, Any]]) -> Read:
        fields = self._plan.fields
        rows: list[Row] = [tuple(row[one.column] for one in fields) for row in found]
        if self._plan.needs_care or any(row["extra"] for row in found):
            rows = [(*row, extra_text(one["extra"])) for row, one in zip(rows, found, strict=True)]
            fields = (*fields, EXTRA)
        return Read(page, rows, fields, self._misfits)


def _most(rest: list[SyncField | str], holds: Callable[[list[SyncField | str]], bool]) -> int:
    """Find how many of these go in, by halving; one goes in whatever it takes."""
    low, high = 1, len(rest)
    while low < high:
        middle = (low + high + 1) // 2
        low, high = (middle, high) if holds(rest[:middle]) else (low, middle - 1)
    return low


def _select(names: Sequence[str], tail: str) -> str:
    return f"SELECT {', '.join(names)} FROM {tail}"  # noqa: S608 - names were checked before


def _by_id(part: Read) -> dict[str, dict[str, Any]]:
    names = [one.column for one in part.fields]
    rows = (dict(zip(names, row, strict=True)) for row in part.rows)
    return {row["id"]: row for row in rows}


def _merged(
    keys: list[tuple[str, Any]], parts: list[dict[str, dict[str, Any]]]
) -> tuple[dict[str, dict[str, Any]], list[str]]:
    """Put rows together whose parts are all there and of one stamp; name those that are not."""
    merged: dict[str, dict[str, Any]] = {}
    torn: list[str] = []
    for record_id, stamp in keys:
        pieces = [part.get(record_id) for part in parts]
        if any(piece is None or piece["system_modstamp"] != stamp for piece in pieces):
            torn.append(record_id)
            continue
        row: dict[str, Any] = {}
        extra: dict[str, Any] = {}
        for piece in pieces:
            row |= piece or {}
            extra |= msgspec.json.decode(row.get("extra") or b"{}")
        merged[record_id] = row | {"extra": extra}
    return merged, torn


def _stamp(key: Any) -> Any:
    return key.system_modstamp
