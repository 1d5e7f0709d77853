"""The end of a refresh token, where the org's policy sets one: known ahead, and said ahead."""

from datetime import datetime, timedelta
from typing import NamedTuple

from models.linked_account import AccountState, GrantKind, LinkedAccount

ANNOUNCED = (14, 7, 1)
"""Days ahead at which the log says it; status and doctor say it from the first on."""
UNKNOWN = " (when this token was given is not known)"
_IMMEDIATELY, _UNTIL_REVOKED = "immediately", "until revoked"
_UNITS = {
    "day": timedelta(days=1),
    "hour": timedelta(hours=1),
    "minute": timedelta(minutes=1),
}


class Terms(NamedTuple):
    """What a policy means: how long a token lives, and whether each use lets it begin anew."""

    span: timedelta | None = None
    is_renewed: bool = False


def terms(policy: str | None) -> Terms:
    """Read a policy: "after 90 days", "unused 12 hours", "immediately", "until revoked"."""
    if policy is None or policy == _UNTIL_REVOKED:
        return Terms()
    if policy == _IMMEDIATELY:
        return Terms(timedelta())
    kind, number, unit = policy.split()
    return Terms(int(number) * _UNITS[unit.removesuffix("s")], kind == "unused")


def ends_at(policy: str | None, account: LinkedAccount | None) -> datetime | None:
    """Say when the grant ends by the policy; one that starts anew, if nobody uses it meanwhile.

    A token that was got elsewhere is older than its link: it ends then, or before (`is_latest`).
    """
    span, is_renewed = terms(policy)
    if span is None or account is None or account.grant_kind != GrantKind.REFRESH_TOKEN:
        return None
    since = (account.refreshed_at if is_renewed else None) or account.linked_at
    return since + span if since else None


def is_latest(policy: str | None, account: LinkedAccount | None) -> bool:
    """Tell whether the end that is said is but the latest: nobody told us when it was approved."""
    return account is not None and not account.approved and not terms(policy).is_renewed


def threshold(policy: str | None, account: LinkedAccount | None, now: datetime) -> int | None:
    """Say which of the announced days has been reached; None: the end is far, or there is none."""
    end = ends_at(policy, account)
    if end is None or account is None or account.state == AccountState.DEAD:
        return None
    span, is_renewed = terms(policy)
    if span and is_renewed and end - now > span / 2:
        return None  # each refresh moves the end, and one is due by then
    return next((days for days in sorted(ANNOUNCED) if end - now <= timedelta(days=days)), None)


def notice(policy: str | None, account: LinkedAccount | None, now: datetime) -> str | None:
    """Say that the grant will end soon, and what to do before."""
    end = ends_at(policy, account)
    if end is None or account is None or threshold(policy, account, now) is None:
        return None
    if policy == _IMMEDIATELY:
        return (
            "the org's policy ends refresh tokens immediately, and the grant with its session: "
            "choose another in the app's policies, then run scsync link"
        )
    is_kept = terms(policy).is_renewed and end > now
    remedy = "let scsync up run, which renews it" if is_kept else "run scsync link"
    latest = is_latest(policy, account)
    return (
        f"the grant ends {'at the latest ' if latest else ''}{_ahead(end - now)} "
        f"({end:%Y-%m-%d %H:%M} UTC) by the org's policy, {policy}{UNKNOWN if latest else ''}: "
        f"{remedy}"
    )


def _ahead(left: timedelta) -> str:
    for unit, size in _UNITS.items():
        if left >= 2 * size:
            return f"in {left // size} {unit}s"
    return "within two minutes" if left > timedelta() else "by now"
