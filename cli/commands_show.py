"""`scsync commands show`: one command's life, what was asked beside what now stands."""

import json as jsonlib
from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import Any

import typer
from rich.markup import escape

from cli.commands_choice import Id
from cli.context import Context, Json, context, print_json, short
from cli.prose import aged, cause, plain, spanned, wrapped
from models.command import REFERENCE, Op
from models.outbox import Attempt, KeyKind, OutboxEntry
from pipelines.life import Life, look
from store.waits import Wait

_LONGEST = 300  # characters of one value; --json has them all
_LABEL = 13

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


def register(group: typer.Typer) -> None:
    @group.command(epilog="Example: scsync commands show 0b7c9a52-6f0e-4f0e-9d0e-2f6f4a1b7c3d")
    def show(typer_context: typer.Context, command_id: Id, *, json: Json = False) -> None:
        """Show one command: asked and standing, what it waits for, every attempt."""
        ctx = context(typer_context)
        with ctx.app() as parts, parts.store.read() as tx:
            life = look(tx, command_id.lower(), now=parts.clock())
        if json:
            print_json(life.document())
        else:
            _tell(ctx, life)


def _tell(ctx: Context, life: Life) -> None:
    entry = life.entry
    ctx.line(f"{entry.id}: {entry.state}")
    for label, text in _head(life):
        wrapped(ctx, text, head=label, indent=_LABEL)
    _tell_fields(ctx, life)
    _tell_tries(ctx, life.tries)


def _head(life: Life) -> Iterator[tuple[str, str]]:
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


def _manners(entry: OutboxEntry) -> Iterator[tuple[str, str]]:
    if entry.on_conflict or entry.expected_modstamp:
        since: Any = entry.expected_modstamp
        after = f", if changed after {short(since) if isinstance(since, datetime) else since}"
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
        yield "waits", f"for a worker's answer, at most until {short(entry.lease_until)}"
    elif wait in _WAITS:
        yield "waits", _WAITS[wait]
    if wait and isinstance(later, datetime) and later > life.now:
        yield "not before", f"{short(later)} (in {spanned(later - life.now)})"
    for parent, state in life.parents.items():
        yield "depends on", f"{parent} ({state or 'gone'})"
    if life.folded_into:
        yield "folded into", life.folded_into
    for rider in life.riders:
        yield "carries", rider


def _tell_fields(ctx: Context, life: Life) -> None:
    """Print what was asked beside what stands otherwise, those fields marked."""
    asked, stands = life.entry.fields, life.stands
    if not isinstance(asked, dict):  # a row that is no command
        wrapped(ctx, str(asked), head="fields", indent=_LABEL)
        return
    rows: list[list[Any]] = [
        [
            "!" if name in stands else "",
            escape(plain(name)),
            escape(_value(value)),
            escape(_value(stands[name])) if name in stands else "",
        ]
        for name, value in asked.items()
    ]
    if rows:
        ctx.line("")
        ctx.table(["", "FIELD", "ASKED", "STANDS"], rows)


def _tell_tries(ctx: Context, tries: Sequence[Attempt]) -> None:
    if tries:
        ctx.line("")
        ctx.line("ATTEMPT  STARTED (UTC)            TOOK  OUTCOME")
    before: datetime | None = None
    for one in tries:
        if before is not None and (waited := one.started_at - before).total_seconds() >= 1:
            ctx.line(f"         waited {spanned(waited)}")
        ended = one.finished_at
        took = f"{(ended - one.started_at).total_seconds():.2f}s" if ended else "-"
        ctx.line(f"{one.number:>7}  {short(one.started_at)} {took:>9}  {one.outcome}")
        if one.error_code or one.error_message:
            wrapped(ctx, cause(one.error_code, one.error_message), indent=9)
        before = ended


def _key(entry: OutboxEntry) -> str:
    if entry.op == Op.UPSERT and entry.external_id_field:
        return f"{entry.external_id_field}={entry.external_id}"
    return ""


def _when(moment: Any, now: datetime) -> str:
    if not isinstance(moment, datetime):
        return str(moment)
    return f"{short(moment)} UTC, {aged(moment, now)} ago"


def _value(value: Any) -> str:
    if isinstance(value, dict) and set(value) == {REFERENCE}:
        return f"the record of {value[REFERENCE]}"
    text = plain(value if isinstance(value, str) else jsonlib.dumps(value, ensure_ascii=False))
    if len(text) > _LONGEST:
        return f"{text[:_LONGEST]}… ({len(text):,} characters)"
    return text
