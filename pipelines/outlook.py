"""Outlook: which org a fresh link leads to, and which of the enabled actions it lets us do."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta

from models.access import needs
from models.action import Action, Verb
from pipelines.describes import Describes
from salesforce import soql
from salesforce.client import Client
from salesforce.describe import Describe, FieldDescribe
from salesforce.errors import Forbidden

_NOW = timedelta(0)


@dataclass(frozen=True)
class Prospect:
    """One enabled action: may it be done, and if not, why."""

    action: str
    sobject: str
    allowed: bool
    why: str = ""


@dataclass(frozen=True)
class Outlook:
    """What was seen with the new grant; whatever is said here, the API answered."""

    org_name: str
    kind: str
    """`sandbox` or `production`."""
    prospects: tuple[Prospect, ...]
    hidden: dict[str, tuple[str, ...]]
    """Fields that the guide asks for and this user is not shown, by object."""
    locked: dict[str, tuple[str, ...]]
    """Fields that the guide asks to be editable and this user may not edit, by object."""
    warnings: tuple[str, ...]


def outlook(
    actions: Sequence[Action], *, client: Client, describes: Describes, expected: str | None
) -> Outlook:
    """Look; `expected` is the kind of org that the settings name, if they do."""
    name, kind = _org(client)
    sobjects = dict.fromkeys(action.sobject for action in actions)
    seen = {sobject: describes.get(sobject, max_age=_NOW) for sobject in sobjects}
    hidden, locked = lacking(actions, seen)
    warnings = () if expected in {None, kind} else (_other_kind(kind, str(expected)),)
    return Outlook(
        org_name=name,
        kind=kind,
        prospects=tuple(_prospect(action, seen[action.sobject]) for action in actions),
        hidden=hidden,
        locked=locked,
        warnings=warnings,
    )


def _org(client: Client) -> tuple[str, str]:
    found = client.query_page(soql.select(["Name", "IsSandbox"], "Organization", limit=1)).records
    if not found:
        raise Forbidden(
            "this user may not read the org's own record (Organization)",
            code="NO_ORGANIZATION",
            remedy="Give the user View Setup and Configuration, then link again.",
        )
    return str(found[0]["Name"]), "sandbox" if found[0]["IsSandbox"] else "production"


def _other_kind(kind: str, expected: str) -> str:
    return (
        f"this org is a {kind} org, SCSYNC_ENVIRONMENT says {expected}: "
        f"set it to {kind}, or link the org that was meant"
    )


def _prospect(action: Action, describe: Describe | None) -> Prospect:
    why = _obstacle(action, describe)
    return Prospect(action.name, action.sobject, allowed=not why, why=why)


def _obstacle(action: Action, describe: Describe | None) -> str:
    if describe is None:
        return f"this org has no {action.sobject}, or hides it from this user"
    may = {
        Verb.CREATE: describe.createable,
        Verb.UPDATE: describe.updateable,
        Verb.DELETE: describe.deletable,
        Verb.PUBLISH: describe.updateable,
        Verb.GET: describe.queryable,
        Verb.LIST: describe.queryable,
        Verb.SEARCH: describe.queryable,
    }
    return "" if may[action.verb] else f"this user may not {action.verb} {action.sobject}"


_Found = dict[str, tuple[str, ...]]


def lacking(actions: Sequence[Action], seen: dict[str, Describe | None]) -> tuple[_Found, _Found]:
    """Name the fields that the actions need: those not shown to the user, those not editable."""
    hidden: _Found = {}
    locked: _Found = {}
    for need in needs(actions):
        describe = seen.get(need.sobject)
        if describe is None:
            continue
        shown = {field.name: field for field in describe.fields}
        wanted = (*need.editable, *need.readable)
        hidden[need.sobject] = tuple(one for one in wanted if one not in shown)
        locked[need.sobject] = tuple(
            name for name in need.editable if name in shown and _is_locked(shown[name])
        )
    return _some(hidden), _some(locked)


def _is_locked(field: FieldDescribe) -> bool:
    # An address is edited by its parts; as a whole it is read-only for everybody.
    return field.type != "address" and not (field.updateable or field.createable)


def _some(found: _Found) -> _Found:
    return {sobject: names for sobject, names in found.items() if names}
