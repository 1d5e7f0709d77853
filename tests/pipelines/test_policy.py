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
        ("after 720 hours", 29, 1),
        ("after 90 minutes", 0, 1),
        ("immediately", 60, 1),
        ("until revoked", 400, None),
        (None, 400, None),
    ],
)
def test_the_end_is_said_from_two_weeks_ahead(
    terms: str | None, days: int, threshold: int | None
) -> None:
    """By the day of the link; status and doctor say it, with the verb that helps."""
    now = NOON + timedelta(days=days)
    assert policy.threshold(terms, account(), now) == threshold
    soon = policy.notice(terms, account(), now)
    assert ("scsync link" in (soon or "")) == (threshold is not None)
    found = next(one for one in standing(account(), terms, now) if one.topic == "token policy")
    assert (found.verdict is Verdict.WARNING) == (threshold is not None)


@pytest.mark.parametrize(
    ("terms", "idle", "said"),
    [
        ("unused 14 days", timedelta(days=6), None),
        ("unused 14 days", timedelta(days=7), "in 7 days (2026-03-17 12:00 UTC)"),
        ("unused 90 minutes", timedelta(minutes=44), None),
        ("unused 90 minutes", timedelta(minutes=45), "in 45 minutes"),
        ("unused 12 hours", timedelta(hours=7), "in 5 hours"),
        ("unused 60 days", timedelta(days=45), None),
        ("unused 60 days", timedelta(days=46), "in 14 days"),
    ],
)
def test_what_each_refresh_puts_off_is_said_once_half_of_it_is_over(
    terms: str, idle: timedelta, said: str | None
) -> None:
    """Until then one is to be expected; nobody has to link, a daemon has to run."""
    now = NOON + timedelta(days=60) + idle
    soon = policy.notice(terms, account(), now)
    assert (soon is None) == (said is None)
    if said:
        assert said in (soon or "")
        assert (soon or "").endswith("let scsync up run, which renews it")
    found = next(one for one in standing(account(), terms, now) if one.topic == "token policy")
    assert (found.verdict is Verdict.WARNING) == (said is not None)
    assert "scsync link" in (policy.notice(terms, account(), now + timedelta(days=60)) or "")


def test_the_end_of_a_suspended_grant_is_said_and_that_of_a_dead_one_is_not() -> None:
    """What is suspended is to work again; what is dead says so itself."""
    stopped, now = account(), NOON + timedelta(days=1)
    stopped.state = AccountState.SUSPENDED
    assert "in 2 days" in (policy.notice("after 3 days", stopped, now) or "")
    stopped.state = AccountState.DEAD
    assert policy.notice("after 3 days", stopped, now) is None


def test_a_grant_without_a_token_has_no_end() -> None:
    """An assertion can be signed for ever."""
    machine = account(GrantKind.JWT)
    assert policy.ends_at("after 1 day", machine) is None
