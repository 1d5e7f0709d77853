"""The stories of being killed, as long as one likes: short in the suite, long in the soak."""

import random
from contextlib import closing
from time import monotonic

from store.engine import Store
from tests.pipelines.comparing import differences
from tests.proof.killing import Ground, busy

_TRIES = 10
"""Runs for each kill, at most: a run that ends before its moment has come kills nobody."""


def killed_backfills(ground: Ground, dice: random.Random, kills: int) -> int:
    """Kill loads of all cases at random moments, each resumed or begun anew; give the rows."""
    ground.scsync("pull", "Account")  # the store and the link are there before the clock runs
    longest = _timed(ground, "pull", "Case", "--backfill")
    _forget_cases(ground)
    whole = True
    for _ in range(kills * _TRIES):
        if ground.killed == kills:
            break
        started = monotonic()
        code = ground.scsync("pull", "Case", "--backfill", after=dice.uniform(0.0, longest))
        if code == 0 and whole:
            longest = monotonic() - started
        ground.look()
        ground.expire_leases()
        busy(ground.org, dice, 2)
        whole = code == 0
        if whole:  # done, with little left to do: the next is to have all before it again
            _forget_cases(ground)
    return _settled(ground, "Case")


def killed_cycles(ground: Ground, dice: random.Random, kills: int) -> int:
    """Kill cycles over all objects while people are at work; give the rows."""
    ground.scsync("pull")
    ground.look()
    longest = _timed(ground, "pull")
    for _ in range(kills * _TRIES):
        if ground.killed == kills:
            break
        busy(ground.org, dice, 5)
        started = monotonic()
        if ground.scsync("pull", after=dice.uniform(0.0, longest)) == 0:
            longest = monotonic() - started
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
