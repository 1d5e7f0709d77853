"""The stories of being killed, as long as one likes: short in the suite, long in the soak."""

import random
from contextlib import closing
from time import monotonic

from store.engine import Store
from tests.pipelines.comparing import differences
from tests.proof.killing import Ground, busy


def killed_backfills(ground: Ground, dice: random.Random, rounds: int) -> int:
    """Kill loads of all cases at random moments, each resumed or begun anew; give the rows."""
    ground.scsync("pull", "Account")  # the store and the link are there before the clock runs
    longest = _timed(ground, "pull", "Case", "--backfill")
    _forget_cases(ground)
    for _ in range(rounds):
        code = ground.scsync("pull", "Case", "--backfill", after=dice.uniform(0.0, longest))
        ground.look()
        ground.expire_leases()
        busy(ground.org, dice, 2)
        if code == 0:  # done, with little left to do: the next is to have all before it again
            _forget_cases(ground)
    return _settled(ground, "Case")


def killed_cycles(ground: Ground, dice: random.Random, rounds: int) -> int:
    """Kill cycles over all objects while people are at work; give the rows."""
    ground.scsync("pull")
    ground.look()
    longest = _timed(ground, "pull")
    for _ in range(rounds):
        busy(ground.org, dice, 5)
        ground.scsync("pull", after=dice.uniform(0.0, longest))
        ground.look()
        ground.expire_leases()
    return _settled(ground)


def _timed(ground: Ground, *words: str) -> float:
    started = monotonic()
    ground.scsync(*words)
    return monotonic() - started


def _forget_cases(ground: Ground) -> None:
    """Empty the store: the first load was only to know how long it takes."""
    with closing(Store(ground.url)) as store, store.begin() as tx:
        for table in ("cases", "scsync_watermarks", "scsync_backfills", "scsync_slices"):
            tx.exec_driver_sql(f"DELETE FROM {table}")  # noqa: S608
    ground.stamps.clear()


def _settled(ground: Ground, *sobjects: str) -> int:
    """Pull in peace, and compare every field; give how many rows there are."""
    ground.expire_leases()
    ground.scsync("pull", *sobjects)
    rows = ground.look()
    with closing(Store(ground.url)) as store:
        found = differences(ground.org, store, *sobjects)
    assert not found, "\n".join(found[:20])
    return rows
