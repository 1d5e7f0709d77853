"""`scsync doctor`: what is wrong, and what to do about it."""

import typer

from cli.context import NEEDS_A_PERSON, Json, context, print_json
from pipelines.verdicts import Verdict
from worker import doctor as round_

_MARKS = {Verdict.OK: "ok  ", Verdict.WARNING: "warn", Verdict.FAILURE: "FAIL"}


def register(app: typer.Typer, panel: str) -> None:
    @app.command(rich_help_panel=panel, epilog="Example: scsync doctor --json")
    def doctor(typer_context: typer.Context, *, json: Json = False) -> None:
        """Check settings, store, broker, login, limits and access; each finding has its remedy."""
        ctx = context(typer_context)
        with ctx.app() as parts:
            findings = list(round_.findings(parts))
        if json:
            print_json([vars(finding) for finding in findings])
        for finding in findings if not json else ():
            ctx.line(f"{_MARKS[finding.verdict]}  {finding.topic:<18}  {finding.evidence}")
            if finding.remedy:
                ctx.line(f"      -> {finding.remedy}")
        if any(finding.verdict is Verdict.FAILURE for finding in findings):
            raise typer.Exit(NEEDS_A_PERSON)
