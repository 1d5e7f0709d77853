"""Fifty processes and five hundred threads meet an expired session at once, again and again.

    python -m benchmarks.refresh_storm [--rounds 20] [--processes 50] [--threads 10] [--kills 5]

Refresh tokens rotate. Half of the rounds kill some processes at random moments. Exits with 1
unless each quiet round had one refresh and an answer for all, and the org revoked no grant.
"""

import argparse
import sys
import tempfile
from contextlib import closing
from datetime import timedelta
from pathlib import Path
from time import monotonic

from emulator.server import Emulator
from store import migrate
from store.engine import Store
from tests.proof.storm import Storm

LEASE = timedelta(seconds=15)  # of rounds with kills: two cores for fifty processes are slow


def main() -> int:
    asked = _options()
    with tempfile.TemporaryDirectory() as folder, Emulator(cases=50, rotation=True) as org:
        store = Store(f"sqlite:///{Path(folder) / 'store.db'}")
        migrate.upgrade(store)
        storm = Storm(org, store, asked.processes, asked.threads, seed=asked.seed, lease=LEASE)
        with closing(store), closing(storm):
            return 0 if _weather(storm, asked.rounds, asked.kills) else 1


def _weather(storm: Storm, rounds: int, kills: int) -> bool:
    for number in range(rounds):
        begun = monotonic()
        found = storm.meet(kills=kills if number % 2 else 0)
        word = "good" if found.is_good else "BAD"
        lost = ", grant lost and linked anew" if found.lost else ""
        print(
            f"{number + 1:3}: {word}, {found.killed} killed, {found.refreshes} refreshes, "
            f"{dict(found.answers)}, {monotonic() - begun:.1f} s{lost}",
            flush=True,
        )
    lives = storm.grant_lives()
    print("no grant was revoked" if lives else "A GRANT WAS REVOKED")
    return lives and all(one.is_good for one in storm.rounds)


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--rounds", type=int, default=20)
    parser.add_argument("--processes", type=int, default=50)
    parser.add_argument("--threads", type=int, default=10)
    parser.add_argument("--kills", type=int, default=5)
    parser.add_argument("--seed", type=int, default=1)
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
