"""`scsync pull`: one cycle now."""

import time
from typing import Annotated

import typer

from cli import progress
from cli.context import Context, Json, context, print_json
from models.run import RunOutcome
from pipelines.pull import Pulled
from worker.app import App

_SHORT_TEXT = 60


def register(app: typer.Typer) -> None:
    @app.command(epilog="Example: scsync pull Case CaseComment")
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
        if any(result.outcome is RunOutcome.FAILED for _, result in results):
            ctx.say("some objects failed; what the others brought is stored, and so is how far")
            raise typer.Exit(1)


def cycle(
    ctx: Context, parts: App, objects: list[str], *, backfill: bool = False
) -> list[tuple[float, Pulled]]:
    """Pull one object after the other, showing progress; give seconds and result of each."""
    models = parts.chosen(objects) if objects else parts.models
    results = []
    with progress.shown(ctx.err) as shown:
        for model in models:
            started = time.monotonic()
            result = parts.puller(shown.report).pull(model, backfill=backfill)
            results.append((time.monotonic() - started, result))
    return results


def _show(ctx: Context, results: list[tuple[float, Pulled]]) -> None:
    rows = [
        [
            result.sobject,
            result.outcome or "busy",
            result.rows_read,
            result.rows_written,
            f"{seconds:.1f}",
            (result.error_message or "")[:_SHORT_TEXT],
        ]
        for seconds, result in results
    ]
    ctx.table(None, ["OBJECT", "OUTCOME", "READ", "WRITTEN", "SECONDS", "NOTE"], rows)


def _fields(result: Pulled) -> dict[str, object]:
    return {**vars(result), "outcome": result.outcome or "busy"}
