"""Probe: a create that bears no key is looked for by its creator, its time and its contents."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from models import conditions_of
from models.outbox import CommandState
from pipelines.compare import same
from pipelines.parcels import Letter
from salesforce import soql
from salesforce.client import Client
from salesforce.describe import Describe, FieldDescribe
from store.claims import Settlement

UNCLEAR_CREATE = "UNCLEAR_CREATE"
PATIENCE = timedelta(minutes=2)
"""A request whose reply was lost may still be at work in the org; what it makes is seen by then."""
_SKEW = timedelta(minutes=1)
# What a query can compare as it was sent; numbers and moments, which an org rounds, and long texts,
# which it may sanitise, are compared here.
_EXACT = frozenset({"string", "picklist", "reference", "email", "phone", "url", "boolean"})
_SECOND = timedelta(seconds=1)


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
    fields = {one.name: one for one in describe.fields}
    where = soql.and_(
        *conditions_of(letter.command.sobject),
        soql.eq("CreatedById", sent.user_id),
        soql.ge("CreatedDate", sent.first_at - _SKEW),
        *(
            soql.in_(name, _stored(value))
            for name, value in asked.items()
            if name in fields and _is_exact(fields[name]) and value not in {None, ""}
        ),
    )
    names = ["Id", *asked]
    query = soql.select(names, letter.command.sobject, where=where, order_by=["CreatedDate"])
    pages = client.query(query, include_deleted=True)
    return [row["Id"] for page in pages for row in page.records if _is_it(asked, row, fields)]


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


def _is_exact(field: FieldDescribe) -> bool:
    return field.filterable and field.type in _EXACT


def _stored(value: Any) -> list[Any]:
    """Give what may have become of a value: an org may cut off the blanks around a text."""
    if not isinstance(value, str):
        return [value]
    return list(dict.fromkeys([value, value.rstrip(), value.strip()]))


def _is_it(
    asked: Mapping[str, Any], row: Mapping[str, Any], fields: Mapping[str, FieldDescribe]
) -> bool:
    return all(_became(value, row.get(name), fields.get(name)) for name, value in asked.items())


def _became(asked: Any, found: Any, field: FieldDescribe | None) -> bool:
    """Tell whether the org may have made this of a value: what it rounds or sanitises by itself."""
    if field is None or same(asked, found):
        return same(asked, found)
    match asked, found:
        case (int() | float(), int() | float()):
            return bool(abs(asked - found) < 10**-field.scale)
        case (str(), str()) if field.type == "datetime":
            return abs(datetime.fromisoformat(asked) - datetime.fromisoformat(found)) < _SECOND
        case (str(), str()):  # in lower case as an e-mail address, cleaned as rich text
            return field.html_formatted or asked.strip().lower() == found.strip().lower()
    return False
