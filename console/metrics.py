"""The state of everything as Prometheus reads it; names are a contract: docs/observability.md.

What all processes share is read from the store, once for each scrape; beside it stand the figures
of this process. Workers and schedulers serve theirs themselves (SCSYNC_METRICS_PORT).
"""

from collections.abc import Iterator

from prometheus_client import exposition as text_format
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.metrics_core import CounterMetricFamily, Metric

from console import gauges
from worker.app import App
from worker.figures import told_of


def exposition(parts: App, accept: str = "") -> tuple[bytes, str]:
    """Write all metrics in the format that is asked for; give them with their content type."""
    encode, content_type = text_format.choose_encoder(accept)
    return encode(_Registry(parts)), content_type


class _Registry:
    """The store's metrics and the process's, as what encoders take for a registry."""

    def __init__(self, parts: App) -> None:
        self._parts = parts

    def collect(self) -> Iterator[Metric]:
        yield from told_of(self._parts.name, map(_family, gauges.read(self._parts)))
        yield from self._parts.figures.registry.collect()


def _family(gauge: gauges.Gauge) -> Metric:
    kind = CounterMetricFamily if gauge.is_total else GaugeMetricFamily
    family = kind(gauge.name, gauge.meaning, labels=gauge.labels)
    for labels, value in gauge.samples:
        family.add_metric(list(labels), value)
    return family
