"""The overview as a page: one sentence first, then what it rests on."""

from collections.abc import Iterable, Sequence
from datetime import datetime
from html import escape

from console.health import View
from models.outbox import CommandState
from pipelines.overview import ObjectStatus

REFRESH = 15  # s
STYLE = """
:root { color-scheme: light dark; --ink: #1b1f24; --paper: #fff; --line: #d8dde3; --dim: #5a6470;
  --well: #1a6b36; --ill: #a4201d; }
@media (prefers-color-scheme: dark) { :root { --ink: #e4e8ec; --paper: #14171a; --line: #343b43;
  --dim: #9aa5b1; --well: #6fcf8d; --ill: #ff8a80; } }
* { box-sizing: border-box; }
body { margin: 0 auto; max-width: 62rem; padding: 1.5rem 1rem 4rem; background: var(--paper);
  color: var(--ink); font: 1rem/1.5 system-ui, sans-serif; }
h1 { font-size: 1.5rem; line-height: 1.25; border-left: .35rem solid; padding-left: .75rem; }
h1.well { border-color: var(--well); } h1.ill { border-color: var(--ill); }
h2 { font-size: 1.1rem; margin: 2rem 0 .5rem; }
.ill { color: var(--ill); } .dim { color: var(--dim); }
.wide { overflow-x: auto; }
table { border-collapse: collapse; width: 100%; font-variant-numeric: tabular-nums; }
th, td { padding: .35rem .75rem .35rem 0; text-align: left; border-bottom: 1px solid var(--line);
  white-space: nowrap; }
th { color: var(--dim); font-weight: 600; }
.number { text-align: right; }
"""


def page(view: View) -> str:
    """Write the whole page; nothing on it comes from anywhere else."""
    found = view.overview
    objects = [_object(one, found.at) for one in found.objects]
    return "".join(
        (
            '<!doctype html><html lang="en"><head><meta charset="utf-8">',
            '<meta name="viewport" content="width=device-width, initial-scale=1">',
            f'<meta http-equiv="refresh" content="{REFRESH}">',
            '<title>scsync</title><link rel="stylesheet" href="/style.css"></head><body><main>',
            _verdict(view),
            _section("Objects", _table(_HEADS, objects)),
            _section("Commands", _commands(found.commands)),
            _section("Account", _account(view)),
            _section("Findings", _findings(view)),
            f'<p class="dim">As of {_moment(found.at)} UTC; refreshed every {REFRESH} s.</p>',
            "</main></body></html>",
        )
    )


_HEADS = ("Object", "Rows", "Deleted", "Fresh", "Read to", "Verified to", "Last run")
_NUMBERS = frozenset({"Rows", "Deleted"})


def _verdict(view: View) -> str:
    if view.is_well:
        return '<h1 class="well">All is well.</h1>'
    reasons = "".join(f"<li>{escape(reason)}</li>" for reason in view.reasons)
    number = len(view.reasons)
    what = "One thing needs" if number == 1 else f"{number} things need"
    return f'<h1 class="ill">{what} a person.</h1><ul>{reasons}</ul>'


def _object(one: ObjectStatus, now: datetime) -> list[str]:
    trouble = one.skipped or one.last_error
    outcome = escape(one.last_outcome or "never")
    return [
        escape(one.sobject),
        f"{one.rows:,}",
        f"{one.tombstones:,}",
        _age(one.fresh_as_of, now),
        _moment(one.watermark),
        _moment(one.verified_through),
        f'<span title="{escape(trouble)}">{outcome}: {escape(trouble)}</span>'
        if trouble
        else outcome,
    ]


def _commands(counts: dict[str, int]) -> str:
    if not counts:
        return '<p class="dim">None yet.</p>'
    states = [state for state in CommandState if state in counts]
    return _table(("State", "Number"), [[escape(s), f"{counts[s]:,}"] for s in states])


def _account(view: View) -> str:
    account = view.overview.account
    if account is None:
        return '<p class="ill">Not linked.</p>'
    said = f"{account.name} is {account.state}, org {account.org_id}"
    usage = ""
    if account.api_used is not None and account.api_limit:
        usage = f"; {account.api_used:,} of {account.api_limit:,} API calls in 24 hours"
    return f"<p>{escape(said + usage)}.</p>"


def _findings(view: View) -> str:
    if not view.findings:
        return '<p class="dim">None.</p>'
    items = (
        f"<li>{escape(one.sobject)}: {escape(one.message)} "
        f'<span class="dim">since {_moment(one.since)}</span></li>'
        for one in view.findings
    )
    return f"<ul>{''.join(items)}</ul>"


def _section(title: str, content: str) -> str:
    return f'<section><h2>{title}</h2><div class="wide">{content}</div></section>'


def _table(heads: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """Write a table of cells that are HTML already."""
    kinds = [' class="number"' if head in _NUMBERS or head == "Number" else "" for head in heads]
    first = "".join(
        f'<th scope="col"{kind}>{head}</th>' for head, kind in zip(heads, kinds, strict=True)
    )
    body = "".join(
        "<tr>"
        + "".join(f"<td{kind}>{cell}</td>" for cell, kind in zip(row, kinds, strict=True))
        + "</tr>"
        for row in rows
    )
    return f"<table><thead><tr>{first}</tr></thead><tbody>{body}</tbody></table>"


def _moment(moment: datetime | None) -> str:
    return moment.strftime("%Y-%m-%d %H:%M:%S") if moment else "-"


def _age(moment: datetime | None, now: datetime) -> str:
    if moment is None:
        return "never"
    seconds = int((now - moment).total_seconds())
    for size, unit in ((86_400, "d"), (3_600, "h"), (60, "min")):
        if seconds >= 2 * size:
            return f"{seconds // size} {unit}"
    return f"{seconds} s"
