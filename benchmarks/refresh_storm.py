"""Fifty processes and five hundred threads meet an expired session at once, again and again.

    python -m benchmarks.refresh_storm [--rounds 1000] [--processes 50] [--threads 10] [--kills 5]

Refresh tokens rotate. Every second round kills some processes at random moments. Exits with 1
unless each round had one refresh and an answer for all, and the org revoked no grant; a killed
refresher may cost a second refresh, or, between answer and commit, the grant.
"""

import argparse
import os
import platform
import sqlite3
import sys
import tempfile
from collections import Counter
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path
from time import monotonic

from emulator.server import Emulator
from store import migrate
from store.engine import Store
from tests.proof.storm import Round, Storm

_EVERY = 50  # rounds
_CALLS = 100_000_000  # a day; the usual 100,000 would end the storm


def main() -> int:
    asked = _options()
    with (
        tempfile.TemporaryDirectory() as folder,
        Emulator(cases=50, rotation=True, api_limit=_CALLS) as org,
    ):
        store = Store(f"sqlite:///{Path(folder) / 'store.db'}")
        migrate.upgrade(store)
        storm = Storm(org, store, asked.processes, asked.threads, seed=asked.seed)
        with closing(store), closing(storm):
            return 0 if _weather(storm, asked.rounds, asked.kills) else 1


def _weather(storm: Storm, rounds: int, kills: int) -> bool:
    begun = monotonic()
    for number in range(1, rounds + 1):
        found = storm.meet(kills=kills if number % 2 == 0 else 0)
        if found.succeeded or not found.is_good:
            print(f"round {number}: {_told(found)}", flush=True)
        if number % _EVERY == 0:
            spent = monotonic() - begun
            print(f"{number:,} rounds in {spent:.0f} s", flush=True)
    lives = storm.grant_lives()
    _sum_up(storm, monotonic() - begun, lives=lives)
    return lives and all(one.is_good for one in storm.rounds)


def _told(found: Round) -> str:
    word = "a killed refresher was succeeded" if found.is_good else "BAD"
    lost = ", grant lost, told, and linked anew" if found.lost else ""
    return (
        f"{word}, {found.killed} killed, {found.refreshes} refreshes, {dict(found.answers)}, "
        f"{found.seconds:.1f} s{lost}"
    )


def _sum_up(storm: Storm, seconds: float, *, lives: bool) -> None:
    rounds = storm.rounds
    answers = sum((one.answers for one in rounds), Counter[str]())
    excused = sum(one.lost for one in rounds if one.is_good)
    lost = sum(one.lost for one in rounds) - excused + (not lives)
    print(
        f"{datetime.now(UTC):%Y-%m-%d}, {os.cpu_count()} cores ({platform.machine()}), Python "
        f"{platform.python_version()}, SQLite {sqlite3.sqlite_version}, seed {storm.seed}: "
        f"{storm.processes} processes of {storm.threads} threads, {len(rounds):,} rounds in "
        f"{seconds / 60:.1f} min, {sum(bool(one.killed) for one in rounds):,} of them with kills "
        f"({sum(one.killed for one in rounds):,} processes)\n"
        f"refreshes: {sum(one.refreshes for one in rounds):,}\n"
        f"doubled refreshes: {sum(one.doubled for one in rounds)}\n"
        f"lost grants: {lost}\n"
        f"grants that a kill between answer and commit cost, each told to a person: {excused}\n"
        f"rounds with a killed refresher: {sum(one.succeeded for one in rounds)}\n"
        f"answers: {', '.join(f'{number:,} {what}' for what, number in answers.most_common())}"
    )


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--rounds", type=int, default=1000)
    parser.add_argument("--processes", type=int, default=50)
    parser.add_argument("--threads", type=int, default=10)
    parser.add_argument("--kills", type=int, default=5)
    parser.add_argument("--seed", type=int, default=1)
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
