"""Measures the pull against the machine's floor, in the same run; exit 1 below the bar.

Each case is a process of its own; the org is another, its pages rendered before anything is
measured. Floor and product take turns; of the repetitions the median counts.
"""

import argparse
import statistics
import sys
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import msgspec

from benchmarks.ground import Ground
from benchmarks.measure import Figures, Spec, run_case

BAR_RATIO = 0.5
BAR_PEAK_MB = 250
BAR_SERVED = 50_000
DATABASES = {"sqlite": "SQLite", "postgresql": "PostgreSQL"}
PARTS = (*DATABASES, "serving", "memory", "cycle", "verify", "peer")
SMALL = 10_000


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


def main() -> int:
    options = _options()
    parts = options.only or list(PARTS)
    report = Report()
    ground = Ground(options.cases, postgresql=any(part != "serving" for part in parts))
    try:
        report.say(f"{ground.versions()}; {options.cases:,} cases, median of {options.reps}")
        cold = _warm(ground)
        report.say(
            f"The org started in {ground.start_seconds:.1f} s; while its pages were cold, the"
            f" floor's loop came to {cold.rate:,.0f} rows/s.\n"
        )
        for part in parts:
            _MEASURES[part](ground, report, options.reps)
    finally:
        ground.close()
    for what in report.short:
        print(f"below the bar: {what}", file=sys.stderr)
    return 1 if report.short else 0


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("--cases", type=int, default=200_000)
    parser.add_argument(
        "--reps", type=int, default=3, help="repetitions, of which the median counts"
    )
    parser.add_argument("--only", action="append", choices=PARTS, help="may be repeated")
    return parser.parse_args()


def _warm(ground: Ground) -> Figures:
    """Have every page rendered and packed once, before anything counts."""
    with ground.fresh("sqlite") as spec:
        return run_case("benchmarks.floor", spec)


def _first_pull(database: str) -> Callable[[Ground, Report, int], None]:
    def measure(ground: Ground, report: Report, reps: int) -> None:
        runs: dict[str, list[Figures]] = {}
        again: list[Figures] = []
        for turn in range(reps):
            for name, (module, *arguments) in sorted(_RIVALS.items(), reverse=bool(turn % 2)):
                with ground.fresh(database) as spec:
                    runs.setdefault(name, []).append(run_case(module, spec, *arguments))
                    if name == "scsync":
                        again.append(run_case("benchmarks.product", spec, "--backfill"))
        floor = _rate(runs["floor"])
        report.say(f"First pull into {DATABASES[database]}\n\n{_HEAD}")
        for name in _RIVALS:
            report.say(_row(name, runs[name], floor))
        report.say(_row("scsync, re-reading what did not change", again, None) + "\n")
        ratio, high = _rate(runs["scsync"]) / floor, max(run.peak_mb for run in runs["scsync"])
        what = DATABASES[database]
        report.hold(
            f"{what}: {ratio:.2f} of the floor, {BAR_RATIO} wanted", good=ratio >= BAR_RATIO
        )
        report.hold(f"{what}: peak {high:.0f} MB", good=high < BAR_PEAK_MB)
        written = sum(run.more["written"] for run in again)
        report.hold(f"{what}: {written:.0f} unchanged rows written again", good=not written)

    return measure


_RIVALS = {
    "floor": ("benchmarks.floor",),
    "scsync": ("benchmarks.product",),
    "floor, fetching ahead": ("benchmarks.floor", "--ahead"),
}
_HEAD = (
    "| | rows/s | jitter | of the floor | client CPU s | peak MB (at start) |\n"
    "|---|---:|---:|---:|---:|---:|"
)


def _row(name: str, runs: list[Figures], floor: float | None) -> str:
    rate = _rate(runs)
    rates = [run.rate for run in runs]
    jitter = (max(rates) - min(rates)) / rate / 2
    share = f"{rate / floor:.2f}" if floor else ""
    cpu = statistics.median(run.cpu for run in runs)
    peak, start = max(run.peak_mb for run in runs), max(run.start_mb for run in runs)
    return (
        f"| {name} | {rate:,.0f} | ±{jitter:.0%} | {share} | {cpu:.2f} | {peak:.0f} ({start:.0f}) |"
    )


