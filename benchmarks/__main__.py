"""Measures the pull against the machine's floor, in the same run; exit 1 below the bar.

Each case is a process of its own; the org is another, its pages rendered before anything is
measured. Floor and product take turns; of the repetitions the median counts.
"""

import argparse
import sys

from benchmarks import loads, upkeep
from benchmarks.ground import Ground
from benchmarks.measure import run_case
from benchmarks.report import Report

# What moves the org's clock or changes its records comes last: the others ask for the same pages.
PARTS: dict[str, loads.Measure] = {
    "sqlite": loads.first_load("REST", "sqlite"),
    "postgresql": loads.first_load("REST", "postgresql"),
    "bulk-sqlite": loads.first_load("Bulk", "sqlite"),
    "bulk-postgresql": loads.first_load("Bulk", "postgresql"),
    "serving": upkeep.serving,
    "peer": loads.peer,
    "workers": loads.workers,
    "memory": loads.memory,
    "cycle": upkeep.cycle,
    "verify": upkeep.verify,
    "increment": upkeep.increment,
}


def main() -> int:
    options = _options()
    report = Report()
    parts = [part for part in PARTS if not options.only or part in options.only]
    ground = Ground(options.cases, postgresql=any(part != "serving" for part in parts))
    try:
        report.say(f"{ground.versions()}; {options.cases:,} cases, median of {options.reps}")
        report.say(f"The org started in {ground.start_seconds:.1f} s.")
        if {"sqlite", "postgresql", "serving"} & set(parts):
            _warm(ground, report)
        report.say("")
        for part in parts:
            PARTS[part](ground, report, options.reps)
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


def _warm(ground: Ground, report: Report) -> None:
    """Have every page rendered and packed once, before anything counts."""
    with ground.fresh("sqlite") as spec:
        cold = run_case("benchmarks.floor", spec)
    report.say(f"While its pages were cold, the floor's loop came to {cold.rate:,.0f} rows/s.")


if __name__ == "__main__":
    sys.exit(main())
