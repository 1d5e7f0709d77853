"""What a user needs in Salesforce for an action: permissions on objects, and on fields.

Which fields have permissions of their own is Salesforce's to say, and differs with the features of
an org: `Securable` names what every org with the object has, so that a permission set made of it
can be deployed anywhere. What else the model knows is for a person to add. Source: Metadata API
Developer Guide, "PermissionSet".
"""

from collections.abc import Iterable
from dataclasses import dataclass

from models import by_name
from models.action import Action, Verb
from models.address import Address, BillingAddress, ShippingAddress
from models.naming import api_name
from models.sobject import SObject

_ADDRESSES = (Address, BillingAddress, ShippingAddress)

# These have no permissions of their own.
_GOVERNED_BY = {"CaseComment": "Case"}
# Whoever may not read these may not be given the others that hang on them.
_PARENTS = ("Account", "Contact")
_ALONE = frozenset({"Knowledge__kav"})


@dataclass(frozen=True)
class Securable:
    """Fields of an object that have permissions everywhere; `always` are there without any."""

    writable: tuple[str, ...]
    readable: tuple[str, ...]
    always: tuple[str, ...]


_NOTHING = Securable((), (), ())
# Standard fields of articles are shown to whoever may read articles.
_SECURABLE = {
    "Case": Securable(
        (
            "AccountId",
            "AssetId",
            "ContactId",
            "Description",
            "IsEscalated",
            "Origin",
            "ParentId",
            "Priority",
            "Reason",
            "Subject",
            "SuppliedCompany",
            "SuppliedEmail",
            "SuppliedName",
            "SuppliedPhone",
            "Type",
        ),
        ("ClosedDate", "ContactEmail", "ContactFax", "ContactMobile", "ContactPhone"),
        ("CaseNumber", "IsClosed", "MasterRecordId", "OwnerId", "RecordTypeId", "Status"),
    ),
    "Entitlement": Securable(
        (
            "AssetId",
            "BusinessHoursId",
            "CasesPerEntitlement",
            "ContractLineItemId",
            "EndDate",
            "IsPerIncident",
            "RemainingCases",
            "ServiceContractId",
            "SlaProcessId",
            "StartDate",
            "Type",
        ),
        ("Status",),
        ("AccountId", "Name", "RecordTypeId"),
    ),
    "ServiceContract": Securable(
        (
            "AccountId",
            "ApprovalStatus",
            "BillingAddress",
            "ContactId",
            "Description",
            "EndDate",
            "ParentServiceContractId",
            "ShippingAddress",
            "ShippingHandling",
            "SpecialTerms",
            "StartDate",
            "Tax",
            "Term",
        ),
        ("Discount", "GrandTotal", "Status", "Subtotal", "TotalPrice"),
        ("ContractNumber", "Name", "OwnerId", "RecordTypeId"),
    ),
    "WorkOrder": Securable(
        (
            "AccountId",
            "Address",
            "AssetId",
            "CaseId",
            "ContactId",
            "Description",
            "EndDate",
            "ParentWorkOrderId",
            "Priority",
            "StartDate",
            "Subject",
            "Tax",
        ),
        ("Discount", "GrandTotal", "Subtotal", "TotalPrice"),
        ("OwnerId", "RecordTypeId", "Status", "WorkOrderNumber"),
    ),
}


@dataclass(frozen=True)
class Need:
    """What is needed on one object."""

    sobject: str
    create: bool
    read: bool
    edit: bool
    delete: bool
    actions: tuple[str, ...]
    """For whose sake; empty: for that of other objects."""
    editable: tuple[str, ...] = ()
    """Fields to be read and edited."""
    readable: tuple[str, ...] = ()
    """Fields to be read only."""
    elsewhere: tuple[str, ...] = ()
    """Fields that only some orgs have, or that have no permissions in some."""


def needs(actions: Iterable[Action]) -> list[Need]:
    """Say what these actions need, object by object, parents first."""
    by_object: dict[str, list[Action]] = {}
    for action in actions:
        governor = _GOVERNED_BY.get(action.sobject, action.sobject)
        by_object.setdefault(governor, []).append(action)
    found = [_need(sobject, wanted) for sobject, wanted in by_object.items()]
    if set(by_object) <= _ALONE:
        return found
    parents = [
        Need(name, create=False, read=True, edit=False, delete=False, actions=())
        for name in _PARENTS
    ]
    return [*parents, *found]


def _need(sobject: str, actions: list[Action]) -> Need:
    own = {action.verb for action in actions if action.sobject == sobject}
    # A comment is written, and deleted, by whoever may edit its case.
    through = any(action.verb.writes for action in actions if action.sobject != sobject)
    create, delete = Verb.CREATE in own, Verb.DELETE in own
    edit = delete or through or bool(own & {Verb.UPDATE, Verb.PUBLISH})
    writes = create or Verb.UPDATE in own
    securable = _SECURABLE.get(sobject, _NOTHING) if own else _NOTHING
    return Need(
        sobject,
        create=create,
        read=True,
        edit=edit,
        delete=delete,
        actions=tuple(action.name for action in actions),
        editable=securable.writable if writes else (),
        readable=tuple(sorted((*securable.readable, *(() if writes else securable.writable)))),
        elsewhere=_elsewhere(sobject, securable) if securable is not _NOTHING else (),
    )


def _elsewhere(sobject: str, securable: Securable) -> tuple[str, ...]:
    model = by_name(sobject)
    # The parts of an address go by the permission of the whole.
    mixed_in = [SObject, *(one for one in _ADDRESSES if issubclass(model, one))]
    parts = {api_name(column) for one in mixed_in for column in one.model_fields}
    known = {*securable.writable, *securable.readable, *securable.always, *parts}
    return tuple(one.api_name for one in model.fields() if one.api_name not in known)
