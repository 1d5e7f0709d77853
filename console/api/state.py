"""How everything stands, and single records, over HTTP."""

from datetime import datetime
from typing import Annotated, Any

import msgspec
from msgspec import Meta

from console.api.operation import Asked, Operation
from console.problems import Problem
from models.api_key import Scope
from pipelines.overview import ObjectStatus
from pipelines.record import stored
from pipelines.verdict import judge
from salesforce.ids import is_id, to_18
from worker.app import App


class ObjectDocument(msgspec.Struct):
    """One sObject: rows, how far it is read and verified, how its last run ended."""

    sobject: str
    rows: int
    tombstones: int
    watermark: datetime | None
    verified_through: datetime | None
    computed_through: datetime | None
    fresh_as_of: datetime | None
    settle: float | None
    last_outcome: str | None
    last_error: str | None
    skipped: str | None
    missing_fields: int
    silent_for: float | None


class ObjectsDocument(msgspec.Struct):
    """All of them, as of one instant."""

    objects: list[ObjectDocument]
    at: datetime


class AccountDocument(msgspec.Struct):
    """The linked account."""

    name: str
    state: str
    reason: str | None
    org_id: str | None
    instance_url: str | None
    api_used: int | None
    api_limit: int | None


class FindingDocument(msgspec.Struct):
    """Something that a person should know of an sObject."""

    sobject: str
    kind: str
    subject: str
    message: str
    since: datetime
    seen_at: datetime


class IncidentDocument(msgspec.Struct):
    """Something that went wrong and is not over."""

    kind: str
    subject: str
    title: str
    message: str
    remedy: str
    opened_at: datetime


class BackfillDocument(msgspec.Struct):
    """A backfill under way."""

    sobject: str
    reason: str
    mode: str | None
    rows: int
    total: int | None


class BudgetDocument(msgspec.Struct):
    """Where the org's API calls are heading."""

    used: int
    limit: int
    stops_at: int
    per_hour: float | None
    reached_at: datetime | None
    pace: float


class StatusDocument(msgspec.Struct):
    """Is all well, and what does that rest on."""

    at: datetime
    is_well: bool
    reasons: list[str]
    cautions: list[str]
    notices: list[str]
    account: AccountDocument | None
    objects: list[ObjectDocument]
    commands: dict[str, int]
    findings: list[FindingDocument]
    incidents: list[IncidentDocument]
    backfills: list[BackfillDocument]
    budget: BudgetDocument | None
    calls: dict[str, int]


class RecordPath(msgspec.Struct, forbid_unknown_fields=True):
    """Which record."""

    sobject: Annotated[str, Meta(pattern=r"^[A-Za-z][A-Za-z0-9_]{0,79}$")]
    record_id: Annotated[str, Meta(pattern=r"^([A-Za-z0-9]{15}|[A-Za-z0-9]{18})$")]


class RecordDocument(msgspec.Struct):
    """A record as the store has it, by its API names."""

    sobject: str
    id: str
    fields: dict[str, Any]
    is_deleted: bool
    synced_at: datetime | None
    deleted_at: datetime | None
    deleted_cause: str | None
    extra: dict[str, Any] | None
    as_of: datetime | None


def _objects(parts: App, _asked: Asked) -> dict[str, Any]:
    found = parts.overview()
    return {"objects": [_object(one) for one in found.objects], "at": found.at}


def _status(parts: App, _asked: Asked) -> dict[str, Any]:
    found = parts.overview()
    verdict = judge(found)
    return {
        "at": found.at,
        "is_well": verdict.is_well,
        "reasons": verdict.reasons,
        "cautions": verdict.cautions,
        "notices": found.notices,
        "account": _picked(AccountDocument, found.account),
        "objects": [_object(one) for one in found.objects],
        "commands": found.commands,
        "findings": [_picked(FindingDocument, one) for one in found.findings],
        "incidents": [_picked(IncidentDocument, one) for one in found.incidents],
        "backfills": [_picked(BackfillDocument, one) for one in found.loading],
        "budget": _picked(BudgetDocument, found.budget),
        "calls": found.calls,
    }


def _object(one: ObjectStatus) -> dict[str, Any]:
    silent = one.silent_for.total_seconds() if one.silent_for else None
    return {**vars(one), "silent_for": silent}


def _picked(kind: type[msgspec.Struct], found: object) -> dict[str, Any] | None:
    if found is None:
        return None
    return {name: getattr(found, name) for name in kind.__struct_fields__}


def _record(parts: App, asked: Asked) -> dict[str, Any]:
    sobject, record_id = asked.path.sobject, asked.path.record_id
    model = next((one for one in parts.models if one.sobject == sobject), None)
    if model is None:
        raise Problem(404, f"{sobject} is not pulled; /v1/objects lists what is")
    if not is_id(record_id):
        raise Problem(404, f"{record_id} is not a record id")
    with parts.store.read() as tx:
        found = stored(tx, model, to_18(record_id))
    if found is None:
        raise Problem(404, f"the store has no {sobject} {record_id}")
    return vars(found)


OPERATIONS = (
    Operation(
        method="GET",
        path="/v1/objects",
        scope=Scope.READ,
        name="list_objects",
        summary="Each sObject: rows, how far it is read and verified, its last run",
        does=_objects,
        answer=ObjectsDocument,
    ),
    Operation(
        method="GET",
        path="/v1/status",
        scope=Scope.READ,
        name="get_status",
        summary="How everything stands",
        does=_status,
        answer=StatusDocument,
    ),
    Operation(
        method="GET",
        path="/v1/records/{sobject}/{record_id}",
        scope=Scope.READ,
        name="get_record",
        summary="One record as the store has it",
        does=_record,
        answer=RecordDocument,
        parameters=RecordPath,
        refusals=frozenset({404}),
    ),
)
