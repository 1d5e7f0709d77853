"""Random commands through Redis, PostgreSQL and two workers, while all of it is being broken.

    python -m benchmarks.push_soak [--commands 10000] [--records 1000] [--seed N] [--strikes 40]

Workers and the scheduler are killed, Redis and PostgreSQL crash, the org loses replies, ends
sessions, locks rows and says that it is busy. Prints what happened; exits with 1 unless the org's
journal shows each command's effect once and in order, and the outbox agrees with it entirely.
"""

import argparse
import random
import sys
import tempfile
from contextlib import ExitStack
from pathlib import Path

from tests.proof.soak import Plan, Soak
from tests.proof.turmoil import topology

SHOWN = 40


def main() -> int:
    asked = _options()
    plan = Plan(
        seed=asked.seed,
        commands=asked.commands,
        records=asked.records,
        waves=asked.waves,
        strikes=asked.strikes,
    )
    print(f"seed {plan.seed}", flush=True)
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        account = Soak(plan, stack.enter_context(topology(folder))).run()
    print("\n".join(account.table()))
    for line in account.differences[:SHOWN]:
        print(line, file=sys.stderr)
    if account.differences:
        print(f"{len(account.differences):,} differences", file=sys.stderr)
        return 1
    print("each once, in order, and the outbox agrees")
    return 0


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--commands", type=int, default=10_000)
    parser.add_argument("--records", type=int, default=1_000)
    parser.add_argument("--waves", type=int, default=100)
    parser.add_argument("--strikes", type=int, default=40)
    parser.add_argument("--seed", type=int, default=random.randrange(1_000_000))  # noqa: S311
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
