"""A grant that the org will end is announced before it ends."""

from datetime import UTC, datetime, timedelta

import pytest

from models.linked_account import AccountState, GrantKind, LinkedAccount
from pipelines import policy
from pipelines.checkup_grant import standing
from pipelines.verdicts import Finding, Verdict

NOON = datetime(2026, 1, 2, 12, tzinfo=UTC)


def account(kind: GrantKind = GrantKind.REFRESH_TOKEN) -> LinkedAccount:
    return LinkedAccount(
        name="default",
        state=AccountState.LINKED,
        login_url="https://login.salesforce.com",
        grant_kind=kind,
        scope="api refresh_token",
        approved=True,
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
    found = policy_of(account(), terms, now)
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
    found = policy_of(account(), terms, now)
    assert (found.verdict is Verdict.WARNING) == (said is not None)
    assert "scsync link" in (policy.notice(terms, account(), now + timedelta(days=60)) or "")


def test_the_end_of_a_suspended_grant_is_said_and_that_of_a_dead_one_is_not() -> None:
    """What is suspended is to work again; what is dead says so itself."""
    stopped, now = account(), NOON + timedelta(days=1)
    stopped.state = AccountState.SUSPENDED
    assert "in 2 days" in (policy.notice("after 3 days", stopped, now) or "")
    stopped.state = AccountState.DEAD
    assert policy.notice("after 3 days", stopped, now) is None


@pytest.mark.parametrize("approved", [False, None])
def test_the_end_of_a_token_got_elsewhere_is_the_latest(*, approved: bool | None) -> None:
    """It is older than the link, nobody knows by how much; disuse is counted from its last use."""
    given, now = account(), NOON + timedelta(days=76)
    given.approved = approved
    soon = policy.notice("after 90 days", given, now) or ""
    assert soon.startswith("the grant ends at the latest in 14 days")
    assert "when this token was given is not known" in soon
    found = policy_of(given, "after 90 days", NOON)
    until = "after 90 days: until 2026-04-02 12:00 UTC at the latest"
    assert found.verdict is Verdict.OK
    assert found.evidence == f"{until} (when this token was given is not known)"
    assert "latest" not in policy_of(given, "unused 90 days", NOON).evidence
    assert "latest" not in policy_of(account(), "after 90 days", NOON).evidence


@pytest.mark.parametrize("terms", [None, "after 90 days", "until revoked"])
def test_a_dead_grants_policy_is_not_well(terms: str | None) -> None:
    """Nobody is to read until when it holds."""
    dead = account()
    dead.state = AccountState.DEAD
    found = policy_of(dead, terms, NOON)
    assert (found.verdict, "dead" in found.evidence) == (Verdict.WARNING, True)


def policy_of(held: LinkedAccount, terms: str | None, now: datetime) -> Finding:
    return next(one for one in standing(held, terms, now) if one.topic == "token policy")


def test_a_grant_without_a_token_has_no_end() -> None:
    """An assertion can be signed for ever."""
    machine = account(GrantKind.JWT)
    assert policy.ends_at("after 1 day", machine) is None
