"""Appending: checked commands become rows of the outbox, those that are known already do not."""

from dataclasses import dataclass, field
from datetime import datetime

from sqlalchemy import Connection

from models import by_name
from models.command import Command, Op
from models.outbox import FAILED, CommandState, Ready
from pipelines import merged
from pipelines.chunks import Chunk
from store import lanes, outbox

_HOPELESS = frozenset({*FAILED, CommandState.DISCARDED})
_MISSING = CommandState.DISCARDED


@dataclass
class Before:
    """What came earlier and may come again: commands by their keys, and ids that were named."""

    holders: dict[str | None, str] = field(default_factory=dict)
    ids: set[str] = field(default_factory=set)


def append(
    tx: Connection, chunk: Chunk, *, now: datetime, trace: str | None = None
) -> tuple[list[str], set[int]]:
    """Store what is new; give the id that answers to each, and which are another command's.

    Raises `Refused` where one waits for what can never come to be.
    """
    before = Before()
    fresh = fresh_of(tx, chunk, before)
    waits = waits_of(tx, fresh, before, held=True)
    columns = {**fresh.columns, "ready": _readiness(tx, fresh, waits, now)}
    if waits:
        columns["waits_for"] = [len(waits.get(one, ())) for one in fresh.ids]
    outbox.append(tx, columns, now=now, trace=trace)
    lost = _lost(tx, fresh, before)
    _link(tx, fresh, waits, lost)
    follow(tx, fresh, now)
    if fresh is chunk and not lost:
        return chunk.ids, set()
    return _answers(chunk, before, set(fresh.ids) - lost)


def fresh_of(tx: Connection, chunk: Chunk, before: Before) -> Chunk:
    """Choose those whose key and id are new, in the store and among what came before."""
    keys = [key for key in chunk.columns.get("idempotency_key", ()) if key]
    if not keys and not chunk.named:
        return chunk
    before.holders.update(outbox.by_key(tx, keys) if keys else {})
    there = outbox.known(tx, chunk.named) | before.ids.intersection(chunk.named)
    wanted = []
    for command_id, key in zip(chunk.ids, chunk.column("idempotency_key"), strict=True):
        is_first = not key or before.holders.setdefault(key, command_id) == command_id
        wanted.append(is_first and command_id not in there)
        if wanted[-1]:
            there.add(command_id)
    return chunk.only(wanted)


def waits_of(tx: Connection, chunk: Chunk, before: Before, *, held: bool) -> dict[str, list[str]]:
    """Find what each waits for; raises `Refused` for what can never come to be.

    Commands that only wait for earlier ones never wait for each other.
    """
    parents = {parent for one in chunk.dependents for parent in one.parents}
    if not parents:
        return {}
    states = dict.fromkeys(before.ids & parents, str(CommandState.PENDING))
    states |= outbox.standing(tx, parents, held=held)
    places = {command_id: place for place, command_id in enumerate(chunk.ids)}
    waits: dict[str, list[str]] = {}
    for one in chunk.dependents:
        for parent in one.parents:
            is_earlier = places.get(parent, len(places)) < places[one.id]
            state = CommandState.PENDING if is_earlier else states.get(parent, _MISSING)
            if state in _HOPELESS:
                raise one.broken(parent)
            if state != CommandState.APPLIED:
                waits.setdefault(one.id, []).append(parent)
    return waits


def _readiness(
    tx: Connection, chunk: Chunk, waits: dict[str, list[str]], now: datetime
) -> list[int]:
    """Say of each what it waits for; its lane's first is due, unless others are there already."""
    blocked, timed, due = int(Ready.BLOCKED), int(Ready.TIMED), int(Ready.DUE)
    names: list[str] = chunk.column("lane")
    # A create's lane is its own.
    shared = [x for x, op in zip(names, chunk.column("op"), strict=True) if op != Op.CREATE]
    # Few are taken as a rule, and only those are worth a lock.
    busy = outbox.busy(tx, shared) if shared else set()
    taken = lanes.occupied(tx, busy) if busy else busy
    ready = []
    for name, command_id, then in zip(names, chunk.ids, chunk.column("not_before"), strict=True):
        if name in taken or command_id in waits:
            ready.append(blocked)
        else:
            ready.append(timed if then and then > now else due)
        taken.add(name)
    return ready


def _lost(tx: Connection, chunk: Chunk, before: Before) -> set[str]:
    """Find those whose key another submission brought in this very moment, on PostgreSQL."""
    keys = chunk.columns.get("idempotency_key", [])
    if tx.dialect.name == "sqlite" or not any(keys):
        return set()
    before.holders.update(outbox.by_key(tx, [key for key in keys if key]))
    return {x for x, key in zip(chunk.ids, keys, strict=True) if key and before.holders[key] != x}


def _link(tx: Connection, chunk: Chunk, waits: dict[str, list[str]], lost: set[str]) -> None:
    """Write down what waits for what."""
    links = []
    for one in chunk.dependents:
        if one.id in lost:
            continue
        for parent in waits.get(one.id, ()):
            if parent in lost:
                raise one.broken(parent)
            links.append((one.id, parent))
    outbox.link(tx, links)


def follow(tx: Connection, chunk: Chunk, now: datetime) -> None:
    """Have updates of records that are known to have been merged follow them."""
    ids: dict[str, list[str]] = {}
    for op, sobject, record_id in zip(
        chunk.column("op"), chunk.column("sobject"), chunk.column("record_id"), strict=True
    ):
        if op == Op.UPDATE:
            ids.setdefault(sobject, []).append(record_id)
    for sobject, records in ids.items():
        try:
            model = by_name(sobject)
        except LookupError:
            continue  # an object that is written, and not read
        if merged.MASTER in model.table().columns:
            losers = outbox.merged(tx, model, records)
            lost = [Command(op=Op.UPDATE, sobject=sobject, record_id=one) for one in losers]
            merged.redirect(tx, lost, now=now)


def _answers(chunk: Chunk, before: Before, stored: set[str]) -> tuple[list[str], set[int]]:
    """Tell which command each is; the first of several with one key is new, the rest repeat it."""
    ids, repeated = [], set()
    keys = chunk.column("idempotency_key")
    for position, (command_id, key) in enumerate(zip(chunk.ids, keys, strict=True)):
        ids.append(before.holders.get(key) or command_id)
        if ids[-1] not in stored:
            repeated.add(position)
        stored.discard(ids[-1])
    return ids, repeated
