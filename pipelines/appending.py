"""Appending: checked commands become rows of the outbox, those that are known already do not."""

from dataclasses import dataclass, field
from datetime import datetime

import msgspec
from sqlalchemy import Connection

from models import by_name
from models.command import Command, Op
from models.outbox import FAILED, CommandState, Ready
from pipelines import merged
from pipelines.chunks import Chunk
from pipelines.receipts import MOST_REFUSALS, Refusal, Refused
from pipelines.validate import Problem
from store import lanes, outbox
from store.outbox import Known

_HOPELESS = frozenset({*FAILED, CommandState.DISCARDED})
_MISSING = CommandState.DISCARDED


@dataclass
class Before:
    """What came earlier and may come again: commands by their keys, and ids that were named."""

    holders: dict[str | None, Known] = field(default_factory=dict)
    ids: dict[str, Known] = field(default_factory=dict)


def append(
    tx: Connection, chunk: Chunk, *, now: datetime, trace: str | None = None
) -> tuple[list[str], set[int]]:
    """Store what is new; give the id that answers to each, and which are another command's.

    Raises `Refused` where one waits for what can never come to be, or bears the key or the id of
    a command that does something else.
    """
    before = Before()
    fresh = fresh_of(tx, chunk, before)
    waits = waits_of(tx, fresh, before, held=True)
    columns = {**fresh.columns, "ready": _readiness(tx, fresh, waits, now)}
    if waits:
        columns["waits_for"] = [len(waits.get(one, ())) for one in fresh.ids]
    lost = put(tx, msgspec.structs.replace(fresh, columns=columns), before, now=now, trace=trace)
    _link(tx, fresh, waits, lost)
    follow(tx, fresh, now)
    if fresh is chunk and not lost:
        return chunk.ids, set()
    return _answers(chunk, before, set(fresh.ids) - lost)


def fresh_of(tx: Connection, chunk: Chunk, before: Before) -> Chunk:
    """Choose those whose key and id are new, in the store and among what came before.

    Raises `Refused` for those whose key or id is known, and is another command's.
    """
    keys = [key for key in chunk.columns.get("idempotency_key", ()) if key]
    if not keys and not chunk.named:
        return chunk
    before.holders.update(outbox.by_key(tx, keys) if keys else {})
    earlier = {x: before.ids[x] for x in before.ids.keys() & set(chunk.named)}
    there = outbox.known(tx, chunk.named) | earlier
    wanted, refusals = [], []
    columns = (chunk.ids, chunk.column("digest"), chunk.column("idempotency_key"), chunk.where)
    for command_id, digest, key, where in zip(*columns, strict=True):
        one = Known(command_id, digest)
        holder = before.holders.setdefault(key, one) if key else one
        namesake = there.get(command_id, one)
        if found := _reused(key, holder, namesake, digest):
            refusals.append(Refusal(where[0], (found,), where[1]))
        wanted.append(holder.id == command_id and command_id not in there)
        if wanted[-1]:
            there[command_id] = one
    if refusals:
        raise Refused(refusals[:MOST_REFUSALS])
    return chunk.only(wanted)


def _reused(key: str | None, holder: Known, namesake: Known, digest: str | None) -> Problem | None:
    """Say that a key or an id is another command's; a repeat is one that does the same."""
    same = "a repeat has the same op, sobject, record and fields; anything else needs another"
    if holder.is_other(digest):
        told = f"{key!r} is the key of another command, {holder.id}: {same} key"
        return Problem("IDEMPOTENCY_KEY_REUSED", "idempotency_key", told)
    if namesake.is_other(digest):
        return Problem("ID_REUSED", "id", f"{namesake.id} is another command: {same} id")
    return None


def waits_of(tx: Connection, chunk: Chunk, before: Before, *, held: bool) -> dict[str, list[str]]:
    """Find what each waits for; raises `Refused` for what can never come to be.

    Commands that only wait for earlier ones never wait for each other.
    """
    parents = {parent for one in chunk.dependents for parent in one.parents}
    if not parents:
        return {}
    states = dict.fromkeys(before.ids.keys() & parents, str(CommandState.PENDING))
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


def put(
    tx: Connection, chunk: Chunk, before: Before, *, now: datetime, trace: str | None
) -> set[str]:
    """Store what is new; give the ids of what another submission brought in this very moment."""
    lost = outbox.append(tx, chunk.columns, now=now, trace=trace)
    if lost:
        fresh_of(tx, chunk.only([command_id in lost for command_id in chunk.ids]), before)
    return lost


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
        ids.append(before.holders[key].id if key else command_id)
        if ids[-1] not in stored:
            repeated.add(position)
        stored.discard(ids[-1])
    return ids, repeated
