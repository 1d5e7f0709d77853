"""What things are: one file per sObject, and the tables the daemon keeps for itself."""

from collections.abc import Iterable
from difflib import get_close_matches

from models import dynamic
from models.account import Account
from models.asset import Asset
from models.case import Case
from models.case_comment import CaseComment
from models.case_milestone import CaseMilestone
from models.contact import Contact
from models.contract import Contract
from models.contract_line_item import ContractLineItem
from models.entitlement import Entitlement
from models.group import Group
from models.knowledge_article import KnowledgeArticle
from models.milestone_type import MilestoneType
from models.service_contract import ServiceContract
from models.service_territory import ServiceTerritory
from models.sobject import SObject
from models.user import User
from models.work_order import WorkOrder
from models.work_order_line_item import WorkOrderLineItem

__all__ = ["CATALOG", "SObject", "by_name", "declare"]

CATALOG: tuple[type[SObject], ...] = (
    User,
    Group,
    Account,
    Contact,
    Contract,
    ServiceContract,
    ContractLineItem,
    Asset,
    Entitlement,
    MilestoneType,
    Case,
    CaseComment,
    CaseMilestone,
    ServiceTerritory,
    WorkOrder,
    WorkOrderLineItem,
    KnowledgeArticle,
)
"""Every sObject we sync, in reading order: parents first."""

_BY_NAME = {model.sobject: model for model in CATALOG}
_ALIKE, _LONGER = 0.75, 2  # `Csae` and `Cases` are slips of the pen; `CaseHistory` is an object


def by_name(sobject: str) -> type[SObject]:
    """Find an sObject by its API name; LookupError says which ones there are."""
    if sobject not in _BY_NAME:
        raise LookupError(f"{sobject} is not in the catalogue: {', '.join(_BY_NAME)}")
    return _BY_NAME[sobject]


def conditions_of(sobject: str) -> tuple[str, ...]:
    """Name what each query of an sObject has to ask for: nothing, if we have no model of it."""
    model = _BY_NAME.get(sobject)
    return (model.where,) if model and model.where else ()


def declare(sobjects: Iterable[str]) -> tuple[type[SObject], ...]:
    """Find sObjects, making those that the catalogue lacks; the catalogue's come first, in order.

    Raises `LookupError` for a name that is all but one of the catalogue's: whether the org has an
    object of any other name, only the org knows.
    """
    wanted = list(dict.fromkeys(sobjects))
    for name in wanted:
        if name not in _BY_NAME:
            _refuse_slip(name)
            _BY_NAME[name] = dynamic.make(name)
    known = [model for model in CATALOG if model.sobject in wanted]
    return (*known, *(_BY_NAME[name] for name in wanted if _BY_NAME[name] not in known))


def _refuse_slip(name: str) -> None:
    """Refuse what is all but a name of ours; a suffix like `__c` says that it is meant so."""
    ours = {model.sobject.lower(): model.sobject for model in CATALOG}
    alike = () if "__" in name else get_close_matches(name.lower(), ours, 3, _ALIKE)
    near = [ours[one] for one in alike if abs(len(one) - len(name)) <= _LONGER]
    near += [ours[name.lower()]] if name.lower() in ours else []
    if near:
        listed = ", ".join(ours.values())
        raise LookupError(f"{name} is not in the catalogue: {listed}; did you mean {near[0]}?")
