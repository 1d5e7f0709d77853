"""What to ask an org for: our fields of an sObject, less those it lacks, hides or has retyped."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Any

from models.columns import ID_LENGTH, Kind, SyncField
from models.decoder import record_type
from models.dynamic import is_dynamic
from models.field_state import FieldState
from models.sobject import SObject
from salesforce import soql
from salesforce.describe import Describe, FieldDescribe

PAGE = 2000  # the most that one answer holds
EVERYTHING = "*"
STAMP = "SystemModstamp"
ORDER = (STAMP, "Id")
# What moves when a record does, the best first; the fact sheet's "Cursor fallback per object".
_STAMPS = (STAMP, "LastModifiedDate", "CreatedDate", "LoginTime")
# What a column can hold, by the type that describe gives; text holds every other type.
_TYPES = {
    Kind.INSTANT: frozenset({"datetime"}),
    Kind.DAY: frozenset({"date"}),
    Kind.NUMBER: frozenset({"double", "currency", "percent", "int", "long"}),
    Kind.WHOLE: frozenset({"int", "long", "double"}),
    Kind.FLAG: frozenset({"boolean"}),
}
_COMPOUND = frozenset({"address", "location", "complexvalue"})
_NOT_TEXT = frozenset().union(*_TYPES.values()) - {"date", "datetime"} | _COMPOUND
# The kind of a column of ours for a field of theirs; what is not named is text.
_KINDS = {
    **dict.fromkeys(("double", "currency", "percent"), Kind.NUMBER),
    **dict.fromkeys(("int", "long"), Kind.WHOLE),
    "datetime": Kind.INSTANT,
    "date": Kind.DAY,
    "boolean": Kind.FLAG,
}
# Compounds come by their parts; binary bodies are fetched one by one, not by a query.
_NO_COLUMN = _COMPOUND | {"base64"}
_PER_USER = frozenset(
    {
        "lastvieweddate",
        "lastreferenceddate",
        "mayedit",
        "islocked",
        "userrecordaccessid",
    }
)
"""What differs from user to user, in lower case: left out unless it is named."""


class Skip(Exception):  # noqa: N818 - an outcome, not an error
    """This org does not have, or does not show, what we would read; the message says what."""


@dataclass(frozen=True)
class Plan:
    """The fields to ask for and the type that decodes them."""

    model: type[SObject]
    fields: tuple[SyncField, ...]
    missing: tuple[str, ...]
    computed: tuple[SyncField, ...] = ()
    """Those of the fields that change without a stamp."""
    overflow: tuple[str, ...] = ()
    """Fields, by API name, whose type their column does not hold: they go to `extra`."""
    row_filter: str | None = None
    keeps_extra: bool = False
    """Whether rows may hold values in `extra` that have to go when they fit again."""
    stamp: str = STAMP
    """The org's name for what fills `system_modstamp`: some objects have no SystemModstamp."""

    def query(
        self,
        where: str,
        *,
        limit: int = PAGE,
        order_by: Sequence[str] = ORDER,
        fields: Sequence[str] = (),
    ) -> str:
        """Ask for a page in the order of (SystemModstamp, Id), of all fields or of some."""
        return soql.select(
            fields or self.asked,
            self.model.sobject,
            where=self.scoped(where),
            order_by=[self._named(name) for name in order_by],
            limit=limit,
        )

    @property
    def asked(self) -> tuple[str, ...]:
        return (*(field.api_name for field in self.fields), *self.overflow)

    @property
    def needs_care(self) -> bool:
        """Whether rows have to be laid out with their `extra`, which `wide.ask` does."""
        return self.keeps_extra or bool(self.overflow)

    def count(self, where: str) -> str:
        return soql.count(self.model.sobject, where=self.scoped(where))

    def scoped(self, where: str) -> str:
        """Narrow a condition to the rows that are ours; it names the stamp SystemModstamp."""
        scope = [self.model.where] if self.model.where else []
        scope += [f"({self.row_filter})"] if self.row_filter else []
        return soql.and_(*scope, self._named(where)) if where else soql.and_(*scope)

    def record(self, *, exact: bool) -> type[Any]:
        return record_type(self.model, self.fields, exact=exact)

    def _named(self, text: str) -> str:
        return text if self.stamp == STAMP else text.replace(STAMP, self.stamp)


