"""The end of a refresh token, where the org's policy sets one: known ahead, and said ahead."""

from datetime import datetime, timedelta

from models.linked_account import AccountState, GrantKind, LinkedAccount

ANNOUNCED = (14, 7, 1)
"""Days ahead at which the log says it; status and doctor say it from the first on."""


def ends_at(policy: str | None, account: LinkedAccount | None) -> datetime | None:
    """Say when the grant ends by a policy like "after 90 days" or "unused 30 days"."""
    if policy is None or account is None or account.grant_kind != GrantKind.REFRESH_TOKEN:
        return None
    kind, days, _ = policy.split()
    since = account.linked_at if kind == "after" else account.refreshed_at
    return since + timedelta(days=int(days)) if since else None


def threshold(end: datetime | None, now: datetime) -> int | None:
    """Say which of the announced days has been reached; None: the end is far, or there is none."""
    if end is None:
        return None
    return next((days for days in sorted(ANNOUNCED) if end - now <= timedelta(days=days)), None)


def notice(policy: str | None, account: LinkedAccount | None, now: datetime) -> str | None:
    """Say that the grant will end soon, and what to do before."""
    end = ends_at(policy, account)
    if end is None or threshold(end, now) is None or _is_dead(account):
        return None
    left = (end - now).days
    when = f"in {left} days" if left > 1 else "within two days" if end > now else "by now"
    return (
        f"the grant ends {when} ({end:%Y-%m-%d}) by the org's policy, {policy}: "
        "run scsync link before"
    )


def _is_dead(account: LinkedAccount | None) -> bool:
    return account is None or account.state != AccountState.LINKED
