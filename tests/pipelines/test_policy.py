"""A grant that the org will end is announced before it ends."""

from datetime import UTC, datetime, timedelta

import pytest

from models.linked_account import AccountState, GrantKind, LinkedAccount
from pipelines import policy
from pipelines.checkup_grant import standing
from pipelines.verdicts import Verdict

NOON = datetime(2026, 1, 2, 12, tzinfo=UTC)


def account(kind: GrantKind = GrantKind.REFRESH_TOKEN) -> LinkedAccount:
    return LinkedAccount(
        name="default",
        state=AccountState.LINKED,
        login_url="https://login.salesforce.com",
        grant_kind=kind,
        scope="api refresh_token",
        linked_at=NOON,
        refreshed_at=NOON + timedelta(days=60),
    )


@pytest.mark.parametrize(
    ("terms", "days", "threshold"),
    [
        ("after 90 days", 75, None),
        ("after 90 days", 76, 14),
        ("after 90 days", 83, 7),
        ("after 90 days", 89, 1),
        ("after 90 days", 91, 1),
        ("unused 30 days", 75, None),
        ("unused 30 days", 76, 14),
        (None, 400, None),
    ],
)
def test_the_end_is_said_from_two_weeks_ahead(
    terms: str | None, days: int, threshold: int | None
) -> None:
    """By the day of the link, or of the last refresh; doctor warns, with the verb that helps."""
    now = NOON + timedelta(days=days)
    assert policy.threshold(policy.ends_at(terms, account()), now) == threshold
    soon = policy.notice(terms, account(), now)
    assert ("scsync link" in (soon or "")) == (threshold is not None)
    found = next(one for one in standing(account(), terms, now) if one.topic == "token policy")
    assert (found.verdict is Verdict.WARNING) == (threshold is not None)


def test_a_grant_without_a_token_has_no_end() -> None:
    """An assertion can be signed for ever."""
    machine = account(GrantKind.JWT)
    assert policy.ends_at("after 1 days", machine) is None
