"""What an error means for a command: when to try again, or how it ends."""

from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta
from functools import partial

from models.outbox import CommandState, KeyKind, Taken
from pipelines import clerk
from salesforce.errors import (
    Consequence,
    GrantDead,
    LimitExceeded,
    Misconfigured,
    Outdated,
    RowLocked,
    SalesforceError,
    SessionExpired,
    Transient,
    Unavailable,
)
from store.claims import Settlement

MOST_FAILURES = 12
"""About twelve minutes of a locked row; then a person should look."""

_BAD_REQUEST = 400
_LONGEST_CODE = 80
_NO_SERVICE = 503
_CLOSED_TO_US = frozenset(
    ["API_DISABLED_FOR_ORG", "API_CURRENTLY_DISABLED", "CLIENT_NOT_ACCESSIBLE_FOR_USER"]
)
_PAUSE = timedelta(seconds=5)
_LONG_PAUSE = timedelta(minutes=1)

Jitter = Callable[[], float]


def wait(failures: int) -> timedelta:
    """How long to wait after this many failures: 1, 2, 4, 8, 16, 32, 64, then 120 seconds."""
    return timedelta(seconds=min(120, 2 ** min(failures, 7)))


def pause(error: SalesforceError) -> timedelta:
    """How long to leave an account in peace that is in trouble."""
    own = _LONG_PAUSE if error.consequence is Consequence.LATER else _PAUSE
    return max(own, min(error.retry_after or own, _LONG_PAUSE))


def concerns_account(error: SalesforceError) -> bool:
    """Tell whether the trouble is the org's or the grant's, so that none would fare better."""
    if error.outcome_unknown:
        return error.status == _NO_SERVICE
    if isinstance(error, Unavailable):
        return error.status != _BAD_REQUEST  # a 400 speaks of the row: a trigger that timed out
    troubles = GrantDead | LimitExceeded | SessionExpired | Misconfigured
    return isinstance(error, troubles) or error.code in _CLOSED_TO_US


def settlement(
    error: SalesforceError, entry: Taken, *, now: datetime, jitter: Jitter
) -> Settlement:
    """Decide from the error table how an attempt ends."""
    ended = partial(
        Settlement,
        error_code=(error.code or type(error).__name__)[:_LONGEST_CODE],
        error_message=str(error),
        # A locked row, or one whose neighbour failed, does not take others down with it.
        alone=isinstance(error, RowLocked) or type(error) is Transient,
        refused=not error.outcome_unknown,
    )
    spread = 0.5 + jitter()
    later = now + wait(entry.failures) * spread
    if concerns_account(error):
        held_up = now + pause(error) * spread
        state = CommandState.UNCLEAR if error.outcome_unknown else _waiting(entry)
        return ended(state=state, not_before=held_up, counts=False)
    if error.outcome_unknown:
        # The first look is at once; where replies are lost again and again, it can wait.
        return ended(state=CommandState.UNCLEAR, not_before=later if entry.failures else None)
    if entry.state != CommandState.UNCLEAR and _is_final(error, entry):
        return ended(state=CommandState.REJECTED)
    if entry.failures + 1 >= MOST_FAILURES:
        return ended(state=CommandState.DEAD)
    return ended(state=_waiting(entry), not_before=later)


def broken(error: Exception, entry: Taken, *, now: datetime, jitter: Jitter) -> Settlement:
    """Decide for a command that met a bug of ours: it may have been sent, so look."""
    last = entry.failures + 1 >= MOST_FAILURES
    return Settlement(
        state=CommandState.DEAD if last else CommandState.UNCLEAR,
        not_before=None if last else now + wait(entry.failures) * (0.5 + jitter()),
        error_code="UNEXPECTED",
        error_message=f"{type(error).__name__}: the log has the rest; please report it",
    )


def disabled(action: str) -> Settlement:
    """Decide for a command whose action was disabled after it had been accepted."""
    return Settlement(
        state=CommandState.REJECTED,
        error_code=clerk.ACTION_DISABLED,
        error_message=f"nothing was sent: {clerk.disabled(action)}",
        counts=False,
    )


def parted(found: Settlement) -> Settlement:
    """Decide for a refused request in which others travelled along: each is to hear its own."""
    return replace(
        found,
        state=CommandState.PENDING,
        error_message=f"refused together with what was folded in, sent alone: "
        f"{found.error_message}",
        counts=False,
        alone=True,
    )


def unkeyed(error: SalesforceError) -> Settlement:
    """Decide for a create that the UI API does not serve: it goes without a key, and is probed."""
    return Settlement(
        state=CommandState.PENDING,
        error_code=(error.code or type(error).__name__)[:_LONGEST_CODE],
        error_message=f"not served by the UI API, sent without its key: {error}",
        counts=False,
        key_kind=KeyKind.PROBE,
    )


def looked(found: Settlement, entry: Taken) -> Settlement:
    """Decide how a look at the org ends: what is lost every time is not sent for ever."""
    if found.state is CommandState.PENDING and entry.failures >= MOST_FAILURES:
        return replace(found, state=CommandState.DEAD, error_code="REPLIES_LOST")
    return found


def _waiting(entry: Taken) -> CommandState:
    """Name the state to wait in: what is unclear stays so until a look succeeds."""
    unclear = entry.state == CommandState.UNCLEAR
    return CommandState.UNCLEAR if unclear else CommandState.PENDING


def _is_final(error: SalesforceError, entry: Taken) -> bool:
    if error.consequence is Consequence.NEVER or isinstance(error, Outdated):
        return True
    # What the org refuses for its shape is tried once more, checked against a fresh describe.
    return error.consequence is Consequence.CHANGED and entry.failures > 0
