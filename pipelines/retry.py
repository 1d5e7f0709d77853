"""What an error means for a command: when to try again, or how it ends."""

from collections.abc import Callable
from datetime import datetime, timedelta
from functools import partial

from models.outbox import CommandState, OutboxEntry
from salesforce.errors import (
    Consequence,
    GrantDead,
    LimitExceeded,
    Outdated,
    SalesforceError,
    SessionExpired,
    Unavailable,
)
from store.outbox import Settlement

MOST_FAILURES = 12
"""About twenty minutes of a locked row; then a person should look."""

_BAD_REQUEST = 400

Jitter = Callable[[], float]


def wait(failures: int) -> timedelta:
    """How long to wait after this many failures: 1, 2, 4, 8, 16, 32, 64, then 120 seconds."""
    return timedelta(seconds=min(120, 2 ** min(failures, 7)))


def concerns_account(error: SalesforceError) -> bool:
    """Tell whether the trouble is the org's or the grant's, so that none would fare better."""
    if error.outcome_unknown:
        return False
    if isinstance(error, Unavailable):
        return error.status != _BAD_REQUEST  # a 400 speaks of the row: a trigger that timed out
    return isinstance(error, GrantDead | LimitExceeded | SessionExpired)


def settlement(
    error: SalesforceError, entry: OutboxEntry, *, now: datetime, jitter: Jitter
) -> Settlement:
    """Decide from the error table how an attempt ends."""
    ended = partial(
        Settlement, error_code=error.code or type(error).__name__, error_message=str(error)
    )
    if error.outcome_unknown:
        return ended(state=CommandState.UNCLEAR)
    if concerns_account(error):
        later = now + timedelta(seconds=5) * (0.5 + jitter())
        return ended(state=CommandState.PENDING, not_before=later, counts=False)
    if _is_final(error, entry):
        return ended(state=CommandState.REJECTED)
    if entry.failures + 1 >= MOST_FAILURES:
        return ended(state=CommandState.DEAD)
    later = now + wait(entry.failures) * (0.5 + jitter())
    return ended(state=CommandState.PENDING, not_before=later)


def _is_final(error: SalesforceError, entry: OutboxEntry) -> bool:
    if error.consequence is Consequence.NEVER or isinstance(error, Outdated):
        return True
    # What the org refuses for its shape is tried once more, checked against a fresh describe.
    return error.consequence is Consequence.CHANGED and entry.failures > 0
