"""The assignment rule of cases: who owns one that is created or changed from outside.

As the REST guide's page "Assignment Rule Header" has it: TRUE, which is the default, runs the
active rule on create and update, FALSE runs none, the Id of a rule runs that one on create.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec

from emulator.errand import NO_RULES, RULES_RUN
from emulator.errors import bad
from emulator.ids import canonical, record_id
from emulator.schema.organization import GROUP

if TYPE_CHECKING:
    from emulator.errand import Errand
    from emulator.schema.registry import Registry
    from emulator.schema.sobject import SObject
    from emulator.tables import Row, Tables

RULE_ID = record_id("01Q", 1)


class AssignmentRule(msgspec.Struct, forbid_unknown_fields=True, kw_only=True):
    """The one rule that an org has."""

    active: bool = False
    owner: str | None = None
    """The user or queue that gets the cases; the org's first queue unless named."""


class Assignment:
    """Decides over the owner of a case."""

    def __init__(self, registry: Registry, tables: Tables) -> None:
        self._registry = registry
        self._tables = tables
        self.rule = AssignmentRule()

    def behave(self, changes: dict[str, Any]) -> None:
        rule = msgspec.convert(msgspec.to_builtins(self.rule) | changes, AssignmentRule)
        if rule.owner is not None:
            rule.owner = self._known(rule.owner)
        self.rule = rule

    def document(self) -> dict[str, Any]:
        return {"rule_id": RULE_ID, "active": self.rule.active, "owner": self._owner()}

    def decided(self, sobject: SObject, errand: Errand, *, creating: bool) -> Row:
        """Return the owner that the rule gives, if it is to run."""
        if sobject.name != "Case" or errand.assign == NO_RULES:
            return {}
        if errand.assign == RULES_RUN:
            return {"OwnerId": self._owner()} if self.rule.active else {}
        if canonical(errand.assign) != RULE_ID:
            # Which code Salesforce sends for the Id of no rule is unverified.
            raise bad("INVALID_CROSS_REFERENCE_KEY", "invalid assignment rule id")
        return {"OwnerId": self._owner()} if creating else {}

    def _owner(self) -> str:
        return self.rule.owner or self._first_queue()

    def _first_queue(self) -> str:
        return str(self._tables.rows(GROUP, '"Type" = ? ORDER BY seq LIMIT 1', ("Queue",))[0]["Id"])

    def _known(self, owner: str) -> str:
        id_ = canonical(owner)
        sobject = self._registry.of_id(id_) if id_ else None
        if id_ is None or sobject is None or sobject.name not in {"User", "Group"}:
            raise ValueError(f"{owner} is neither a user nor a queue")
        if self._tables.row(sobject, id_) is None:
            raise ValueError(f"nobody has the id {owner}")
        return id_
