"""What to ask an org for: our fields of an sObject, less those it lacks, hides or has retyped."""

from dataclasses import dataclass
from typing import Any

from models.columns import Kind, SyncField
from models.decoder import record_type
from models.sobject import SObject
from salesforce import soql
from salesforce.describe import Describe

PAGE = 2000  # the most that one answer holds
_NEEDED = ("Id", "SystemModstamp")
# What a column can hold, by the type that describe gives; text holds every other type.
_TYPES = {
    Kind.INSTANT: frozenset({"datetime"}),
    Kind.DAY: frozenset({"date"}),
    Kind.NUMBER: frozenset({"double", "currency", "percent", "int", "long"}),
    Kind.WHOLE: frozenset({"int", "long", "double"}),
    Kind.FLAG: frozenset({"boolean"}),
}
_NOT_TEXT = frozenset().union(*_TYPES.values()) - {"date", "datetime"} | {"address", "location"}


class Skip(Exception):  # noqa: N818 - an outcome, not an error
    """This org does not have, or does not show, what we would read; the message says what."""


@dataclass(frozen=True)
class Plan:
    """The fields to ask for and the type that decodes them."""

    model: type[SObject]
    fields: tuple[SyncField, ...]
    missing: tuple[str, ...]

    def query(self, where: str, *, limit: int = PAGE) -> str:
        """Ask for a page in the order of (SystemModstamp, Id)."""
        return soql.select(
            [field.api_name for field in self.fields],
            self.model.sobject,
            where=self.scoped(where),
            order_by=["SystemModstamp", "Id"],
            limit=limit,
        )

    def count(self, where: str) -> str:
        return soql.count(self.model.sobject, where=self.scoped(where))

    def scoped(self, where: str) -> str:
        return soql.and_(self.model.where, where) if self.model.where else where

    def record(self, *, exact: bool) -> type[Any]:
        return record_type(self.model, self.fields, exact=exact)


def plan_for(model: type[SObject], describe: Describe | None) -> Plan:
    """Match our fields with the org's; raises `Skip` when there is nothing to read."""
    if describe is None:
        raise Skip(f"this org has no {model.sobject}, or hides it from this user")
    if not describe.queryable:
        raise Skip(f"this org does not let this user query {model.sobject}")
    types = {field.name: field.type for field in describe.fields}
    shown = {f.api_name for f in model.fields() if _fits(f.kind, types.get(f.api_name))}
    for name in _NEEDED:
        if name not in shown:
            raise Skip(f"{model.sobject}.{name} is hidden from this user: nothing can be read")
    return Plan(
        model=model,
        fields=tuple(field for field in model.fields() if field.api_name in shown),
        missing=tuple(field.api_name for field in model.fields() if field.api_name not in shown),
    )


def _fits(kind: Kind, described: str | None) -> bool:
    """Tell whether the org's field is there and of a type that our column holds."""
    if described is None:
        return False
    return described not in _NOT_TEXT if kind is Kind.TEXT else described in _TYPES[kind]
