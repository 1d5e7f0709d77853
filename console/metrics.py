"""The state of everything as Prometheus reads it; names are a contract."""

from collections import Counter
from collections.abc import Iterator
from typing import NamedTuple

from console.health import View
from models.linked_account import AccountState
from models.outbox import CommandState


class Sample(NamedTuple):
    """One figure; labels tell it from its neighbours."""

    labels: dict[str, str]
    value: float


class Metric(NamedTuple):
    """One name, what it means, and its figures."""

    name: str
    meaning: str
    samples: list[Sample]


def exposition(view: View) -> str:
    """Write all metrics in the text format 0.0.4."""
    lines = []
    for metric in _metrics(view):
        lines += [f"# HELP {metric.name} {metric.meaning}", f"# TYPE {metric.name} gauge"]
        lines += [f"{metric.name}{_labels(one.labels)} {one.value:g}" for one in metric.samples]
    return "\n".join(lines) + "\n"


def _metrics(view: View) -> Iterator[Metric]:
    found = view.overview
    yield Metric("scsync_ready", "1 when nothing needs a person.", [Sample({}, view.is_well)])
    yield from _objects(view)
    states = [Sample({"state": s}, found.commands.get(s, 0)) for s in CommandState]
    yield Metric("scsync_commands", "Commands in the outbox by state.", states)
    kinds = Counter(one.kind for one in view.findings)
    open_ = [Sample({"kind": kind}, number) for kind, number in sorted(kinds.items())]
    yield Metric("scsync_findings", "Open findings by kind.", open_)
    calls = [Sample({"purpose": purpose}, number) for purpose, number in found.calls.items()]
    yield Metric("scsync_api_calls", "API calls of ours in 24 hours by purpose.", calls)
    account = found.account
    own = [Sample({"state": s}, bool(account and account.state == s)) for s in AccountState]
    yield Metric("scsync_account_state", "1 at the state that the account is in.", own)
    if account and account.api_used is not None and account.api_limit is not None:
        used, limit = Sample({}, account.api_used), Sample({}, account.api_limit)
        yield Metric("scsync_api_calls_used", "API calls of the org's last 24 hours.", [used])
        yield Metric("scsync_api_calls_limit", "API calls the org may make in 24 hours.", [limit])


def _objects(view: View) -> Iterator[Metric]:
    objects, now = view.overview.objects, view.overview.at
    rows = [Sample({"object": one.sobject}, one.rows) for one in objects]
    yield Metric("scsync_rows", "Rows in the store, tombstones among them.", rows)
    gone = [Sample({"object": one.sobject}, one.tombstones) for one in objects]
    yield Metric("scsync_tombstones", "Rows whose record is deleted in the org.", gone)
    moments = (
        (
            "scsync_watermark_age_seconds",
            "How far the watermark is behind now.",
            {one.sobject: one.watermark for one in objects},
        ),
        (
            "scsync_freshness_seconds",
            "Since the last pull that ended well.",
            {one.sobject: one.fresh_as_of for one in objects},
        ),
        (
            "scsync_verified_age_seconds",
            "How far verification is behind now.",
            {one.sobject: one.verified_through for one in objects},
        ),
    )
    for name, meaning, found in moments:
        ages = [
            Sample({"object": sobject}, (now - moment).total_seconds())
            for sobject, moment in found.items()
            if moment
        ]
        yield Metric(name, meaning, ages)


def _labels(labels: dict[str, str]) -> str:
    if not labels:
        return ""
    pairs = (f'{name}="{_quoted(value)}"' for name, value in labels.items())
    return "{" + ",".join(pairs) + "}"


def _quoted(value: str) -> str:
    return value.replace("\\", r"\\").replace('"', r"\"").replace("\n", r"\n")
