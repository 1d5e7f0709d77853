"""`scsync status`: how fresh the store is and where the commands stand."""

from collections.abc import Iterator, Mapping
from datetime import datetime

import typer

from cli.context import NEEDS_A_PERSON, Context, Json, context, print_json
from models.incident import Incident, IncidentKind
from models.linked_account import AccountState
from pipelines.overview import ObjectStatus, Overview, short
from pipelines.verdict import judge
from store import tallies


def register(app: typer.Typer, panel: str) -> None:
    @app.command(rich_help_panel=panel, epilog="Example: scsync status --json | jq .commands")
    def status(typer_context: typer.Context, *, json: Json = False) -> None:
        """Show what is amiss, freshness and runs by object, and commands by state."""
        ctx = context(typer_context)
        with ctx.app() as parts:
            found = parts.overview()
            with parts.store.read() as tx:
                purged = tallies.totals(tx)
        if json:
            print_json({**_document(found), "purged": purged})
        else:
            show(ctx, found)
            if purged:
                ctx.line(f"purged: {_counted(purged)}")
        if not judge(found).is_ready:
            raise typer.Exit(NEEDS_A_PERSON)


def show(ctx: Context, found: Overview) -> None:
    """Print the overview for a person."""
    verdict = judge(found)
    for reason in verdict.reasons:
        ctx.line(f"needs you: {reason}")
    for caution in verdict.cautions:
        ctx.line(f"worth a look: {caution}")
    if verdict.is_well:
        ctx.line(_calm(found))
    for soon in found.notices:
        ctx.line(f"before long: {soon}")
    ctx.line(_account(found))
    for line in _incidents(found):
        ctx.line(line)
    rows = [
        [
            entry.sobject,
            entry.rows,
            entry.tombstones,
            _stamp(entry.watermark, found.at),
            _stamp(entry.verified_through, found.at),
            _age(entry.fresh_as_of, found.at),
            "-" if entry.settle is None else f"{entry.settle:.0f} s",
            entry.last_outcome or "never",
        ]
        for entry in found.objects
    ]
    heads = ["OBJECT", "ROWS", "GONE", "WATERMARK", "VERIFIED", "FRESH", "SETTLE", "RUN"]
    ctx.table(heads, rows)
    for trouble, names in _troubles(found).items():
        ctx.line(f"{names}: {trouble}")
    for one in found.loading:
        of = f" of {one.total:,}" if one.total else ""
        by = f" by {one.mode}" if one.mode else ""
        ctx.line(f"{one.sobject}: backfill{by}, {one.rows:,}{of} rows ({one.reason})")
    said = "\n".join(verdict.reasons)
    told = [one for one in found.findings if f"{one.sobject}: {one.message}" not in said]
    for finding in told:
        subject = f".{finding.subject}" if finding.subject else ""
        ctx.line(f"{finding.sobject}{subject}: {finding.message}")
    ctx.line(f"commands: {_counted(found.commands) or 'none yet'}")
    if found.calls:
        ctx.line(f"our API calls of the last 24 h: {_counted(found.calls)}")


def _calm(found: Overview) -> str:
    skipped = sum(one.skipped is not None for one in found.objects)
    if skipped:
        read = len(found.objects) - skipped
        return f"all is well with {read} of {len(found.objects)} objects; the others are not read"
    return "all is well"


def _incidents(found: Overview) -> Iterator[str]:
    """Tell of each kind once: what, since when, and what to do."""
    is_dead = found.account is not None and found.account.state == AccountState.DEAD
    kinds: dict[str, list[Incident]] = {}
    for one in found.incidents:
        kinds.setdefault(one.kind, []).append(one)
    for alike in kinds.values():
        subjects = ", ".join(one.subject for one in alike if one.subject)
        what = IncidentKind(alike[0].kind).sort.title
        about = f"{subjects}: {what}" if subjects else what
        yield f"incident since {_stamp(alike[0].opened_at, found.at)}: {about}"
        if not (is_dead and alike[0].kind == IncidentKind.GRANT_DEAD):  # told at the very top
            yield f"  -> {alike[0].remedy}"


def _counted(numbers: Mapping[str, int]) -> str:
    return ", ".join(f"{number:,} {what}" for what, number in numbers.items())


def _troubles(found: Overview) -> dict[str, str]:
    """Say once what several objects have in common."""
    told: dict[str, list[str]] = {}
    for entry in found.objects:
        if trouble := entry.skipped or entry.last_error:
            told.setdefault(trouble, []).append(entry.sobject)
    return {
        trouble: "all" if 1 < len(names) == len(found.objects) else ", ".join(names)
        for trouble, names in told.items()
    }


def _account(found: Overview) -> str:
    account = found.account
    if account is None:
        return "account: not linked; run scsync link, or try scsync demo"
    # Why it is dead stands above, among what needs somebody.
    suspended = account.state == AccountState.SUSPENDED and account.reason
    state = suspended or account.state
    return f"account {account.name}: {state}, org {account.org_id}{_calls(found)}"


def _calls(found: Overview) -> str:
    """Say how the API budget stands, and where it is heading."""
    budget = found.budget
    if budget is None:
        return ""
    text = f"; API calls {budget.used:,} of {budget.limit:,}"
    if budget.is_held:
        return f"{text}, pulls wait from {budget.stops_at:,} on"
    if budget.reached_at:
        return f"{text}, pulls would stop at {_stamp(budget.reached_at, found.at)}"
    return text


def _stamp(moment: datetime | None, now: datetime) -> str:
    """Print an instant in UTC, as short as leaves no doubt: seven columns share 80 places."""
    if moment is None:
        return "-"
    return moment.strftime("%H:%M:%S" if moment.date() == now.date() else "%m-%d %H:%M")


def _age(moment: datetime | None, now: datetime) -> str:
    return "-" if moment is None else short(now - moment)


def _document(found: Overview) -> dict[str, object]:
    account, verdict = found.account, judge(found)
    shown = ("name", "state", "reason", "org_id", "instance_url", "api_used", "api_limit")
    return {
        "at": found.at.isoformat(),
        "account": {name: getattr(account, name) for name in shown} if account else None,
        "objects": {entry.sobject: _fields(entry) for entry in found.objects},
        "commands": found.commands,
        "reasons": verdict.reasons,
        "cautions": verdict.cautions,
        "notices": found.notices,
        "incidents": [
            {**one.model_dump(mode="json"), "title": one.title, "remedy": one.remedy}
            for one in found.incidents
        ],
        "findings": [one.model_dump(mode="json") for one in found.findings],
        "backfills": [vars(one) for one in found.loading],
        "budget": vars(found.budget) if found.budget else None,
        "calls": found.calls,
    }


def _fields(entry: ObjectStatus) -> dict[str, object]:
    silent = entry.silent_for.total_seconds() if entry.silent_for else None
    return {**vars(entry), "silent_for": silent}
