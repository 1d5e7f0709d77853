"""`scsync doctor`: what is wrong, and what to do about it."""

import typer

from cli.context import Json, context, print_json
from config.settings import masked_url
from pipelines.checkup import Finding, Verdict, checkup
from worker import broker as brokers
from worker.app import App

_NEEDS_A_PERSON = 3
_MARKS = {Verdict.OK: "ok", Verdict.WARNING: "[yellow]warn[/]", Verdict.FAILURE: "[red]FAIL[/]"}


def register(app: typer.Typer) -> None:
    @app.command(epilog="Example: scsync doctor --json")
    def doctor(typer_context: typer.Context, *, json: Json = False) -> None:
        """Check settings, store, broker, login, limits and access; each finding has its remedy."""
        ctx = context(typer_context)
        with ctx.app() as parts:
            findings = list(_findings(parts))
        if json:
            print_json([vars(finding) for finding in findings])
        else:
            for finding in findings:
                ctx.out.print(
                    f"{_MARKS[finding.verdict]:<6} {finding.topic:<20} {finding.evidence}"
                )
                if finding.remedy:
                    ctx.out.print(f"       {'':<20} -> {finding.remedy}")
        if any(finding.verdict is Verdict.FAILURE for finding in findings):
            raise typer.Exit(_NEEDS_A_PERSON)


def _findings(parts: App) -> list[Finding]:
    url = masked_url(parts.settings.database_url)
    _ = parts.store
    found = [Finding("store", Verdict.OK, f"{url} is open and up to date"), _broker(parts)]
    found += checkup(
        parts.models,
        client=parts.client,
        describes=parts.describes,
        clock=parts.clock,
        api_version=parts.settings.api_version,
        key_field=parts.settings.external_id_field,
    )
    return found


def _broker(parts: App) -> Finding:
    try:
        brokers.check(parts.settings)
    except brokers.BrokerUnavailable as error:
        return Finding("broker", Verdict.FAILURE, str(error), "Commands wait in the store.")
    return Finding("broker", Verdict.OK, masked_url(parts.settings.broker_url))
