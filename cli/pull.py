"""`scsync pull`: one cycle now."""

import time
from typing import Annotated

import typer

from cli import progress
from cli.context import FAILED, Context, Json, context, print_json
from models.run import RunOutcome
from pipelines.pull import Pulled
from worker.app import App

_PATIENCE = 30.0  # s for what another process is pulling
_LOOK_EVERY = 0.2  # s


def register(app: typer.Typer, panel: str) -> None:
    @app.command(rich_help_panel=panel, epilog="Example: scsync pull Case CaseComment")
    def pull(
        typer_context: typer.Context,
        objects: Annotated[
            list[str] | None, typer.Argument(help="sObjects; all configured ones if none.")
        ] = None,
        *,
        backfill: Annotated[
            bool, typer.Option(help="Read from the beginning; rows that did not change stay.")
        ] = False,
        json: Json = False,
    ) -> None:
        """Bring the store up to now: one cycle over the sObjects."""
        ctx = context(typer_context)
        with ctx.app() as parts:
            results = cycle(ctx, parts, objects or [], backfill=backfill)
        if json:
            print_json([_fields(result) for _, result in results])
        else:
            _show(ctx, results)
        if any(result.outcome is None for _, result in results):
            ctx.say("another process is still pulling what is busy: see scsync status")
        if any(result.outcome is RunOutcome.FAILED for _, result in results):
            ctx.say("some objects failed; what the others brought is stored, and so is how far")
        if any(result.outcome in {None, RunOutcome.FAILED} for _, result in results):
            raise typer.Exit(FAILED)


def cycle(
    ctx: Context, parts: App, objects: list[str], *, backfill: bool = False
) -> list[tuple[float, Pulled]]:
    """Pull one object after the other, showing progress; give seconds and result of each.

    What another process is pulling is waited for and pulled again: its window may end before now.
    """
    models = parts.chosen(objects) if objects else parts.models
    results: dict[str, tuple[float, Pulled]] = {}
    until = time.monotonic() + _PATIENCE
    with progress.shown(ctx.err) as shown:
        while models:
            for model in models:
                started = time.monotonic()
                result = parts.puller(shown.report).pull(model, backfill=backfill)
                results[model.sobject] = (time.monotonic() - started, result)
            models = tuple(model for model in models if not results[model.sobject][1].outcome)
            if time.monotonic() > until:
                break
            time.sleep(_LOOK_EVERY if models else 0)
    return list(results.values())


def _show(ctx: Context, results: list[tuple[float, Pulled]]) -> None:
    rows = [
        [
            result.sobject,
            result.outcome or "busy",
            result.rows_read,
            result.rows_written,
            f"{seconds:.1f}",
        ]
        for seconds, result in results
    ]
    ctx.table(["OBJECT", "OUTCOME", "READ", "WRITTEN", "SECONDS"], rows)
    for _, result in results:
        if result.error_message:
            ctx.line(f"{result.sobject}: {result.error_message}")


def _fields(result: Pulled) -> dict[str, object]:
    return {**vars(result), "outcome": result.outcome or "busy"}
