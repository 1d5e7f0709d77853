"""A command's life in words: what it is, how it is done, what it waits for and on whom."""

import json
from collections.abc import Iterator
from datetime import datetime
from typing import Any

from models.command import REFERENCE, Op
from models.outbox import KeyKind, OutboxEntry
from pipelines.life import Life
from pipelines.prose import aged, cause, plain, spanned, stamp
from store.waits import Wait

_KINDS = {
    KeyKind.EXTERNAL_ID: "an upsert on {field}, which holds its key: a repeat finds the record",
    KeyKind.IDEMPOTENCY: "the org replays its first answer to the same key, for thirty days",
    KeyKind.PROBE: "should the reply be lost, it is looked for by creator, time and contents",
}
_WAITS = {
    Wait.DUE: "for the next push: it is due",
    Wait.LOOK: "for the next push, which looks for it in the org: its reply was lost",
    Wait.UNCLEAR: "for another look at the org: its reply was lost",
    Wait.NEW: "to be checked, by the next push",
    Wait.DEPENDENCY: "for what it depends on",
    Wait.TIME: "for its time",
    Wait.UNCHECKED: "for rows before it that nobody has checked: they may be of its record",
    Wait.LOCK: "for another command of the same parent: it met a lock, and goes alone",
}


def facts(life: Life) -> Iterator[tuple[str, str]]:
    """Say what is known of a command, each fact under its name."""
    entry = life.entry
    yield "what", f"{entry.op} {entry.sobject} {entry.record_id or _key(entry)}".strip()
    yield "submitted", _when(entry.submitted_at, life.now)
    if entry.finished_at:
        yield "finished", _when(entry.finished_at, life.now)
    if entry.error_code:
        yield "why", cause(entry.error_code, entry.error_message)
    if entry.result_id and entry.result_id != entry.record_id:
        yield "record", entry.result_id
    if entry.idempotency_key:
        yield "key", f"{entry.idempotency_key}: the same key is the same command"
    if entry.op == Op.CREATE and entry.key_kind in _KINDS:
        yield "kept once", _KINDS[KeyKind(entry.key_kind)].format(field=entry.external_id_field)
    yield from _manners(entry)
    yield from _company(life)


def value_text(value: Any) -> str:
    """Write one value that was asked for, or that stands."""
    if isinstance(value, dict) and set(value) == {REFERENCE}:
        return f"the record of {value[REFERENCE]}"
    return plain(value if isinstance(value, str) else json.dumps(value, ensure_ascii=False))


def _manners(entry: OutboxEntry) -> Iterator[tuple[str, str]]:
    if entry.on_conflict or entry.expected_modstamp:
        since: Any = entry.expected_modstamp
        after = f", if changed after {stamp(since) if isinstance(since, datetime) else since}"
        yield "conflict", f"{entry.on_conflict or 'reject'}{after if since else ''}"
    if entry.auto_assign:
        rule = "the active one" if entry.auto_assign == "true" else entry.auto_assign
        yield "assigned by", f"rule: {rule}"
    if entry.allow_duplicates:
        yield "duplicates", "saved, where a rule would only warn"
    if entry.priority:
        yield "priority", str(entry.priority)
    if entry.job_id:
        yield "Bulk job", entry.job_id


def _company(life: Life) -> Iterator[tuple[str, str]]:
    """Say what a command waits for, and which others it has to do with."""
    entry, wait = life.entry, life.wait
    later: Any = entry.not_before
    if wait is Wait.RECORD and life.ahead:
        first = life.ahead
        who = f"{first.id} ({first.op}, {first.state})"
        yield "waits", f"for {first.commands:,} of its record, the first is {who}"
    elif wait is Wait.SENDING:
        yield "waits", f"for a worker's answer, at most until {stamp(entry.lease_until)}"
    elif wait in _WAITS:
        yield "waits", _WAITS[wait]
    if wait and isinstance(later, datetime) and later > life.now:
        yield "not before", f"{stamp(later)} (in {spanned(later - life.now)})"
    for parent, state in life.parents.items():
        yield "depends on", f"{parent} ({state or 'gone'})"
    if life.folded_into:
        yield "folded into", life.folded_into
    for rider in life.riders:
        yield "carries", rider


def _key(entry: OutboxEntry) -> str:
    if entry.op == Op.UPSERT and entry.external_id_field:
        return f"{entry.external_id_field}={entry.external_id}"
    return ""


def _when(moment: Any, now: datetime) -> str:
    if not isinstance(moment, datetime):
        return str(moment)
    return f"{stamp(moment)} UTC, {aged(moment, now)} ago"
