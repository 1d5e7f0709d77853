"""Agents at work: one believable act at a time, decided by the dice it is given."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from emulator.errors import ApiError
from emulator.planting.words import PRODUCTS, REPLIES, SENTENCES, TROUBLES

if TYPE_CHECKING:
    import random
    from collections.abc import Callable

    from emulator.org import Org

_RECENT = 200  # cases an agent might have on the screen
_BURST = 20
_LATE = (1.0, 8.0)  # seconds between a stamp and its commit, as connectors have measured


def tick(org: Org, rng: random.Random) -> str:
    """Do one act and return its name."""
    name = rng.choices(list(_ACTS), weights=[weight for _, weight in _ACTS.values()])[0]
    try:
        _ACTS[name][0](org, rng)
    except ApiError as error:
        # A colleague's transaction holds the row: the agent turns to something else.
        if error.code != "UNABLE_TO_LOCK_ROW":
            raise
        return "wait"
    return name


def _rows(org: Org, rng: random.Random, soql: str) -> dict[str, Any] | None:
    rows = org.query_rows(f"{soql} LIMIT {_RECENT}")
    return rng.choice(rows) if rows else None


def _agent(org: Org, rng: random.Random) -> str:
    agent = _rows(org, rng, "SELECT Id FROM User WHERE IsActive = true")
    return agent["Id"] if agent else org.default_user_id


def _open_case(org: Org, rng: random.Random) -> dict[str, Any] | None:
    soql = "SELECT Id, Status FROM Case WHERE IsClosed = false ORDER BY SystemModstamp DESC"
    return _rows(org, rng, soql)


def _open(org: Org, rng: random.Random) -> None:
    product, trouble = rng.choice(PRODUCTS)[0], rng.choice(TROUBLES)
    fields = {
        "Subject": f"{product} {trouble}",
        "Description": " ".join(rng.sample(SENTENCES, 3)),
        "Origin": rng.choice(("Phone", "Email", "Web", "Chat")),
        "Priority": rng.choice(("High", "Medium", "Low")),
    }
    contact = _rows(org, rng, "SELECT Id, AccountId FROM Contact ORDER BY SystemModstamp DESC")
    if contact:
        fields |= {"ContactId": contact["Id"], "AccountId": contact["AccountId"]}
    org.create("Case", fields, user_id=_agent(org, rng), api=False)


def _comment(org: Org, rng: random.Random) -> None:
    if case := _open_case(org, rng):
        fields = {
            "ParentId": case["Id"],
            "CommentBody": rng.choice(REPLIES),
            "IsPublished": rng.choice((True, False)),
        }
        org.create("CaseComment", fields, user_id=_agent(org, rng), api=False)


def _change(org: Org, case: dict[str, Any] | None, fields: dict[str, Any], user: str) -> None:
    if case:
        org.update("Case", case["Id"], fields, user_id=user, api=False)


def _move(org: Org, rng: random.Random) -> None:
    status = rng.choice(("Working", "Waiting on Customer", "Escalated"))
    _change(org, _open_case(org, rng), {"Status": status}, _agent(org, rng))


def _close(org: Org, rng: random.Random) -> None:
    _change(org, _open_case(org, rng), {"Status": "Closed"}, _agent(org, rng))


def _reassign(org: Org, rng: random.Random) -> None:
    _change(org, _open_case(org, rng), {"OwnerId": _agent(org, rng)}, _agent(org, rng))


def _delete(org: Org, rng: random.Random) -> None:
    if case := _open_case(org, rng):
        org.delete("Case", case["Id"], user_id=_agent(org, rng), api=False)


def _burst(org: Org, rng: random.Random) -> None:
    org.burst("Case", rng.randrange(2, _BURST))


def _late(org: Org, rng: random.Random) -> None:
    with org.hold(rng.uniform(*_LATE)):
        _move(org, rng)


_ACTS: dict[str, tuple[Callable[[Org, random.Random], None], int]] = {
    "open": (_open, 30),
    "comment": (_comment, 30),
    "move": (_move, 18),
    "close": (_close, 10),
    "reassign": (_reassign, 5),
    "delete": (_delete, 2),
    "burst": (_burst, 2),
    "late": (_late, 3),
}
