"""References to records that the store does not have: what they name is pulled at once."""

from collections import defaultdict

import structlog
from sqlalchemy import Connection

from models import CATALOG
from pipelines.pages import Batch
from pipelines.plan import Plan
from store import records, watermarks

MOST = 200
"""Rows on a page that is looked at: more are a load, and what they name is being loaded as well."""

log = structlog.get_logger()

_MODELS = {model.sobject: model for model in CATALOG}


def hasten(tx: Connection, plan: Plan, batch: Batch) -> None:
    """Make those sObjects due whose records a page refers to before they have come."""
    if batch.last is None or len(batch.rows) > MOST:
        return
    columns = plan.model.table().columns
    named: dict[str, set[str]] = defaultdict(set)
    for place, field in enumerate(plan.fields):
        column = columns.get(field.column)
        sobjects: tuple[str, ...] = column.info.get("references", ()) if column is not None else ()
        # A reference to several kinds does not say which one it is.
        if len(sobjects) == 1 and sobjects[0] in _MODELS:
            named[sobjects[0]] |= {row[place] for row in batch.rows if row[place]}
    for sobject, ids in sorted(named.items()):
        unknown = ids - records.stamps(tx, _MODELS[sobject], list(ids)).keys()
        if sobject == plan.model.sobject:
            continue
        if unknown and watermarks.hurry(tx, sobject, referred_at=batch.last.stamp):
            log.info("object.hastened", object=sobject, referred_by=plan.model.sobject)
