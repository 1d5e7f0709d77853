"""Merges: commands that wait for a record which was folded into another follow it there.

Salesforce puts the loser into the recycle bin with `MasterRecordId`, or, in orgs that keep merged
cases, leaves it with that field and the status Merged. Either way a write to it is lost.
"""

from collections.abc import Iterable
from datetime import datetime

import structlog
from sqlalchemy import Connection

from models import by_name
from models.command import Command, Op
from models.sobject import SObject
from pipelines.pages import Batch
from pipelines.plan import Plan
from store import lanes, merges

MASTER = "master_record_id"

log = structlog.get_logger()


def follow(tx: Connection, plan: Plan, batch: Batch) -> None:
    """Redirect what waits for a loser on this page, which stands in the store by now."""
    names = [field.column for field in plan.fields]
    if MASTER not in names:
        return
    place, key = names.index(MASTER), names.index("id")
    losers = [row[key] for row in batch.rows if row[place]]
    if losers:
        _redirect(tx, plan.model, losers, now=batch.server_time)


def redirect(tx: Connection, commands: Iterable[Command], *, now: datetime) -> None:
    """Redirect commands just stored whose record is known to have been merged."""
    ids: dict[str, list[str]] = {}
    for command in commands:
        if command.op is Op.UPDATE and command.record_id:
            ids.setdefault(command.sobject, []).append(command.record_id)
    for sobject, records in ids.items():
        try:
            model = by_name(sobject)
        except LookupError:
            continue  # an object that is written, and not read
        if MASTER in model.table().columns:
            _redirect(tx, model, records, now=now)


def _redirect(tx: Connection, model: type[SObject], ids: list[str], *, now: datetime) -> None:
    for loser, survivor in merges.survivors(tx, model, ids).items():
        moved = lanes.redirect(
            tx,
            sobject=model.sobject,
            loser=loser,
            survivor=survivor,
            now=now,
        )
        if moved:
            log.info(
                "commands.redirected",
                object=model.sobject,
                merged=loser,
                into=survivor,
                commands=moved,
            )
