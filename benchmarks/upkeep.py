"""What a store costs once it is filled: increments, quiet cycles, verification."""

import statistics
from pathlib import Path

import msgspec

from benchmarks.ground import Ground
from benchmarks.measure import Figures, Spec, run_case
from benchmarks.report import DATABASES, Report, rate

BAR_SERVED = 50_000
BAR_CYCLE_CPU = 0.1
BAR_VERIFY_CALLS = 50
BAR_GROWTH = 1.5  # times the small org's: what is a share of the table would be a hundred times
CHANGED = 2_000
SMALL = 10_000
CYCLES = 10


def serving(ground: Ground, report: Report, reps: int) -> None:
    """Prove that the org is not what is measured."""
    runs, busy = [], []
    for _ in range(reps):
        before = _cpu_seconds(ground)
        runs.append(run_case("benchmarks.serving", _times(ground.spec, 5)))
        # The questions themselves are found by one pass more, of warm pages too.
        busy.append(runs[-1].rows * 6 / 5 / max(_cpu_seconds(ground) - before, 1e-9))
    served = statistics.median(busy)
    report.say(
        f"The org serves warm pages at {served:,.0f} records per second of its CPU,"
        f" {rate(runs):,.0f}/s to one client on one connection.\n"
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


def cycle(ground: Ground, report: Report, _: int) -> None:
    for database, title in DATABASES.items():
        with ground.fresh(database) as spec:
            run_case("benchmarks.product", spec, "--cycles")
            ground.advance(3600)  # past the settle time: nothing is left to be read again
            run_case("benchmarks.product", _times(spec, 1), "--cycles")
            before = ground.calls()
            run_case("benchmarks.product", _times(spec, 0), "--cycles")
            settling = ground.calls() - before
            found = run_case("benchmarks.product", _times(spec, CYCLES), "--cycles")
            calls = (ground.calls() - before - 2 * settling) / CYCLES
        objects, cpu = found.more["objects"], found.cpu / CYCLES
        report.say(
            f"A quiet cycle over {objects:.0f} objects, {title}: {calls:.1f} API calls,"
            f" {found.seconds / CYCLES * 1000:.0f} ms, {cpu * 1000:.0f} ms of CPU"
            f" ({found.rows / CYCLES:.0f} rows read again)."
        )
        most = -(-objects // 5)
        report.hold(f"{title}: {calls:.1f} calls a cycle, {most:.0f} allowed", good=calls <= most)
        what = f"{title}: {cpu * 1000:.0f} ms of CPU a cycle, {BAR_CYCLE_CPU * 1000:.0f} allowed"
        report.hold(what, good=cpu < BAR_CYCLE_CPU)
    report.say("")


def verify(ground: Ground, report: Report, _: int) -> None:
    """Prove equal what is equal: how many calls, how long, how much memory."""
    for database, title in DATABASES.items():
        with ground.fresh(database) as spec:
            run_case("benchmarks.product", spec)
            ground.advance(3600)  # so that the newest, too, lie before the settle time
            before = ground.calls()
            found = run_case("benchmarks.product", spec, "--verify")
            calls = ground.calls() - before
        report.say(
            f"verify, {title}: {found.rows:,} records compared in {found.seconds:.1f} s,"
            f" {calls} API calls, {found.more['differences']:.0f} differences, peak"
            f" {found.peak_mb:.0f} MB ({found.start_mb:.0f} at start)."
        )
        what = f"verify, {title}: {calls} calls, {BAR_VERIFY_CALLS} allowed"
        report.hold(what, good=calls <= BAR_VERIFY_CALLS)
        report.hold(f"verify, {title}: differences", good=not found.more["differences"])
    report.say("")


def increment(ground: Ground, report: Report, reps: int) -> None:
    """Change as many records of a small org and of the large one: the same time, or nearly."""
    small = Ground(SMALL, postgresql=True)
    try:
        for database, title in DATABASES.items():
            few, many = (_changed(org, database, reps) for org in (small, ground))
            growth = _seconds(many) / _seconds(few)
            report.say(
                f"{CHANGED:,} changed, {title}: {_seconds(few) * 1000:.0f} ms among {SMALL:,}"
                f" ({few[0].rows:,} rows read), {_seconds(many) * 1000:.0f} ms among"
                f" {ground.cases:,} ({many[0].rows:,} rows read)."
            )
            what = f"increment, {title}: {growth:.1f} times the small org's, {BAR_GROWTH} allowed"
            report.hold(what, good=growth <= BAR_GROWTH)
    finally:
        small.close()
    report.say("")


def _changed(ground: Ground, database: str, reps: int) -> list[Figures]:
    with ground.fresh(database) as spec:
        run_case("benchmarks.product", spec)
        ground.advance(3600)
        run_case("benchmarks.product", spec)  # moves the watermark past what the load settled
        found = []
        for _ in range(reps):
            ground.advance(3600)
            ground.burst(CHANGED)
            ground.advance(60)
            found.append(run_case("benchmarks.product", spec))
        return found


def _seconds(runs: list[Figures]) -> float:
    return statistics.median(run.seconds for run in runs)
