"""What one user may do and see: a profile, permission sets on top of it, and whose rows.

Object permissions hide whole objects and take verbs away, field permissions hide fields and make
them read-only; without View All Data a user sees the rows that it, or a queue of its, owns, and
what hangs on those. Sharing rules, roles and hierarchies are not modelled.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from datetime import datetime

    from emulator.schema.field import Field
    from emulator.schema.sobject import SObject

READ = "read"
EVERYTHING = frozenset({READ, "create", "update", "delete"})
NOTHING: frozenset[str] = frozenset()
API_ENABLED, VIEW_ALL_DATA, VIEW_SETUP = "ApiEnabled", "ViewAllData", "ViewSetup"

# Whose permissions count for an object that has none of its own. That lines go by their order
# and their contract is unverified.
GOVERNORS = {
    "CaseComment": "Case",
    "CaseHistory": "Case",
    "CaseMilestone": "Case",
    "ContractLineItem": "ServiceContract",
    "Knowledge__ka": "Knowledge__kav",
    "PricebookEntry": "Pricebook2",
    "WorkOrderLineItem": "WorkOrder",
}
# Objects of the setup: whoever is in may read them.
OPEN = frozenset(
    {
        "BusinessHours",
        "Group",
        "MilestoneType",
        "Organization",
        "RecordType",
        "SlaProcess",
        "User",
    }
)
# The parts of a person's name go by the name, which whoever sees the record sees.
SEEN_ALWAYS = frozenset({"FirstName", "LastName", "MasterRecordId", "Salutation"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Profile:
    """What every user of a kind may do, on all objects and fields alike."""

    name: str
    api: bool = True
    sees_all: bool = False
    views_setup: bool = False
    """View Setup and Configuration, without which nobody is shown who may do what."""
    administers: bool = False
    verbs: frozenset[str] = NOTHING


ADMINISTRATOR = Profile(
    name="System Administrator",
    sees_all=True,
    views_setup=True,
    administers=True,
    verbs=EVERYTHING,
)
PROFILES = {
    profile.name: profile
    for profile in (
        ADMINISTRATOR,
        Profile(name="Standard User", views_setup=True, verbs=EVERYTHING),
        Profile(name="Read Only", sees_all=True, views_setup=True, verbs=frozenset({READ})),
        Profile(name="Minimum Access - API Only Integrations"),
        Profile(name="Minimum Access - Salesforce", api=False),
    )
}


@dataclass(frozen=True, slots=True, kw_only=True)
class PermissionSet:
    """What is added to a profile: verbs by object, fields with whether they may be edited."""

    name: str
    objects: Mapping[str, frozenset[str]] = field(default_factory=dict)
    fields: Mapping[str, bool] = field(default_factory=dict)
    all_rows: frozenset[str] = frozenset()
    permissions: frozenset[str] = frozenset()


@dataclass(frozen=True, eq=False)
class Sight:
    """The org as one user meets it, until somebody changes what the user may do."""

    profile: Profile
    sets: tuple[PermissionSet, ...]
    owners: tuple[str, ...]
    """The user and its queues."""
    since: datetime

    @property
    def api(self) -> bool:
        return self.profile.api or self._grants(API_ENABLED)

    @property
    def sees_all(self) -> bool:
        return self.profile.sees_all or self._grants(VIEW_ALL_DATA)

    @property
    def views_setup(self) -> bool:
        return self.profile.views_setup or self._grants(VIEW_SETUP)

    def sees_all_of(self, name: str) -> bool:
        """Tell whether sharing hides no row of an object from the user."""
        return self.sees_all or any(name in one.all_rows for one in self.sets)

    def _grants(self, permission: str) -> bool:
        return any(permission in one.permissions for one in self.sets)

    def view(self, sobject: SObject) -> SObject | None:
        """Return what the user is shown of an object, None of one that is hidden."""
        verbs = self.verbs(sobject.name)
        if READ not in verbs:
            return None
        shown = (self._shown(sobject, field) for field in sobject.declared)
        allows = " ".join(verb for verb in sobject.allows.split() if verb in verbs)
        return replace(sobject, declared=tuple(filter(None, shown)), allows=allows)

    def verbs(self, name: str) -> frozenset[str]:
        if name in OPEN:
            return self.profile.verbs | {READ}
        own = self._own_verbs(GOVERNORS.get(name, name))
        if name not in GOVERNORS or READ not in own:
            return own
        return EVERYTHING if "update" in own else frozenset({READ})

    def _own_verbs(self, name: str) -> frozenset[str]:
        added = (one.objects.get(name, NOTHING) for one in self.sets)
        return self.profile.verbs.union(*added)

    def _shown(self, sobject: SObject, field: Field) -> Field | None:
        if not is_secured(sobject, field):
            return field
        may_edit = self._fields.get(f"{sobject.name}.{field.compound or field.name}")
        if "update" in self.profile.verbs or may_edit:
            return field
        if READ not in self.profile.verbs and may_edit is None:
            return None
        return replace(field, flags="".join(set(field.flags) - {"c", "u"}))

    @cached_property
    def _fields(self) -> dict[str, bool]:
        found: dict[str, bool] = {}
        for one in self.sets:
            for name, editable in one.fields.items():
                found[name] = editable or found.get(name, False)
        return found

    def row_test(
        self, sobject: SObject, alias: str, whole: Callable[[str], SObject], depth: int = 0
    ) -> str:
        """Write SQL that holds for the rows the user sees; empty where that is all of them."""
        if self.sees_all_of(sobject.name):
            return ""
        if "OwnerId" in sobject.fields:
            owners = ", ".join(f"'{one}'" for one in self.owners)
            return f'{alias}."OwnerId" IN ({owners})'
        parent = next((one for one in sobject.stored if one.cascade), None)
        if parent is None:
            return ""
        above = f"p{depth}"
        test = self.row_test(whole(parent.to[0]), above, whole, depth + 1)
        rows = f'SELECT 1 FROM "{parent.to[0]}" AS {above} WHERE {above}."Id" = '  # noqa: S608 - names of the schema
        return f'EXISTS ({rows}{alias}."{parent.name}" AND {test})' if test else ""


def is_secured(sobject: SObject, field: Field) -> bool:
    """Tell whether a field has permissions of its own: else it is seen with its object."""
    if field.custom:
        return True
    if sobject.name in OPEN or sobject.name.startswith("Knowledge") or field.name_field:
        return False
    if field.name in SEEN_ALWAYS or (field.name == "Status" and field.createable):
        return False
    is_flag = field.type == "boolean" and bool({"c", "u"} & set(field.flags))
    return field.nillable or is_flag or bool(field.expression)
