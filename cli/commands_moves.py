"""`scsync commands retry`, `edit` and `discard`: one command, or all that match."""

from collections.abc import Sequence
from functools import partial
from typing import Annotated

import typer

from cli.commands_choice import (
    Code,
    Filters,
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
from cli.submit import pairs
from config.settings import ConfigError
from models.outbox import FAILED, CommandState
from pipelines import editing, moves
from pipelines.life import known
from pipelines.moves import DISCARDABLE, RETRYABLE, Moved
from store import listing
from worker.app import App

_UNFIT = {"edited": "without the field, with one of the new name, "}
"""Why a move may not be about a command that is in a state for it."""


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
        filters.must_be(RETRYABLE, "retry")
        with ctx.app() as parts:
            wanted = _wanted(parts, command_id, filters, RETRYABLE)
            confirm(len(wanted), "retry", yes=yes)
            move = partial(
                moves.retry, operator=ctx.operator, now=parts.clock(), overwrite=overwrite
            )
            moved = moves.in_turns(parts.store, wanted, move)
        more = {"overwriting": moved.overwriting} if overwrite else {}
        _tell(ctx, command_id, wanted, moved, done="retried", json=json, **more)
        if json:
            return
        if moved.along:
            ctx.line(f"{len(moved.along):,} more that had failed for their sake")
        if overwrite:
            ctx.line(f"{moved.overwriting:,} of them to overwrite what others have changed")


def _register_edit(group: typer.Typer) -> None:
    @group.command(
        epilog="Example: scsync commands edit --object Case --code INVALID_FIELD"
        " --rename Priorty=Priority"
    )
    def edit(
        typer_context: typer.Context,
        words: Annotated[
            list[str] | None,
            typer.Argument(metavar="[ID] [Field=value]...", help="One command; the new values."),
        ] = None,
        *,
        rename: Annotated[
            list[str] | None,
            typer.Option(metavar="OLD=NEW", help="Have a field bear another name; repeatable."),
        ] = None,
        drop: Annotated[
            list[str] | None, typer.Option(metavar="FIELD", help="Leave it out; repeatable.")
        ] = None,
        state: State = None,
        sobject: Object = None,
        code: Code = None,
        older_than: OlderThan = None,
        newer_than: NewerThan = None,
        on_conflict: OnConflict = None,
        auto_assign: AutoAssign = None,
        allow_duplicates: AllowDuplicates = None,
        yes: Yes = False,
        json: Json = False,
    ) -> None:
        """Change rejected or dead commands on one object and return them to the queue.

        What has no field that is to be renamed or left out stays as it is.
        """
        ctx = context(typer_context)
        filters = Filters(
            state=state, sobject=sobject, code=code, older_than=older_than, newer_than=newer_than
        )
        filters.must_be(RETRYABLE, "edit")
        values = list(words or [])
        command_id = values.pop(0) if values and "=" not in values[0] else None
        manners = read(
            given(
                on_conflict=on_conflict,
                auto_assign=auto_assign,
                allow_duplicates=allow_duplicates,
            )
        )
        if not (values or rename or drop or manners):
            raise ConfigError("nothing to edit: name Field=value, or an option")
        with ctx.app() as parts:
            wanted = _wanted(parts, command_id, filters, RETRYABLE)
            change = editing.asked(
                _object_of(parts, command_id, filters),
                describes=lambda: parts.describes,
                values=pairs(values),
                renamed=pairs(rename or ()),
                dropped=drop or (),
                manners=manners,
            )
            confirm(len(wanted), "edit", yes=yes)
            move = partial(moves.edit, change=change, operator=ctx.operator, now=parts.clock())
            moved = moves.in_turns(parts.store, wanted, move)
        _tell(ctx, command_id, wanted, moved, done="edited", json=json)
        if moved.along and not json:
            ctx.line(f"{len(moved.along):,} more retried that had failed for their sake")


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
        filters.must_be(DISCARDABLE, "discard")
        with ctx.app() as parts:
            wanted = _wanted(parts, command_id, filters, FAILED)
            confirm(len(wanted), "discard", yes=yes)
            move = partial(moves.discard, operator=ctx.operator, now=parts.clock())
            moved = moves.in_turns(parts.store, wanted, move)
        _tell(ctx, command_id, wanted, moved, done="discarded", json=json)


def _object_of(parts: App, command_id: str | None, filters: Filters) -> str:
    """Name the one sObject whose fields are meant."""
    if command_id:
        with parts.store.read() as tx:
            return known(tx, command_id.lower()).sobject
    if filters.sobject is None:
        raise ConfigError("several are edited by --object: the fields are those of one")
    return filters.sobject


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


def _tell(
    ctx: Context,
    command_id: str | None,
    wanted: Sequence[str],
    moved: Moved,
    *,
    done: str,
    json: bool,
    **more: int,
) -> None:
    """Say what was done."""
    unfit = _UNFIT.get(done, "")
    if command_id and not moved.own and not moved.along:
        raise ConfigError(
            f"{command_id} cannot be {done}: {unfit}unknown, or in no state for it; "
            "see scsync commands list"
        )
    if json:
        print_json({done: moved.own, "along": moved.along, **more})
        return
    ctx.line(f"{len(moved.own):,} {done}")
    if len(moved.own) < len(set(wanted)):
        missed = len(set(wanted)) - len(moved.own)
        ctx.say(f"{missed:,} left alone: {unfit}moved on meanwhile")
