"""Explain: what a drain would do at this moment, worked out from the store without a call."""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import NamedTuple

from sqlalchemy import Connection

from models import by_name
from models.command import Conflict, Op
from models.outbox import KeyKind, Taken
from pipelines import folding
from pipelines.articles import KNOWLEDGE
from pipelines.hand import command_of
from pipelines.parcels import MOST, Letter, Parcel, goes_alone, parcels
from pipelines.readback import MOST as MOST_QUERIED
from pipelines.readback import MOST_RETRIEVED
from store import accounts, ingests, outbox, waits
from store.ingests import Crowd
from store.waits import Waiting

_MOST = 10_000
"""Commands whose requests are worked out; of more, the rest is only counted."""
_LOOKED_AHEAD = 5_000
_JOB_CALLS = 6  # opened, filled, closed, looked at once, and its two results


class Request(NamedTuple):
    """What would travel together, and what that costs at least."""

    op: str
    sobject: str
    key_field: str | None
    auto_assign: str | None
    allow_duplicates: bool
    by_bulk: bool
    commands: tuple[str, ...]
    folded: tuple[str, ...]
    calls: int
    """One to write; before it, a look where somebody else may have been there."""


class Look(NamedTuple):
    """Commands whose replies were lost, by how they are looked for."""

    op: str
    sobject: str
    commands: tuple[str, ...]
    calls: int


@dataclass(frozen=True, kw_only=True)
class Forecast:
    """What a drain would do."""

    account: str | None
    """How the account stands; None: it is not linked."""
    looks: list[Look]
    requests: list[Request]
    waits: list[Waiting]
    read_back: int
    """Calls to read the touched records back."""
    unread: int
    """Due commands beyond those whose requests were worked out."""

    @property
    def calls(self) -> int:
        asked = sum(one.calls for one in self.looks) + sum(one.calls for one in self.requests)
        return asked + self.read_back


def forecast(
    tx: Connection, account: str, *, now: datetime, folds: bool, ingest_above: int
) -> Forecast:
    """Look, take nothing, send nothing."""
    linked = accounts.get(tx, account)
    waiting = waits.every(tx, now=now)
    due = waits.due(tx, now=now, limit=_MOST)
    number = sum(one.commands for one in waiting if one.wait is waits.Wait.DUE)
    requests = list(_requests(tx, due, now=now, folds=folds, ingest_above=ingest_above))
    return Forecast(
        account=linked.state if linked else None,
        looks=_looks(waits.unclear(tx, now=now)),
        requests=requests,
        waits=waiting,
        read_back=_read_back(requests),
        unread=max(0, number - len(due)),
    )


def _requests(
    tx: Connection, due: Sequence[Taken], *, now: datetime, folds: bool, ingest_above: int
) -> Iterable[Request]:
    left = list(due)
    if ingest_above and (kind := ingests.crowd(tx, above=ingest_above, now=now)):
        yield _job(kind, [one for one in left if _kind(one) == kind])
        left = [one for one in left if _kind(one) != kind]
    # One claim takes few of those that go alone: they do not thin out the others' parcels.
    single = [one for one in left if goes_alone(one)]
    others = [one for one in left if not goes_alone(one)]
    riders: dict[str, list[Taken]] = {}
    for some in _parts(others, _LOOKED_AHEAD) if folds else ():
        riders |= _riders(tx, some, now=now)
    for hand in (*_parts(single, MOST), *_parts(others, MOST)):
        for parcel in parcels(_letters(tx, hand)):
            yield _request(parcel, riders)


def _kind(one: Taken) -> Crowd | None:
    """Say of which crowd a command would be, by the rule of `store.ingests`; None: of none."""
    is_plain = not (one.expected_modstamp or one.auto_assign or one.allow_duplicates)
    is_first = not (one.alone or one.failures or one.sobject.endswith(KNOWLEDGE))
    by_key = one.external_id_field is not None
    if not (is_plain and is_first) or one.op not in {Op.UPDATE, Op.UPSERT, Op.DELETE, Op.CREATE}:
        return None
    if one.op == Op.CREATE and not by_key:
        return None
    return Crowd(one.op, one.sobject, one.external_id_field)


