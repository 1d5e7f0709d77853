"""Duplicate rules: a row that equals another in some fields is refused, or saved when allowed.

The element of the error and its misspelt key `duplicateResut` are as public clients have recorded
them (fact sheet 2.4).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec

from emulator.errors import ApiError

if TYPE_CHECKING:
    from emulator.changes import Change
    from emulator.errand import Errand
    from emulator.schema.registry import Registry
    from emulator.tables import Row, Tables

_MOST_MATCHES = 10


class DuplicateRule(msgspec.Struct, forbid_unknown_fields=True, kw_only=True):
    """When two rows of an object count as one and the same."""

    sobject: str
    fields: list[str]
    """Rows that agree in all of these, none of them empty, are duplicates."""
    allow_save: bool = True
    """Whether `allowSave=true` may save one all the same; else the rule blocks it."""
    name: str = "Standard_Duplicate_Rule"
    message: str = "Use one of these records?"
    key: str = "duplicateResut"
    """What the match object of the error is called; `duplicateResult` has been seen too."""


class Duplicates:
    """The rules in force, one for an object at most; none to begin with."""

    def __init__(self, registry: Registry, tables: Tables) -> None:
        self._registry = registry
        self._tables = tables
        self.rules: dict[str, DuplicateRule] = {}

    def add(self, document: dict[str, Any]) -> DuplicateRule:
        rule = msgspec.convert(document, DuplicateRule)
        sobject = self._registry.whole(rule.sobject)
        rule.sobject = sobject.name
        rule.fields = [self._registry.field(sobject.name, name).name for name in rule.fields]
        if not rule.fields:
            raise ValueError("a duplicate rule needs fields to compare")
        self.rules[sobject.name] = rule
        return rule

    def check(self, change: Change, errand: Errand) -> None:
        """Refuse a write from outside that makes a duplicate, unless it may be saved."""
        rule = self.rules.get(change.sobject.name)
        if rule is None or change.op == "delete" or not errand.is_from_outside:
            return
        if errand.allow_save and rule.allow_save:
            return
        if set(rule.fields) & change.given.keys() and (found := self._matches(rule, change)):
            raise _detected(rule, found)

    def _matches(self, rule: DuplicateRule, change: Change) -> list[Row]:
        values = [change.after.get(name) for name in rule.fields]
        if any(value is None for value in values):
            return []
        tests = [f'"{name}" = ?' for name in rule.fields] + ['"Id" <> ?']
        if change.sobject.has_bin:
            tests.append('"IsDeleted" = 0')
        where = f"{' AND '.join(tests)} LIMIT {_MOST_MATCHES}"
        return self._tables.rows(change.sobject, where, (*values, change.id))


def _detected(rule: DuplicateRule, found: list[Row]) -> ApiError:
    matched = {
        "entityType": rule.sobject,
        "errors": [],
        "matchEngine": "ExactMatchEngine",
        "matchRecords": [_match(rule.sobject, row["Id"]) for row in found],
        "rule": f"{rule.sobject}_Match",
        "size": len(found),
        "success": True,
    }
    result = {
        "allowSave": rule.allow_save,
        "duplicateRule": rule.name,
        "duplicateRuleEntityType": rule.sobject,
        "errorMessage": rule.message,
        "matchResults": [matched],
    }
    return ApiError(400, "DUPLICATES_DETECTED", rule.message, extra={rule.key: result})


def _match(sobject: str, id_: str) -> dict[str, Any]:
    url = f"/services/data/v67.0/sobjects/{sobject}/{id_}"
    return {
        "additionalInformation": [],
        "fieldDiffs": [],
        "matchConfidence": 100.0,
        "record": {"attributes": {"type": sobject, "url": url}, "Id": id_},
    }
