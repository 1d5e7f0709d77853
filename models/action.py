"""The 34 actions, by name: what people do at a support desk, as the field calls it."""

from dataclasses import dataclass
from difflib import get_close_matches
from enum import StrEnum


class Verb(StrEnum):
    """What an action does; the first four and `publish` write, the others read."""

    CREATE = "create"
    UPDATE = "update"
    DELETE = "delete"
    PUBLISH = "publish"
    GET = "get"
    LIST = "list"
    SEARCH = "search"

    @property
    def writes(self) -> bool:
        return self in {Verb.CREATE, Verb.UPDATE, Verb.DELETE, Verb.PUBLISH}


@dataclass(frozen=True)
class Action:
    """One action on one sObject; `shown` is what a list shows by default."""

    name: str
    verb: Verb
    sobject: str
    shown: tuple[str, ...]


@dataclass(frozen=True)
class _Subject:
    one: str
    many: str
    sobject: str
    shown: tuple[str, ...]
    extra: tuple[Verb, ...] = ()


_SUBJECTS = (
    _Subject(
        "case",
        "cases",
        "Case",
        ("Id", "CaseNumber", "Subject", "Status", "Priority", "OwnerId", "CreatedDate"),
        (Verb.SEARCH,),
    ),
    _Subject(
        "case_comment",
        "case_comments",
        "CaseComment",
        ("Id", "ParentId", "CommentBody", "IsPublished", "CreatedById", "CreatedDate"),
    ),
    _Subject(
        "entitlement",
        "entitlements",
        "Entitlement",
        ("Id", "Name", "AccountId", "Status", "StartDate", "EndDate", "RemainingCases"),
    ),
    _Subject(
        "knowledge_article",
        "knowledge_articles",
        "Knowledge__kav",
        ("Id", "ArticleNumber", "Title", "Language", "PublishStatus", "LastPublishedDate"),
        (Verb.PUBLISH, Verb.SEARCH),
    ),
    _Subject(
        "service_contract",
        "service_contracts",
        "ServiceContract",
        ("Id", "ContractNumber", "Name", "AccountId", "Status", "StartDate", "EndDate"),
    ),
    _Subject(
        "work_order",
        "work_orders",
        "WorkOrder",
        ("Id", "WorkOrderNumber", "Subject", "Status", "Priority", "CaseId", "StartDate"),
        (Verb.SEARCH,),
    ),
)
_EVERYWHERE = (Verb.CREATE, Verb.GET, Verb.LIST, Verb.UPDATE, Verb.DELETE)
_MANY = frozenset({Verb.LIST, Verb.SEARCH})


def _actions() -> dict[str, Action]:
    found = {}
    for subject in _SUBJECTS:
        for verb in (*_EVERYWHERE, *subject.extra):
            noun = subject.many if verb in _MANY else subject.one
            name = f"{verb}_{noun}"
            found[name] = Action(name, verb, subject.sobject, subject.shown)
    return found


ACTIONS = _actions()


def by_action_name(name: str) -> Action:
    """Find an action; LookupError names the nearest."""
    if name not in ACTIONS:
        near = get_close_matches(name, ACTIONS, 1)
        remedy = f"did you mean {near[0]}?" if near else "see scsync action --list"
        raise LookupError(f"there is no action {name}; {remedy}")
    return ACTIONS[name]
