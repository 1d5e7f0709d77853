"""`scsync doctor`: what is wrong, and what to do about it."""

from collections.abc import Iterator

import typer

from cli.context import NEEDS_A_PERSON, WRONG_USAGE, Context, Json, context, print_json
from config.settings import ConfigError
from pipelines.verdicts import Finding, Verdict
from worker import doctor as round_

_MARKS = {Verdict.OK: "ok  ", Verdict.WARNING: "warn", Verdict.FAILURE: "FAIL"}


def register(app: typer.Typer, panel: str) -> None:
    @app.command(rich_help_panel=panel, epilog="Example: scsync doctor --json")
    def doctor(typer_context: typer.Context, *, json: Json = False) -> None:
        """Check settings, store, broker, login, limits and access; each finding has its remedy."""
        ctx = context(typer_context)
        findings = list(_looked(ctx))
        if json:
            print_json([vars(finding) for finding in findings])
        for finding in findings if not json else ():
            ctx.line(f"{_MARKS[finding.verdict]}  {finding.topic:<18}  {finding.evidence}")
            if finding.remedy:
                ctx.line(f"      -> {finding.remedy}")
        failed = {finding.topic for finding in findings if finding.verdict is Verdict.FAILURE}
        if failed:
            raise typer.Exit(WRONG_USAGE if round_.SETTINGS in failed else NEEDS_A_PERSON)


def _looked(ctx: Context) -> Iterator[Finding]:
    """Look at everything; settings that cannot be used are what was found then."""
    try:
        with ctx.app() as parts:
            yield from round_.findings(parts)
    except ConfigError as error:
        yield round_.unusable(error)
