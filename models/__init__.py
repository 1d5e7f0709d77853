"""What things are: one file per sObject, and the tables the daemon keeps for itself."""

from models.account import Account
from models.asset import Asset
from models.case import Case
from models.case_comment import CaseComment
from models.case_milestone import CaseMilestone
from models.contact import Contact
from models.contract import Contract
from models.contract_line_item import ContractLineItem
from models.entitlement import Entitlement
from models.knowledge_article import KnowledgeArticle
from models.service_contract import ServiceContract
from models.sobject import SObject
from models.user import User
from models.work_order import WorkOrder
from models.work_order_line_item import WorkOrderLineItem

__all__ = ["CATALOG", "SObject", "by_name"]

CATALOG: tuple[type[SObject], ...] = (
    User,
    Account,
    Contact,
    Contract,
    ServiceContract,
    ContractLineItem,
    Asset,
    Entitlement,
    Case,
    CaseComment,
    CaseMilestone,
    WorkOrder,
    WorkOrderLineItem,
    KnowledgeArticle,
)
"""Every sObject we sync, in reading order: parents first."""

_BY_NAME = {model.sobject: model for model in CATALOG}


def by_name(sobject: str) -> type[SObject]:
    """Find an sObject by its API name; LookupError says which ones there are."""
    if sobject not in _BY_NAME:
        raise LookupError(f"{sobject} is not in the catalogue: {', '.join(_BY_NAME)}")
    return _BY_NAME[sobject]
