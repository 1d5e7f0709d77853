"""What other people do in the org while nobody calls its API: acts for tests and demonstrations."""

from __future__ import annotations

import random
from typing import TYPE_CHECKING, Any

from emulator import desk
from emulator.errors import ApiError

if TYPE_CHECKING:
    from collections.abc import Callable

    from emulator.org import Org

Act = dict[str, Any]


def perform(org: Org, act: Act) -> Any:
    """Do one act and return what it yields: an Id, a list of Ids, or nothing."""
    deed = DEEDS.get(str(act.get("act")))
    if deed is None:
        raise ApiError(400, "INVALID_INPUT", f"act must be one of {', '.join(DEEDS)}")
    try:
        return deed(org, act)
    except KeyError as error:
        raise ApiError(400, "MISSING_ARGUMENT", f"the act needs {error}") from error


def _user(org: Org, act: Act) -> str:
    return str(act.get("user_id") or org.default_user_id)


def _create(org: Org, act: Act) -> str:
    return org.create(act["sobject"], act["fields"], user_id=_user(org, act))


def _update(org: Org, act: Act) -> None:
    org.update(act["sobject"], act["id"], act["fields"], user_id=_user(org, act))


def _delete(org: Org, act: Act) -> None:
    org.delete(act["sobject"], act["id"], user_id=_user(org, act))


def _undelete(org: Org, act: Act) -> None:
    org.undelete(act["ids"], user_id=_user(org, act))


def _purge(org: Org, act: Act) -> None:
    org.purge(act["ids"])


def _merge(org: Org, act: Act) -> None:
    org.merge_cases(act["master"], act["losers"], user_id=_user(org, act))


def _burst(org: Org, act: Act) -> Any:
    return org.burst(act.get("sobject", "Case"), int(act["n"]))


def _hold(org: Org, act: Act) -> Any:
    """Do other acts now, seen only after some seconds, with the stamp of now."""
    with org.hold(float(act["seconds"])):
        return [perform(org, one) for one in act["then"]]


def _recompute(org: Org, act: Act) -> None:
    """Change stored fields without a stamp, as roll-ups and formulas do."""
    org.recompute(act["sobject"], act["id"], act["fields"])


def _tick(org: Org, act: Act) -> None:
    dice = random.Random(act.get("seed"))
    for _ in range(int(act.get("n", 1))):
        desk.tick(org, dice)


def _new_draft(org: Org, act: Act) -> str:
    return org.new_draft(act["article_id"], user_id=_user(org, act))


def _publish(org: Org, act: Act) -> None:
    new_version = bool(act.get("new_version"))
    org.publish(act["id"], new_version=new_version, user_id=_user(org, act))


def _archive(org: Org, act: Act) -> None:
    org.archive(act["id"], user_id=_user(org, act))


DEEDS: dict[str, Callable[[Org, Act], Any]] = {
    "create": _create,
    "update": _update,
    "delete": _delete,
    "undelete": _undelete,
    "purge": _purge,
    "merge": _merge,
    "burst": _burst,
    "hold": _hold,
    "recompute": _recompute,
    "tick": _tick,
    "draft": _new_draft,
    "publish": _publish,
    "archive": _archive,
}
