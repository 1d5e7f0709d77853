"""`scsync verify`: org and store compared, whatever the watermark says."""

from typing import Annotated

import typer

from cli.context import NEEDS_A_PERSON, Context, Json, context, print_json
from pipelines.plan import Skip
from pipelines.verify import Verified
from worker.app import App

_SOME = 5  # ids named for a person


def register(app: typer.Typer, panel: str) -> None:
    @app.command(rich_help_panel=panel, epilog="Example: scsync verify Case --repair")
    def verify(
        typer_context: typer.Context,
        objects: Annotated[list[str] | None, typer.Argument(help="sObjects; all if none.")] = None,
        *,
        repair: Annotated[bool, typer.Option(help="Read again what differs.")] = False,
        json: Json = False,
    ) -> None:
        """Compare org and store record by record; exit 3 when they differ."""
        ctx = context(typer_context)
        with ctx.app() as parts:
            results, skipped = compare(parts, objects or [], repair=repair)
        if json:
            print_json([vars(found) for found in results])
        else:
            show(ctx, results)
        for sobject, reason in skipped.items():
            ctx.say(f"{sobject}: not compared: {reason}")
        if any(found.differences for found in results):
            raise typer.Exit(NEEDS_A_PERSON)


def compare(
    parts: App, objects: list[str], *, repair: bool
) -> tuple[list[Verified], dict[str, str]]:
    """Compare what the org shows, and say why not the rest; `repair` mends and compares again."""
    results: list[Verified] = []
    skipped: dict[str, str] = {}
    verifier = parts.verifier()
    for model in parts.chosen(objects) if objects else parts.models:
        try:
            found = verifier.verify(model)
            if repair and found.differences:
                verifier.repair(model, found)
                found = verifier.verify(model)
            results.append(found)
        except Skip as reason:
            skipped[model.sobject] = str(reason)
    return results, skipped


def show(ctx: Context, results: list[Verified]) -> None:
    """Print the comparison for a person."""
    rows = [
        [
            found.sobject,
            found.compared,
            len(found.missing),
            len(found.stale),
            len(found.surplus),
            "equal" if not found.differences else "DIFFERENT",
        ]
        for found in results
    ]
    ctx.table(["OBJECT", "COMPARED", "MISSING", "STALE", "SURPLUS", "RESULT"], rows)
    for found in results:
        if some := found.differences[:_SOME]:
            more = len(found.differences) - len(some)
            ctx.line(f"{found.sobject}: {', '.join(some)}{f' and {more:,} more' * bool(more)}")