def plan_for(
    model: type[SObject],
    describe: Describe | None,
    *,
    known: Sequence[FieldState] = (),
    chosen: Collection[str] | None = None,
    row_filter: str | None = None,
    keeps_extra: bool = False,
) -> Plan:
    """Match our fields with the org's; raises `Skip` when there is nothing to read.

    `known` are the columns added at run time, `chosen` the fields that the settings name.
    """
    described = readable(model, describe)
    stamp = _stamp(model, described)
    ours = columns(model, known, described, chosen, stamp)
    fields, missing, overflow = [], [], []
    for field in ours:
        found = described.get(field.api_name)
        if found and fits(field.kind, found.type):
            fields.append(_bounded(model, field, found))
        else:
            missing.append(field.api_name)
            if found:
                overflow.append(field.api_name)
    for name in ("Id", stamp):
        if name not in {field.api_name for field in fields}:
            raise Skip(f"{model.sobject}.{name} is hidden from this user: nothing can be read")
    return Plan(
        model=model,
        fields=tuple(fields),
        missing=tuple(missing),
        computed=tuple(field for field in fields if is_computed(model, described[field.api_name])),
        overflow=tuple(overflow),
        row_filter=row_filter,
        keeps_extra=keeps_extra,
        stamp=stamp,
    )


def readable(model: type[SObject], describe: Describe | None) -> dict[str, FieldDescribe]:
    """Give the org's fields by name; raises `Skip` for an object that cannot be read at all."""
    if describe is None:
        raise Skip(f"this org has no {model.sobject}, or hides it from this user")
    if not describe.queryable:
        raise Skip(f"this org does not let this user query {model.sobject}")
    return {field.name: field for field in describe.fields}


def columns(
    model: type[SObject],
    known: Sequence[FieldState],
    described: dict[str, FieldDescribe],
    chosen: Collection[str] | None,
    stamp: str,
) -> list[SyncField]:
    """Give what we have a column for: the model's, and those added that are still chosen."""
    own = [_stand_in(field, stamp) for field in model.fields() if field.api_name != stamp]
    if stamp == STAMP:
        own = list(model.fields())
    wanted = wanted_names(model, described.values(), chosen)
    return own + [
        SyncField(
            state.column_name,
            state.api_name,
            Kind(state.kind),
            untyped=_is_untyped(described.get(state.api_name)),
        )
        for state in known
        if state.added
        and state.api_name != stamp
        and (state.api_name in wanted or state.api_name not in described)
    ]


def _stand_in(field: SyncField, stamp: str) -> SyncField:
    return field._replace(api_name=stamp) if field.column == "system_modstamp" else field


def wanted_names(
    model: type[SObject], described: Collection[FieldDescribe], chosen: Collection[str] | None
) -> set[str]:
    """Choose among fields that our model does not know: custom ones, or what the settings name.

    Of an object of no model of ours all fields come unless the settings choose.
    """
    names = {name.lower() for name in chosen or ()}
    everything = EVERYTHING in names or (chosen is None and is_dynamic(model))
    ours = {field.api_name for field in model.fields()}
    return {
        field.name
        for field in described
        if field.name not in ours
        and field.type not in _NO_COLUMN
        and not field.deprecated_and_hidden
        and (
            field.name.lower() in names
            or (
                (everything or (chosen is None and field.custom))
                and field.name.lower() not in _PER_USER
            )
        )
    }


def kind_of(org_type: str) -> Kind:
    """Say what column a field of the org's type gets."""
    return _KINDS.get(org_type, Kind.TEXT)


def is_computed(model: type[SObject], field: FieldDescribe) -> bool:
    return field.calculated or field.name in model.computed


def fits(kind: Kind, described: str) -> bool:
    """Tell whether our column holds what the org's type may bring."""
    return described not in _NOT_TEXT if kind is Kind.TEXT else described in _TYPES[kind]


def _stamp(model: type[SObject], described: dict[str, FieldDescribe]) -> str:
    """Choose the stamp: only objects that we made no model of may do without SystemModstamp."""
    if not is_dynamic(model):
        return STAMP
    for name in _STAMPS:
        if name in described and described[name].type == "datetime":
            return name
    raise Skip(
        f"{model.sobject} shows none of {', '.join(_STAMPS)}: what changed cannot be asked for"
    )


def _bounded(model: type[SObject], field: SyncField, found: FieldDescribe) -> SyncField:
    """Note the column's length where the org's field is longer, so that the decoder looks."""
    column = model.table().columns.get(field.column)
    room = getattr(column.type, "length", None) if column is not None else None
    if field.kind is not Kind.TEXT or room is None:
        return field
    theirs = found.length or (ID_LENGTH if found.type in {"id", "reference"} else 0)
    return field._replace(length=room) if theirs > room else field


def _is_untyped(found: FieldDescribe | None) -> bool:
    return found is not None and found.type == "anyType"
