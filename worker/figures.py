"""Figures of one process: what it did, how often, and how long that took; names are a contract."""

from collections.abc import Iterable, Iterator
from typing import NamedTuple

import prometheus_client
from prometheus_client import CollectorRegistry, Counter, Histogram, ProcessCollector
from prometheus_client.metrics_core import Metric
from prometheus_client.registry import Collector

from pipelines.watch import Deed

_QUICK = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10)
_CALL = (0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 120)
_LONG = (0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300, 1800, 7200)


class Measure(NamedTuple):
    """A name, what it means, its labels; of a duration also where its buckets end, in seconds."""

    name: str
    meaning: str
    labels: tuple[str, ...] = ()
    buckets: tuple[float, ...] = ()


DURATIONS = {
    "org.request": Measure(
        "scsync_api_request_seconds",
        "One request to the org, by kind, purpose and outcome.",
        ("kind", "purpose", "outcome"),
        _CALL,
    ),
    "pull.cycle": Measure(
        "scsync_cycle_seconds", "One pull cycle over what was due.", ("outcome",), _LONG
    ),
    "pull.object": Measure(
        "scsync_pull_seconds",
        "One pull of one object that had something to store, or failed.",
        ("object", "outcome"),
        _LONG,
    ),
    "feed.turn": Measure(
        "scsync_feed_seconds",
        "One turn of a slow feed: deletes, computed, verify.",
        ("feed", "outcome"),
        _LONG,
    ),
    "command.submit": Measure(
        "scsync_submit_seconds", "One submission, checked and stored.", ("outcome",), _QUICK
    ),
    "command.claim": Measure(
        "scsync_claim_seconds", "One claim of due commands.", ("outcome",), _QUICK
    ),
    "command.send": Measure(
        "scsync_send_seconds",
        "One parcel of commands, sent and settled.",
        ("object", "outcome"),
        _CALL,
    ),
    "command.read_back": Measure(
        "scsync_readback_seconds",
        "One reading of records that commands touched.",
        ("object", "outcome"),
        _CALL,
    ),
}

COUNTS = {
    "pulls": Measure(
        "scsync_pulls", "Pulls of an object by how they ended.", ("object", "outcome")
    ),
    "rows_read": Measure("scsync_rows_read", "Rows that pulls have read.", ("object",)),
    "rows_written": Measure(
        "scsync_rows_written", "Rows that pulls have written, since they differed.", ("object",)
    ),
    "attempts": Measure(
        "scsync_attempts",
        "Attempts at commands by how they ended; a lost reply counts as unclear, then as found.",
        ("object", "op", "outcome"),
    ),
    "retries": Measure(
        "scsync_retries", "Attempts that will be repeated, by cause.", ("object", "code")
    ),
    "unforeseen": Measure("scsync_unforeseen_errors", "Errors that nobody had thought of."),
}


def told_of(account: str, families: Iterable[Metric]) -> Iterator[Metric]:
    """Have each sample bear the label `account`: one Prometheus may watch several."""
    for family in families:
        family.samples = [
            one._replace(labels={"account": account, **one.labels}) for one in family.samples
        ]
        yield family


class Figures(Collector):
    """An account's counters and histograms in this process, and the process's CPU and memory."""

    def __init__(self, account: str) -> None:
        prometheus_client.disable_created_metrics()  # type: ignore[no-untyped-call]
        self._account = account
        self._kept = CollectorRegistry()
        self.registry = CollectorRegistry(support_collectors_without_names=True)
        self.registry.register(self)
        ProcessCollector(registry=self._kept)
        self._durations = {
            deed: Histogram(
                one.name,
                one.meaning,
                one.labels,
                buckets=one.buckets,
                registry=self._kept,
            )
            for deed, one in DURATIONS.items()
        }
        for deed, one in DURATIONS.items():
            if one.labels == ("outcome",):
                self._durations[deed].labels("ok")  # there from the start, as nothing yet
        self._counts = {
            name: Counter(one.name, one.meaning, one.labels, registry=self._kept)
            for name, one in COUNTS.items()
        }

    def collect(self) -> Iterator[Metric]:
        """Give all that was counted and measured, by the account."""
        return told_of(self._account, self._kept.collect())

    def ended(self, deed: Deed, seconds: float) -> None:
        """Measure a deed, if it is one of those that are measured."""
        if histogram := self._durations.get(deed.name):
            facts = {"outcome": "ok", **deed.facts}
            labels = [str(facts.get(name, "")) for name in DURATIONS[deed.name].labels]
            histogram.labels(*labels).observe(seconds)

    def count(self, name: str, number: int = 1, **labels: str) -> None:
        counter = self._counts[name]
        (counter.labels(**labels) if labels else counter).inc(number)
