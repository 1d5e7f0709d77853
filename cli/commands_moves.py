"""`scsync commands retry`, `edit` and `discard`: one command, or all that match."""

from collections.abc import Callable, Sequence
from typing import Annotated

import typer
from sqlalchemy import Connection

from cli.commands_choice import (
    Code,
    Filters,
    Id,
    MaybeId,
    NewerThan,
    Object,
    OlderThan,
    State,
    Yes,
    confirm,
)
from cli.context import Context, Json, context, print_json
from cli.manners import AllowDuplicates, AutoAssign, OnConflict, given, read
from cli.submit import parse_fields
from config.settings import ConfigError
from models.outbox import FAILED, CommandState
from pipelines.life import known
from store import listing, revival
from worker.app import App

_CHUNK = 1_000
"""Commands moved in one transaction: other writers get their turn in between."""
_DISCARDABLE = (CommandState.PENDING, *FAILED)

Move = Callable[[Connection, Sequence[str]], list[str]]


def register(group: typer.Typer) -> None:
    _register_retry(group)
    _register_edit(group)
    _register_discard(group)


def _register_retry(group: typer.Typer) -> None:
    @group.command(epilog="Example: scsync commands retry --code CONFLICT --overwrite")
    def retry(
        typer_context: typer.Context,
        command_id: MaybeId = None,
        *,
        state: State = None,
        sobject: Object = None,
        code: Code = None,
        older_than: OlderThan = None,
        newer_than: NewerThan = None,
        overwrite: Annotated[
            bool,
            typer.Option("--overwrite", help="Have those win that were refused for a conflict."),
        ] = False,
        yes: Yes = False,
        json: Json = False,
    ) -> None:
        """Return rejected or dead commands to the queue; they are checked anew.

        With each go those that failed for its sake.
        """
        ctx = context(typer_context)
        filters = Filters(
            state=state, sobject=sobject, code=code, older_than=older_than, newer_than=newer_than
        )
        filters.must_be(FAILED, "retry")
        overwriting = 0

        def revive(tx: Connection, ids: Sequence[str]) -> list[str]:
            nonlocal overwriting
            if overwrite:
                overwriting += revival.overwrite(tx, ids)
            return revival.revive(tx, ids)

        with ctx.app() as parts:
            wanted = _wanted(parts, command_id, filters, FAILED)
            confirm(len(wanted), "retry", yes=yes)
            moved = _moved(parts, wanted, revive)
        more = {"overwriting": overwriting} if overwrite else {}
        along = _tell(ctx, command_id, wanted, moved, done="retried", json=json, **more)
        if json:
            return
        if along:
            ctx.line(f"{along:,} more that had failed for their sake")
        if overwrite:
            ctx.line(f"{overwriting:,} of them to overwrite what others have changed")


def _register_edit(group: typer.Typer) -> None:
    @group.command(
        epilog="Example: scsync commands edit 0b7c9a52-6f0e-4f0e-9d0e-2f6f4a1b7c3d Priority=High"
    )
    def edit(
        typer_context: typer.Context,
        command_id: Id,
        words: Annotated[
            list[str] | None, typer.Argument(metavar="Field=value...", help="The new values.")
        ] = None,
        *,
        on_conflict: OnConflict = None,
        auto_assign: AutoAssign = None,
        allow_duplicates: AllowDuplicates = None,
        json: Json = False,
    ) -> None:
        """Change a rejected or dead command and return it to the queue."""
        ctx = context(typer_context)
        manners = read(
            given(
                on_conflict=on_conflict,
                auto_assign=auto_assign,
                allow_duplicates=allow_duplicates,
            )
        )
        if not words and not manners:
            raise ConfigError("nothing to edit: name Field=value, or an option")
        with ctx.app() as parts:
            with parts.store.read() as tx:
                entry = known(tx, command_id.lower())
            fields = {}
            if words:
                fields = parse_fields(words, entry.sobject, describes=parts.describes)
            with parts.store.begin() as tx:
                moved = revival.edit(tx, entry.id, fields, manners)
        along = _tell(ctx, command_id, [entry.id], moved, done="edited", json=json)
        if along and not json:
            ctx.line(f"{along:,} more retried that had failed for its sake")


def _register_discard(group: typer.Typer) -> None:
    @group.command(epilog="Example: scsync commands discard --state dead --code NOT_FOUND")
    def discard(
        typer_context: typer.Context,
        command_id: MaybeId = None,
        *,
        state: State = None,
        sobject: Object = None,
        code: Code = None,
        older_than: OlderThan = None,
        newer_than: NewerThan = None,
        yes: Yes = False,
        json: Json = False,
    ) -> None:
        """Give commands up for good, pending ones if --state says so; they stay listed.

        What waits for one of them is rejected.
        """
        ctx = context(typer_context)
        filters = Filters(
            state=state, sobject=sobject, code=code, older_than=older_than, newer_than=newer_than
        )
        filters.must_be(_DISCARDABLE, "discard")
        with ctx.app() as parts:
            wanted = _wanted(parts, command_id, filters, FAILED)
            confirm(len(wanted), "discard", yes=yes)
            now = parts.clock()
            moved = _moved(parts, wanted, lambda tx, ids: revival.discard(tx, ids, now=now))
        _tell(ctx, command_id, wanted, moved, done="discarded", json=json)


def _wanted(
    parts: App, command_id: str | None, filters: Filters, default: Sequence[CommandState]
) -> list[str]:
    """Name the commands that are meant."""
    if command_id:
        return [command_id.lower()]
    if not filters.any:
        raise ConfigError("name a command, or choose some by --state, --object, --code or age")
    with parts.store.read() as tx:
        return listing.ids(tx, filters.choice(parts.clock(), default))


def _moved(parts: App, wanted: Sequence[str], move: Move) -> list[str]:
    moved: list[str] = []
    for start in range(0, len(wanted), _CHUNK):
        with parts.store.begin() as tx:
            moved += move(tx, wanted[start : start + _CHUNK])
    return moved


def _tell(
    ctx: Context,
    command_id: str | None,
    wanted: Sequence[str],
    moved: Sequence[str],
    *,
    done: str,
    json: bool,
    **more: int,
) -> int:
    """Say what was done, and give how many went along that were not asked for."""
    if command_id and not moved:
        raise ConfigError(
            f"{command_id} cannot be {done}: unknown, or in no state for it; "
            "see scsync commands list"
        )
    asked = set(wanted)
    along = [one for one in moved if one not in asked]
    own = [one for one in moved if one in asked]
    if json:
        print_json({done: own, "along": along, **more})
        return len(along)
    ctx.line(f"{len(own):,} {done}")
    if len(own) < len(asked):
        ctx.say(f"{len(asked) - len(own):,} had moved on meanwhile, and were left alone")
    return len(along)
