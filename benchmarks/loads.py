"""First loads: by REST and by Bulk, against their floors and against the loop people write."""

from collections.abc import Callable

from benchmarks.ground import Ground
from benchmarks.measure import Figures, run_case, start_case
from benchmarks.report import DATABASES, HEAD, Report, rate, row

BAR_RATIO = 0.8
BAR_PEER = 4.5
BAR_PEAK_MB = 200
BAR_WORKERS = 1.6
SMALL = 10_000

Measure = Callable[[Ground, Report, int], None]

_BY: dict[str, dict[str, tuple[str, ...]]] = {
    "REST": {
        "floor": ("benchmarks.floor",),
        "scsync": ("benchmarks.product", "--rest"),
        "floor, fetching ahead": ("benchmarks.floor", "--ahead"),
    },
    "Bulk": {
        "floor": ("benchmarks.bulk_floor",),
        "scsync": ("benchmarks.product",),
    },
}


def first_load(way: str, database: str) -> Measure:
    """Measure floor and product by turns, the order turned round each time."""

    def measure(ground: Ground, report: Report, reps: int) -> None:
        rivals, title = _BY[way], f"{way}, {DATABASES[database]}"
        runs: dict[str, list[Figures]] = {}
        again: list[Figures] = []
        for module, *arguments in rivals.values() if way == "Bulk" else ():
            with ground.fresh(database) as spec:  # the org has each result rendered once
                run_case(module, spec, *arguments)
        for turn in range(reps):
            for name, (module, *arguments) in sorted(rivals.items(), reverse=bool(turn % 2)):
                with ground.fresh(database) as spec:
                    runs.setdefault(name, []).append(run_case(module, spec, *arguments))
                    if name == "scsync":
                        again.append(run_case(module, spec, *arguments, "--backfill"))
        floor = rate(runs["floor"])
        report.say(f"First load by {title}\n\n{HEAD}")
        for name in rivals:
            report.say(row(name, runs[name], floor))
        report.say(row("scsync, re-reading what did not change", again, None) + "\n")
        ratio, high = rate(runs["scsync"]) / floor, max(run.peak_mb for run in runs["scsync"])
        report.hold(
            f"{title}: {ratio:.2f} of the floor, {BAR_RATIO} wanted", good=ratio >= BAR_RATIO
        )
        report.hold(f"{title}: peak {high:.0f} MB, {BAR_PEAK_MB} allowed", good=high <= BAR_PEAK_MB)
        written = sum(run.more["written"] for run in again)
        report.hold(f"{title}: {written:.0f} unchanged rows written again", good=not written)

    return measure


def peer(ground: Ground, report: Report, reps: int) -> None:
    """Measure simple-salesforce's loops and scsync, as it comes, by turns."""
    report.say(f"simple-salesforce, the same cases\n\n{HEAD}")
    for database, title in DATABASES.items():
        theirs, tight, ours = [], [], []
        for _ in range(reps + 1):
            with ground.fresh(database) as spec:
                theirs.append(run_case("benchmarks.peer", spec))
            with ground.fresh(database) as spec:
                tight.append(run_case("benchmarks.peer", spec, "--driver"))
            with ground.fresh(database) as spec:
                ours.append(run_case("benchmarks.product", spec))
        report.say(row(f"simple-salesforce, SQLAlchemy, {title}", theirs[1:], None))
        report.say(row(f"simple-salesforce, the driver alone, {title}", tight[1:], None))
        report.say(row(f"scsync, {title}", ours[1:], None))
        times, least = rate(ours[1:]) / rate(theirs[1:]), rate(ours[1:]) / rate(tight[1:])
        report.say(
            f"\n{title}: scsync loads {times:.1f} times as fast as the one loop, {least:.1f} times"
            " as fast as the other.\n"
        )
        what = f"{title}: {times:.1f} times simple-salesforce, {BAR_PEER} wanted"
        report.hold(what, good=times >= BAR_PEER)


def memory(ground: Ground, report: Report, _: int) -> None:
    """Load a small org too: what rises with the number of rows would show between the two."""
    small = Ground(SMALL, postgresql=True)
    try:
        for org, rows in ((small, SMALL), (ground, ground.cases)):
            for database, title in DATABASES.items():
                for way, arguments in (("REST", ("--rest",)), ("Bulk", ("--bulk",))):
                    with org.fresh(database) as spec:
                        peak = run_case("benchmarks.product", spec, *arguments).peak_mb
                    what = f"peak at {rows:,} rows by {way} into {title}: {peak:.0f} MB"
                    report.say(what)
                    report.hold(f"{what}, {BAR_PEAK_MB} allowed", good=peak <= BAR_PEAK_MB)
    finally:
        small.close()
    report.say("")


def workers(ground: Ground, report: Report, _: int) -> None:
    """Load by one process, then by two that share the slices of one backfill."""
    for database, title in DATABASES.items():
        with ground.fresh(database) as spec:
            alone = run_case("benchmarks.product", spec, "--bulk")
        with ground.fresh(database) as spec:
            run_case("benchmarks.product", spec, "--prepare")
            other = start_case("benchmarks.product", spec, "--join")
            shared = run_case("benchmarks.product", spec, "--bulk")
            joined = other.figures()
        times = alone.seconds / shared.seconds
        report.say(
            f"{title}: one worker {alone.seconds:.1f} s ({alone.cpu:.1f} s of CPU), two"
            f" {shared.seconds:.1f} s ({shared.cpu:.1f} and {joined.cpu:.1f} s of CPU):"
            f" {times:.2f} times as fast."
        )
        what = f"{title}: two workers {times:.2f} times one, {BAR_WORKERS} wanted"
        report.hold(what, good=times >= BAR_WORKERS)
    report.say("")
