"""Whether the user may do what the settings enable: by the describe, action by action."""

from collections.abc import Callable, Iterator, Sequence

from models.action import Action, Verb
from pipelines.outlook import lacking
from pipelines.verdicts import Finding, Verdict
from salesforce.describe import Describe
from salesforce.errors import SalesforceError

Describing = Callable[[str], Describe | None]
_PERMIT = "Grant the object permissions to the user."
_SWITCH = "Switch the feature of the object on in Setup, or open the object to the user."
_LEAVE_OUT = "Or leave the actions out of SCSYNC_ACTIONS."
_GRANT = "Grant these fields to the user: scsync guide lists them, and writes a permission set."


def actions(enabled: Sequence[Action], get: Describing) -> Iterator[Finding]:
    """Name the enabled actions that Salesforce would refuse to this user, and what that lacks."""
    objectless = [action for action in enabled if _lacks_object(action, get)]
    refused = [action for action in enabled if action not in objectless and not _may(action, get)]
    yield _permitted(len(enabled), objectless, refused)
    barred = {*objectless, *refused}
    yield _fields([action for action in enabled if action not in barred], get)


def _permitted(number: int, objectless: Sequence[Action], refused: Sequence[Action]) -> Finding:
    if not objectless and not refused:
        return Finding("actions", Verdict.OK, f"{number} enabled, all open to this user")
    seen, todo = [f"{number} enabled"], []
    if refused:
        seen.append(f"this user may not: {_names(refused)}")
        todo.append(_PERMIT)
    if objectless:
        sobjects = ", ".join(dict.fromkeys(action.sobject for action in objectless))
        seen.append(f"the org lacks {sobjects}, or hides it: {_names(objectless)}")
        todo.append(_SWITCH)
    remedy = " ".join([*todo, _LEAVE_OUT])
    return Finding("actions", Verdict.WARNING, "; ".join(seen), remedy)


def _names(actions: Sequence[Action]) -> str:
    return ", ".join(action.name for action in actions)


def _fields(able: Sequence[Action], get: Describing) -> Finding:
    """Name the fields that these actions need and that are closed to this user."""
    seen = {action.sobject: get(action.sobject) for action in able}
    hidden, locked = lacking(able, seen)
    found = [f"hidden in {name}: {', '.join(fields)}" for name, fields in hidden.items()]
    found += [f"not editable in {name}: {', '.join(fields)}" for name, fields in locked.items()]
    if not found:
        return Finding("action fields", Verdict.OK, "all that the actions need are open")
    return Finding("action fields", Verdict.WARNING, "; ".join(found), _GRANT)


def _lacks_object(action: Action, get: Describing) -> bool:
    try:
        return get(action.sobject) is None
    except SalesforceError:
        return False


def _may(action: Action, get: Describing) -> bool:
    try:
        describe = get(action.sobject)
    except SalesforceError:
        return False
    return describe is not None and _permits(action.verb, describe)


def _permits(verb: Verb, describe: Describe) -> bool:
    match verb:
        case Verb.CREATE:
            return describe.createable and any(one.createable for one in describe.fields)
        case Verb.UPDATE:
            return describe.updateable and any(one.updateable for one in describe.fields)
        case Verb.DELETE:
            return describe.deletable
        case _:
            return True
