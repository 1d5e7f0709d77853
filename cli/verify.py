"""`scsync verify`: org and store compared, whatever the watermark says."""

from typing import Annotated

import typer

from cli.context import Context, Json, context, print_json
from pipelines.plan import Skip
from pipelines.verify import Verified
from worker.app import App

_NEEDS_A_PERSON = 3
_SOME = 5


def register(app: typer.Typer) -> None:
    @app.command(epilog="Example: scsync verify Case --repair")
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
            results = compare(parts, objects or [], repair=repair)
        if json:
            print_json([vars(found) for found in results])
        else:
            show(ctx, results)
        if any(found.differences for found in results):
            raise typer.Exit(_NEEDS_A_PERSON)


def compare(parts: App, objects: list[str], *, repair: bool) -> list[Verified]:
    """Compare the objects that the org has; with `repair`, mend and compare again."""
    results = []
    verifier = parts.verifier()
    for model in parts.chosen(objects) if objects else parts.models:
        try:
            found = verifier.verify(model)
            if repair and found.differences:
                verifier.repair(model, found)
                found = verifier.verify(model)
        except Skip:
            continue
        results.append(found)
    return results


def show(ctx: Context, results: list[Verified]) -> None:
    """Print the comparison for a person."""
    rows = [
        [
            found.sobject,
            found.compared,
            len(found.missing),
            len(found.stale),
            len(found.surplus),
            "equal" if not found.differences else ", ".join(found.differences[:_SOME]),
        ]
        for found in results
    ]
    ctx.table(None, ["OBJECT", "COMPARED", "MISSING", "STALE", "SURPLUS", "RESULT"], rows)
