"""Submission from a file: updates of as many records, and a mixture with keys and references.

    python -m benchmarks.submission [--commands 200000]

Prints commands per second and the memory's high-water mark of a process of its own for each
database; exits with 1 below 20,000 updates per second.
"""

import argparse
import json
import sys
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

from benchmarks.ground import Ground
from benchmarks.measure import Figures, Spec, case, measured, run_case
from benchmarks.product import settings_of
from benchmarks.report import DATABASES, Report
from config import logs
from salesforce.ids import to_18
from worker.app import App

BAR = 20_000
CASES = 1_000  # of the org, which is only asked what its objects look like
_FILE = "--file"
Forms = Iterator[dict[str, Any]]


def updates(number: int) -> Forms:
    """One update of each of so many records."""
    for n in range(number):
        fields = {"Subject": f"case {n}", "Priority": "High"}
        yield {"op": "update", "sobject": "Case", "record_id": case_id(n), "fields": fields}


def mixture(number: int) -> Forms:
    """Updates, creates with a key, creates by an id of their own, and comments on those."""
    for n, update in enumerate(updates(number)):
        fields = {"Subject": f"case {n}", "Origin": "Web"}
        create = {"op": "create", "sobject": "Case", "fields": fields}
        if n % 4 == 1:
            yield {**create, "idempotency_key": f"key {n}"}
        elif n % 4 == 2:
            yield {**create, "id": own_id(n)}
        elif n % 4 == 3:
            comment = {"ParentId": {"$command": own_id(n - 1)}, "CommentBody": "On our way."}
            yield {"op": "create", "sobject": "CaseComment", "fields": comment}
        else:
            yield update


def case_id(number: int) -> str:
    return to_18(f"500RM{number:010d}")


def own_id(number: int) -> str:
    return f"0b0e8a3e-9a4c-4a55-8c1e-{number:012x}"


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--commands", type=int, default=200_000)
    number = parser.parse_args().commands
    report = Report()
    ground = Ground(CASES, postgresql=True)
    try:
        report.say(f"{ground.versions()}; {number:,} commands")
        for what, forms in (("updates", updates), ("a mixture", mixture)):
            path = ground.folder / "commands.ndjson"
            path.write_text("".join(json.dumps(form) + "\n" for form in forms(number)))
            for database, title in DATABASES.items():
                with ground.fresh(database) as spec:
                    found = run_case("benchmarks.submission", spec, _FILE, str(path))
                told = f"{what} into {title}: {found.rate:,.0f} commands/s"
                report.say(
                    f"{told}, {found.cpu / found.rows * 1e6:.0f} µs of our CPU each,"
                    f" peak {found.peak_mb:.0f} MB ({found.start_mb:.0f} at start)"
                )
                if forms is updates:
                    report.hold(f"{told}, {BAR:,} wanted", good=found.rate >= BAR)
    finally:
        ground.close()
    for what in report.short:
        print(f"below the bar: {what}", file=sys.stderr)
    return 1 if report.short else 0


def submitted(spec: Spec) -> Figures:
    """Be the verb: submit the file, and print the ids."""
    path, figures = Path(sys.argv[sys.argv.index(_FILE) + 1]), Figures()
    settings = settings_of(spec)
    logs.configure(settings)
    with closing(App(settings)) as app, path.open(encoding="utf-8") as lines:
        _ = app.client  # linked, and the store in shape, before the clock starts
        with measured(figures), app.desk.submit_lines(lines) as receipts:
            sys.stdout.writelines(f"{receipt.id}\n" for receipt in receipts)
        figures.rows = receipts.total
    return figures


if __name__ == "__main__":
    if _FILE in sys.argv:
        case(submitted)
    else:
        sys.exit(main())
