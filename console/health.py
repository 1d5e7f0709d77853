"""Is all well? One look at the store, and the reasons why not."""

from dataclasses import dataclass

from models.finding import Finding
from pipelines.overview import Overview
from worker.app import App


@dataclass(frozen=True)
class View:
    """What there is to see at one moment."""

    overview: Overview
    findings: tuple[Finding, ...]
    reasons: tuple[str, ...]

    @property
    def is_well(self) -> bool:
        return not self.reasons


def look(parts: App) -> View:
    """Read the state of everything; raises `StoreError` when there is no reading it."""
    found = parts.overview(parts.counts)
    return View(found, found.findings, tuple(found.reasons))