def _rate(runs: list[Figures]) -> float:
    return statistics.median(run.rate for run in runs)


def _serving(ground: Ground, report: Report, reps: int) -> None:
    runs, busy = [], []
    for _ in range(reps):
        before = _cpu_seconds(ground)
        runs.append(run_case("benchmarks.serving", _times(ground.spec, 5)))
        # The questions themselves are found by one pass more, of warm pages too.
        busy.append(runs[-1].rows * 6 / 5 / max(_cpu_seconds(ground) - before, 1e-9))
    served = statistics.median(busy)
    report.say(
        f"The org serves warm pages at {served:,.0f} records per second of its CPU,"
        f" {_rate(runs):,.0f}/s to one client on one connection.\n"
    )
    report.hold(f"serving: {served:,.0f}/s, {BAR_SERVED:,} wanted", good=served >= BAR_SERVED)


def _cpu_seconds(ground: Ground) -> float:
    """Read what the org's process has used so far; on machines without /proc, nothing."""
    stat = Path(f"/proc/{ground.org['pid']}/stat")
    if not stat.exists():
        return 0.0
    user, system = stat.read_text().rpartition(")")[2].split()[11:13]
    return (int(user) + int(system)) / 100


def _times(spec: Spec, times: int) -> Spec:
    return msgspec.structs.replace(spec, times=times)


def _memory(_: Ground, report: Report, __: int) -> None:
    """Pull a small org too: what rises with the number of rows would show between the two."""
    small = Ground(SMALL, postgresql=True)
    try:
        for database, title in DATABASES.items():
            with small.fresh(database) as spec:
                found = run_case("benchmarks.product", spec)
            report.say(f"Peak at {SMALL:,} rows into {title}: {found.peak_mb:.0f} MB.")
    finally:
        small.close()
    report.say("")


def _cycle(ground: Ground, report: Report, _: int) -> None:
    for database, title in DATABASES.items():
        with ground.fresh(database) as spec:
            run_case("benchmarks.product", spec, "--cycles")
            before = ground.calls()
            run_case("benchmarks.product", _times(spec, 0), "--cycles")
            settling = ground.calls() - before
            found = run_case("benchmarks.product", _times(spec, 10), "--cycles")
            calls = (ground.calls() - before - 2 * settling) / 10
        report.say(
            f"A quiet cycle over {found.more['objects']:.0f} objects, {title}:"
            f" {calls:.1f} API calls, {found.seconds * 100:.0f} ms, {found.cpu * 100:.0f} ms of CPU"
            f" ({found.rows / 10:.0f} rows read again)."
        )
    report.say("")


def _verify(ground: Ground, report: Report, _: int) -> None:
    with ground.fresh("sqlite") as spec:
        run_case("benchmarks.product", spec)
        run_case("benchmarks.product", spec, "--verify")  # the org renders its pages
        found = run_case("benchmarks.product", spec, "--verify")
    million = (found.peak_mb - found.start_mb) * 1e6 / found.rows
    report.say(
        f"verify compares {found.rate:,.0f} rows/s; {found.rows:,} ids take it to"
        f" {found.peak_mb:.0f} MB: {million:.0f} MB for each million above the start.\n"
    )


def _peer(ground: Ground, report: Report, reps: int) -> None:
    report.say(f"simple-salesforce, the same cases\n\n{_HEAD}")
    for database, title in DATABASES.items():
        runs = []
        for _ in range(reps + 1):
            with ground.fresh(database) as spec:
                runs.append(run_case("benchmarks.peer", spec))
        report.say(_row(f"into {title}", runs[1:], None))
    report.say("")


_MEASURES: dict[str, Callable[[Ground, Report, int], None]] = {
    "sqlite": _first_pull("sqlite"),
    "postgresql": _first_pull("postgresql"),
    "serving": _serving,
    "memory": _memory,
    "cycle": _cycle,
    "verify": _verify,
    "peer": _peer,
}


if __name__ == "__main__":
    sys.exit(main())
