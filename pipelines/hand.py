"""A hand: the commands that one claim took, and who travels in whose request."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime

from sqlalchemy import Connection

from models.command import Command, Conflict, Op
from models.outbox import Taken
from pipelines import folding
from pipelines.parcels import goes_alone
from store import claims, lanes
from store.claims import Claim

_MOST_OF_JOBS = 20_000


@dataclass(frozen=True, kw_only=True)
class Hand:
    """Commands to send, or, where they are unclear, to look for; riders by their carrier's id."""

    entries: list[Taken]
    riders: Mapping[str, Sequence[Taken]] = field(default_factory=dict)


def command_of(entry: Taken) -> Command:
    """Read a command that has been admitted: all that it says has been checked."""
    return Command(
        id=entry.id,
        op=Op(entry.op),
        sobject=entry.sobject,
        record_id=entry.record_id,
        external_id_field=entry.external_id_field,
        external_id=entry.external_id,
        fields=dict(entry.fields or {}),
        expected_modstamp=entry.expected_modstamp,
        depends_on=tuple(entry.depends_on or ()),
        priority=entry.priority,
        on_conflict=Conflict(entry.on_conflict) if entry.on_conflict else None,
        auto_assign=entry.auto_assign,
        allow_duplicates=entry.allow_duplicates,
    )


def take(tx: Connection, claim: Claim, *, folds: bool, looks: bool = True) -> Hand:
    """Take lost commands first, since their records wait for them; else what is due.

    `looks` for what lost workers were sending and for what has waited long enough, first.
    """
    if looks:
        claims.expire(tx, now=claim.now)
        lanes.wake(tx, now=claim.now)
    lost = claims.claim_unclear(tx, claim)
    if jobs := {one.job_id for one in lost if one.job_id}:
        # A job's results are read once, for all that it carried.
        lost += claims.claim_unclear(tx, replace(claim, limit=_MOST_OF_JOBS), jobs=jobs)
    if lost:
        return Hand(entries=lost, riders=claims.riders(tx, lost))
    due = claims.claim(tx, claim, is_single=goes_alone, wakes=False)
    return Hand(entries=due, riders=_folded(tx, due, now=claim.now) if folds else {})


def _folded(tx: Connection, entries: Sequence[Taken], *, now: datetime) -> dict[str, list[Taken]]:
    """Find out, lane by lane, which commands right behind may travel along."""
    chains = {one.lane: [one] for one in entries if folding.may_carry(one)}
    growing = set(chains)
    for _ in range(folding.MOST - 1):
        behind = claims.behind(tx, [chains[lane][-1].id for lane in growing], now=now)
        fitting = [one for one in behind if folding.may_ride(one, chains[one.lane])]
        for one in fitting:
            chains[one.lane].append(one)
        growing = {one.lane for one in fitting}
        if not growing:
            break
    riders = {chain[0].id: chain[1:] for chain in chains.values() if len(chain) > 1}
    claims.ride(tx, riders)
    return riders
