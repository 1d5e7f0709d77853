"""`scsync pull`: one cycle now."""

import time
from typing import Annotated

import typer

from cli import progress
from cli.context import FAILED, NEEDS_A_PERSON, Context, Json, context, print_json
from models.finding import FindingKind
from models.run import RunOutcome
from pipelines.cycle import Cycle
from pipelines.pull import Pulled
from store import findings
from worker.app import App

_PATIENCE = 30.0  # s for what another process is pulling
_LOOK_EVERY = 0.2  # s
_INCOMPLETE = {
    None: "another process is still pulling what is busy: see scsync status",
    RunOutcome.HELD: "what is held waits for API calls and is read later: see scsync status",
    RunOutcome.FAILED: "some objects failed; what the others brought is stored, and so is how far",
}


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
        started = time.monotonic()
        with ctx.app() as parts:
            results = cycle(ctx, parts, objects or [], backfill=backfill)
            odd = _odd(parts, results)
        if json:
            print_json([_fields(result) for result in results])
        else:
            _show(ctx, results, time.monotonic() - started)
        outcomes = {result.outcome for result in results}
        for outcome, meaning in _INCOMPLETE.items():
            if outcome in outcomes:
                ctx.say(meaning)
        for message in odd:
            ctx.say(f"needs you: {message}")
        if odd or outcomes & _INCOMPLETE.keys():
            raise typer.Exit(NEEDS_A_PERSON if odd else FAILED)


def cycle(ctx: Context, parts: App, objects: list[str], *, backfill: bool = False) -> list[Pulled]:
    """Run one cycle, five objects a call where that serves, showing progress.

    What another process is pulling is waited for and pulled again: its window may end before now.
    """
    models = parts.chosen(objects) if objects else parts.models
    parts.describes.look_again(model.sobject for model in models)
    results = {model.sobject: Pulled(sobject=model.sobject, outcome=None) for model in models}
    until = time.monotonic() + _PATIENCE
    if backfill:
        with parts.store.begin() as tx:
            for model in models:
                ctx.noted(parts, "object.backfill", model.sobject)(tx)
    with progress.shown(ctx.err) as shown:
        while models:
            puller = parts.puller(shown.report)
            found = (
                [puller.pull(model, backfill=True) for model in models]
                if backfill
                else Cycle(puller=puller).run(models)
            )
            results |= {result.sobject: result for result in found}
            models = tuple(model for model in models if not results[model.sobject].outcome)
            if time.monotonic() > until:
                break
            time.sleep(_LOOK_EVERY if models else 0)
    return list(results.values())


def _odd(parts: App, results: list[Pulled]) -> list[str]:
    """Say which objects showed no rows where there were many: an empty answer is no failure."""
    pulled = {result.sobject for result in results}
    with parts.store.read() as tx:
        return [
            f"{one.sobject}: {one.message}"
            for one in findings.every(tx)
            if one.kind == FindingKind.ZERO_ROWS and one.sobject in pulled
        ]


def _show(ctx: Context, results: list[Pulled], seconds: float) -> None:
    rows = [
        [result.sobject, result.outcome or "busy", result.rows_read, result.rows_written]
        for result in results
    ]
    ctx.table(["OBJECT", "OUTCOME", "READ", "WRITTEN"], rows)
    told: dict[str, list[str]] = {}
    for result in results:
        if result.error_message:
            told.setdefault(result.error_message, []).append(result.sobject)
    for message, names in told.items():
        everybody = 1 < len(names) == len(results)
        ctx.line(f"{'all' if everybody else ', '.join(names)}: {message}")
    ctx.line(f"{len(results)} objects in {seconds:.1f} s")


def _fields(result: Pulled) -> dict[str, object]:
    return {**vars(result), "outcome": result.outcome or "busy"}
