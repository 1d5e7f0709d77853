"""Exit codes by error: what every verb that fails leaves with, and which errors are foreseen."""

from config.settings import ConfigError
from models.command import InvalidCommand, UnknownCommand
from pipelines.actions import ActionRefused
from pipelines.receipts import Refused
from salesforce.errors import Forbidden, GrantDead, Misconfigured, SalesforceError
from store.errors import StoreError
from store.keys import NameTaken
from worker.broker import BrokerUnavailable

FAILED, WRONG_USAGE, NEEDS_A_PERSON = 1, 2, 3

# The first that fits.
_CODES: tuple[tuple[type[BaseException], int], ...] = (
    (GrantDead, NEEDS_A_PERSON),
    (Forbidden, NEEDS_A_PERSON),
    (Misconfigured, WRONG_USAGE),
    (ConfigError, WRONG_USAGE),
    (InvalidCommand, WRONG_USAGE),
    (Refused, WRONG_USAGE),
    (ActionRefused, WRONG_USAGE),
    (NameTaken, WRONG_USAGE),
    (UnknownCommand, WRONG_USAGE),
    (SalesforceError, FAILED),
    (StoreError, FAILED),
    (BrokerUnavailable, FAILED),
)


def of(error: BaseException) -> int | None:
    """Find the code of an error; None for one that nobody had thought of."""
    return next((code for kind, code in _CODES if isinstance(error, kind)), None)
