"""Ways of writing: what is submitted about one record, and what the org has to show for it, once."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, NamedTuple
from uuid import uuid4

from emulator.server import Emulator

Form = dict[str, Any]


class Effect(NamedTuple):
    """An entry of the org's journal, but for its record."""

    op: str
    sobject: str
    fields: Form


class Told(NamedTuple):
    """A command, and its effect; None where it travels in the request of the one before."""

    form: Form
    effect: Effect | None


Story = list[Told]
"""The commands about one record, in order; the first is the one at stake."""


@dataclass(frozen=True)
class Way:
    """A kind of command, by how it is kept from happening twice."""

    story: Callable[[Emulator], Story]
    key_kind: str | None = None
    goes_alone: bool = False
    is_repeated: bool = False
    """Whether what was done, its reply lost, is sent again: its key makes that harmless."""
    repeat: Effect | None = None
    """What the org shows of such a repeat."""


def _update(org: Emulator) -> Story:
    case = _case(org)
    told = []
    for word in ("first", "second"):  # the same field twice: no two of them are folded
        fields = {"Subject": f"{word} {case}"}
        form = {"op": "update", "sobject": "Case", "record_id": case, "fields": fields}
        told.append(Told(form, Effect("update", "Case", fields)))
    return told


def _folded(org: Emulator) -> Story:
    case = _case(org)
    parts = [{"Subject": f"told {case}"}, {"Priority": "High"}, {"Description": "at length"}]
    form = {"op": "update", "sobject": "Case", "record_id": case}
    together = {name: value for part in parts for name, value in part.items()}
    carried = Effect("update", "Case", together)
    return [Told({**form, "fields": part}, carried if part is parts[0] else None) for part in parts]


def _delete(org: Emulator) -> Story:
    form = {"op": "delete", "sobject": "Case", "record_id": _case(org)}
    return [Told(form, Effect("delete", "Case", {}))]


def _upsert(_: Emulator) -> Story:
    key = uuid4().hex
    form = {"op": "upsert", "sobject": "Case", "external_id_field": "Sync_Key__c"}
    form |= {"external_id": key, "fields": {"Subject": "by key"}}
    return [Told(form, Effect("create", "Case", {"Subject": "by key", "Sync_Key__c": key}))]


def _keyed(_: Emulator) -> Story:
    """Make a case by its key, and a comment on it that waits for its id."""
    command, fields = str(uuid4()), {"Subject": "new"}
    made = Effect("create", "Case", {**fields, "Sync_Key__c": command})
    comment = {"ParentId": {"$command": command}, "CommentBody": "On our way."}
    return [
        Told({"op": "create", "id": command, "sobject": "Case", "fields": fields}, made),
        Told(_create("CaseComment", comment), Effect("create", "CaseComment", comment)),
    ]


def _probed(org: Emulator) -> Story:
    fields = {"ParentId": _case(org), "CommentBody": "We are on it."}
    return [Told(_create("CaseComment", fields), Effect("create", "CaseComment", fields))]


def _once(_: Emulator) -> Story:
    fields = {"Subject": f"repair {uuid4().hex}"}
    return [Told(_create("WorkOrder", fields), Effect("create", "WorkOrder", fields))]


def _publish(org: Emulator) -> Story:
    fields = {"Title": "Fuses", "UrlName": f"fuses-{uuid4().hex}"}
    draft = org.act("create", sobject="Knowledge__kav", fields=fields)
    form = {"op": "publish", "sobject": "Knowledge__kav", "record_id": draft}
    return [Told(form, Effect("update", "Knowledge__kav", {"PublishStatus": "Online"}))]


def _case(org: Emulator) -> str:
    made: str = org.act("create", sobject="Case", fields={"Subject": "Noise"})
    return made


def _create(sobject: str, fields: Form) -> Form:
    return {"op": "create", "sobject": sobject, "fields": fields}


WAYS: dict[str, Way] = {
    "update": Way(_update),
    "folded updates": Way(_folded),
    "delete": Way(_delete),
    "upsert": Way(
        _upsert, is_repeated=True, repeat=Effect("update", "Case", {"Subject": "by key"})
    ),
    "create by key": Way(_keyed, "external_id"),
    "create by probe": Way(_probed, "probe"),
    "create by the UI API": Way(_once, "idempotency_key", goes_alone=True, is_repeated=True),
    "publish": Way(_publish, goes_alone=True),
}
KEYLESS = ("CaseComment", "WorkOrder")
"""Objects whose key field has to be hidden for that."""
