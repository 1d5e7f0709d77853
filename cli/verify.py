"""`scsync verify`: org and store compared, whatever the watermark says."""

from typing import Annotated

import typer

from cli import progress
from cli.context import NEEDS_A_PERSON, Context, Json, context, print_json
from models.sobject import SObject
from pipelines.plan import Skip
from pipelines.prose import stamp
from pipelines.verify import Verified, Verifier
from worker.app import App

_SOME = 5  # ids named for a person
_ROUNDS = 100  # of mending as many differences as one comparison names


def register(app: typer.Typer, panel: str) -> None:
    @app.command(rich_help_panel=panel, epilog="Example: scsync verify Case --repair")
    def verify(
        typer_context: typer.Context,
        objects: Annotated[list[str] | None, typer.Argument(help="sObjects; all if none.")] = None,
        *,
        repair: Annotated[
            bool, typer.Option(help="Read again what differs, bury what is gone.")
        ] = False,
        json: Json = False,
    ) -> None:
        """Compare org and store, whatever the watermarks say; exit 3 when they differ."""
        ctx = context(typer_context)
        with ctx.app() as parts:
            results, skipped = compare(ctx, parts, objects or [], repair=repair)
        if json:
            print_json([_fields(found) for found in results])
        else:
            show(ctx, results)
        for sobject, reason in skipped.items():
            ctx.say(f"{sobject}: not compared: {reason}")
        if any(found.differences for found in results):
            raise typer.Exit(NEEDS_A_PERSON)


def compare(
    ctx: Context, parts: App, objects: list[str], *, repair: bool
) -> tuple[list[Verified], dict[str, str]]:
    """Compare what the org shows, and say why not the rest; `repair` mends and compares again."""
    results: list[Verified] = []
    skipped: dict[str, str] = {}
    with progress.shown(ctx.err) as shown:
        verifier = parts.verifier(shown.report)
        for model in parts.chosen(objects) if objects else parts.models:
            try:
                found = verifier.compare(model)
                if repair and found.differences:
                    with parts.store.begin() as tx:
                        ctx.noted(parts, "object.repair", model.sobject, dict(found.causes))(tx)
                    found = _repaired(ctx, verifier, model, found)
                results.append(found)
            except Skip as reason:
                skipped[model.sobject] = str(reason)
    return results, skipped


def _repaired(ctx: Context, verifier: Verifier, model: type[SObject], found: Verified) -> Verified:
    """Mend and compare again, for as long as mending helps."""
    for _ in range(_ROUNDS):
        mended = verifier.repair(model, found)
        said = ", ".join(f"{number:,} {cause}" for cause, number in mended.items() if number)
        ctx.say(f"{model.sobject}: repaired: {said or 'nothing'}")
        found = verifier.compare(model)
        if not found.differences or not any(mended.values()):
            break
    return found


def show(ctx: Context, results: list[Verified]) -> None:
    """Print the comparison for a person."""
    rows = [
        [
            found.sobject,
            found.compared,
            found.calls,
            ", ".join(f"{number:,} {cause}" for cause, number in found.causes.items()) or "equal",
            stamp(found.through),
        ]
        for found in results
    ]
    ctx.table(["OBJECT", "COMPARED", "CALLS", "RESULT", "VERIFIED THROUGH"], rows)
    for found in results:
        if some := found.differences[:_SOME]:
            more = len(found.differences) - len(some)
            also = " and maybe more" * found.has_more
            ctx.line(
                f"{found.sobject}: {', '.join(some)}{f' and {more:,} more' * bool(more)}{also}"
            )


def _fields(found: Verified) -> dict[str, object]:
    return {**vars(found), "differences": found.causes}
