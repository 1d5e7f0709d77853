"""`scsync commands show`: one command's life, what was asked beside what now stands."""

from collections.abc import Sequence
from typing import Any

import typer
from rich.markup import escape

from cli.commands_choice import Id
from cli.context import Context, Json, context, print_json
from cli.prose import wrapped
from models.outbox import Attempt
from pipelines.life import Life, look
from pipelines.prose import cause, plain, spanned, stamp
from pipelines.telling import facts, value_text

_LONGEST = 300  # characters of one value; --json has them all
_LABEL = 13


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
    for label, text in facts(life):
        wrapped(ctx, text, head=label, indent=_LABEL)
    _tell_fields(ctx, life)
    _tell_tries(ctx, life.tries)


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
    before = None
    for one in tries:
        if before is not None and (waited := one.started_at - before).total_seconds() >= 1:
            ctx.line(f"         waited {spanned(waited)}")
        ended = one.finished_at
        took = f"{(ended - one.started_at).total_seconds():.2f}s" if ended else "-"
        ctx.line(f"{one.number:>7}  {stamp(one.started_at)} {took:>9}  {one.outcome}")
        if one.error_code or one.error_message:
            wrapped(ctx, cause(one.error_code, one.error_message), indent=9)
        before = ended


def _value(value: Any) -> str:
    text = value_text(value)
    if len(text) > _LONGEST:
        return f"{text[:_LONGEST]}… ({len(text):,} characters)"
    return text
