"""What a run says: tables for the reader, and what fell below its bar."""

import statistics
from dataclasses import dataclass, field

from benchmarks.measure import Figures

DATABASES = {"sqlite": "SQLite", "postgresql": "PostgreSQL"}
HEAD = (
    "| | rows/s | jitter | of the floor | client CPU s | peak MB (at start) |\n"
    "|---|---:|---:|---:|---:|---:|"
)


@dataclass
class Report:
    """Lines for the reader, and what fell short."""

    lines: list[str] = field(default_factory=list)
    short: list[str] = field(default_factory=list)

    def say(self, line: str) -> None:
        self.lines.append(line)
        print(line, flush=True)

    def hold(self, what: str, *, good: bool) -> None:
        if not good:
            self.short.append(what)


def row(name: str, runs: list[Figures], floor: float | None) -> str:
    found = rate(runs)
    rates = [run.rate for run in runs]
    jitter = (max(rates) - min(rates)) / found / 2
    share = f"{found / floor:.2f}" if floor else ""
    cpu = statistics.median(run.cpu for run in runs)
    peak, start = max(run.peak_mb for run in runs), max(run.start_mb for run in runs)
    cells = [f"{found:,.0f}", f"±{jitter:.0%}", share, f"{cpu:.2f}", f"{peak:.0f} ({start:.0f})"]
    return f"| {name} | {' | '.join(cells)} |"


def rate(runs: list[Figures]) -> float:
    return statistics.median(run.rate for run in runs)
