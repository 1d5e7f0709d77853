"""Probe: a create that bears no key is looked for by its creator, its time and its contents."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from models.outbox import CommandState
from pipelines.compare import same
from pipelines.parcels import Letter
from salesforce import soql
from salesforce.client import Client
from salesforce.describe import Describe
from store.claims import Settlement

UNCLEAR_CREATE = "UNCLEAR_CREATE"
PATIENCE = timedelta(minutes=2)
"""A request whose reply was lost may still be at work in the org; what it makes is seen by then."""
_SKEW = timedelta(minutes=1)
_MOST = 50
# What a query can compare; long texts are compared here.
_FILTERABLE = frozenset(
    {"string", "picklist", "reference", "email", "phone", "url", "boolean", "date", "double", "int"}
)


@dataclass(frozen=True)
class Sent:
    """When a create was sent, by the org's clock, and by whom."""

    first_at: datetime
    last_at: datetime
    now: datetime
    user_id: str


def found(letter: Letter, sent: Sent, describe: Describe, client: Client) -> list[str]:
    """Give the records that this create may have made, the oldest first."""
    asked = letter.fields
    kinds = {one.name: one.type for one in describe.fields}
    short = {name: value for name, value in asked.items() if kinds.get(name) in _FILTERABLE}
    where = soql.and_(
        soql.eq("CreatedById", sent.user_id),
        soql.ge("CreatedDate", sent.first_at - _SKEW),
        *(soql.eq(name, value) for name, value in short.items() if value not in {None, ""}),
    )
    names = ["Id", *asked]
    query = soql.select(
        names, letter.command.sobject, where=where, order_by=["CreatedDate"], limit=_MOST
    )
    rows: list[dict[str, Any]] = client.query_page(query, include_deleted=True).records
    return [row["Id"] for row in rows if _is_it(asked, row)]


def settled(candidates: list[str], letter: Letter, sent: Sent, *, now: datetime) -> Settlement:
    """Say what the candidates mean: one is it, none is none after a while, two need a person."""
    if len(candidates) == 1:
        return Settlement(state=CommandState.APPLIED, result_id=candidates[0])
    if candidates:
        return Settlement(
            state=CommandState.DEAD,
            error_code=UNCLEAR_CREATE,
            error_message=(
                f"the reply to this create was lost, and {len(candidates)} records look like it: "
                f"{', '.join(candidates[:5])}; look at them in Salesforce, then discard or retry "
                f"the command; a unique external id on {letter.command.sobject} would tell"
            ),
        )
    if sent.now - sent.last_at < PATIENCE:
        return Settlement(
            state=CommandState.UNCLEAR,
            not_before=now + (PATIENCE - (sent.now - sent.last_at)) / 2 + timedelta(seconds=1),
            error_code="NOT_SEEN_YET",
            error_message="no trace of it in the org yet: looked for again before it is repeated",
            counts=False,
        )
    return Settlement(
        state=CommandState.PENDING,
        error_code="NOT_APPLIED",
        error_message="the lost attempt left no trace in the org: sent again",
        counts=False,
    )


def _is_it(asked: dict[str, Any], row: dict[str, Any]) -> bool:
    return all(same(value, row.get(name)) for name, value in asked.items())
