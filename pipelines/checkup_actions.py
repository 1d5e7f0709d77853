"""Whether the user may do what the settings enable: by the describe, action by action."""

from collections.abc import Callable, Iterator, Sequence

from models.action import ACTIONS, Action, Verb
from pipelines.outlook import lacking
from pipelines.verdicts import Finding, Verdict
from salesforce.describe import Describe
from salesforce.errors import SalesforceError

Describing = Callable[[str], Describe | None]
_GRANT = "Grant these fields to the user: scsync guide lists them, and writes a permission set."


def actions(get: Describing, allows: Callable[[str], bool]) -> Iterator[Finding]:
    """Name the enabled actions that Salesforce would refuse to this user."""
    enabled = [action for action in ACTIONS.values() if allows(action.name)]
    refused = [action for action in enabled if not _may(action, get)]
    if not refused:
        yield Finding("actions", Verdict.OK, f"{len(enabled)} enabled, all open to this user")
    else:
        names = ", ".join(action.name for action in refused)
        yield Finding(
            "actions",
            Verdict.WARNING,
            f"{len(enabled)} enabled, of which this user may not: {names}",
            "Grant the object permissions to the user, or leave the actions out of SCSYNC_ACTIONS.",
        )
    yield _fields([action for action in enabled if action not in refused], get)


def _fields(able: Sequence[Action], get: Describing) -> Finding:
    """Name the fields that these actions need and that are closed to this user."""
    seen = {action.sobject: get(action.sobject) for action in able}
    hidden, locked = lacking(able, seen)
    found = [f"hidden in {name}: {', '.join(fields)}" for name, fields in hidden.items()]
    found += [f"not editable in {name}: {', '.join(fields)}" for name, fields in locked.items()]
    if not found:
        return Finding("action fields", Verdict.OK, "all that the actions need are open")
    return Finding("action fields", Verdict.WARNING, "; ".join(found), _GRANT)


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