def _job(kind: Crowd, some: Sequence[Taken]) -> Request:
    return Request(
        op=kind.op,
        sobject=kind.sobject,
        key_field=kind.external_id_field,
        auto_assign=None,
        allow_duplicates=False,
        by_bulk=True,
        commands=tuple(one.id for one in some),
        folded=(),
        calls=_JOB_CALLS,
    )


def _parts(due: Sequence[Taken], size: int) -> Iterable[Sequence[Taken]]:
    for start in range(0, len(due), size):
        yield due[start : start + size]


def _riders(tx: Connection, due: Sequence[Taken], *, now: datetime) -> dict[str, list[Taken]]:
    """Find what would travel along with each of these."""
    chains = {one.lane: [one] for one in due if folding.may_carry(one)}
    growing = set(chains)
    for _ in range(folding.MOST - 1):
        behind = waits.behind(tx, [chains[lane][-1].id for lane in growing], now=now)
        fitting = [one for one in behind if folding.may_ride(one, chains[one.lane])]
        for one in fitting:
            chains[one.lane].append(one)
        growing = {one.lane for one in fitting}
    return {chain[0].id: chain[1:] for chain in chains.values()}


def _letters(tx: Connection, hand: Sequence[Taken]) -> list[Letter]:
    pairs = [(entry, command_of(entry)) for entry in hand]
    parents = [one for _, command in pairs for one in command.references()]
    records = outbox.results(tx, parents) if parents else {}
    known = {name: records.get(name) for name in parents}
    return [Letter(entry, one, one.resolved(known), entry.parent) for entry, one in pairs]


def _request(parcel: Parcel, riders: dict[str, list[Taken]]) -> Request:
    kind, ids = parcel.kind, tuple(one.entry.id for one in parcel.letters)
    return Request(
        op=kind.verb,
        sobject=kind.sobject,
        key_field=kind.key_field,
        auto_assign=kind.manner.auto_assign,
        allow_duplicates=kind.manner.allow_duplicates,
        by_bulk=False,
        commands=ids,
        folded=tuple(one.id for id_ in ids for one in riders.get(id_, ())),
        calls=_calls(parcel),
    )


def _calls(parcel: Parcel) -> int:
    """Count what a parcel costs at least."""
    is_single = len(parcel.letters) == 1
    if parcel.kind.sobject.endswith(KNOWLEDGE) and parcel.kind.verb in {Op.UPDATE, Op.DELETE}:
        return 2  # its version is looked at first, and a draft may have to be opened
    looks = any(
        one.guard
        and not (
            is_single
            and one.command.op is Op.UPDATE
            and one.command.on_conflict is not Conflict.MERGE
        )
        for one in parcel.letters
    )
    return 2 if looks else 1


def _looks(entries: Sequence[Taken]) -> list[Look]:
    groups: dict[tuple[str, ...], list[Taken]] = {}
    for one in entries:
        way = (one.op, one.sobject, one.external_id_field or "", one.job_id or "")
        groups.setdefault((*way, one.key_kind or ""), []).append(one)
    return [
        Look(some[0].op, some[0].sobject, tuple(one.id for one in some), _look_calls(some))
        for some in groups.values()
    ]


def _look_calls(some: Sequence[Taken]) -> int:
    """Count the calls to look for commands of one kind."""
    one = some[0]
    if one.job_id:
        return 3
    if one.op == Op.UPSERT or (one.op == Op.CREATE and one.key_kind == KeyKind.IDEMPOTENCY):
        return 0  # sent again: a repeat does no harm
    if one.op == Op.CREATE and not one.external_id_field:
        return 2 * len(some)
    if one.op in {Op.PUBLISH, Op.ARCHIVE} or one.sobject.endswith(KNOWLEDGE):
        return len(some)
    return -(-len(some) // MOST)


def _read_back(requests: Iterable[Request]) -> int:
    """Count the calls that read what was written: deletes are shown by queries only."""
    touched: Counter[tuple[str, bool]] = Counter()
    for one in requests:
        touched[one.sobject, one.op == Op.DELETE] += len(one.commands)
    calls = 0
    for (sobject, is_delete), number in touched.items():
        if _is_read(sobject):
            most = MOST_QUERIED if is_delete else MOST_RETRIEVED
            calls += -(-number // most)
    return calls


def _is_read(sobject: str) -> bool:
    try:
        by_name(sobject)
    except LookupError:
        return False  # an object that is written, and not read
    return True
