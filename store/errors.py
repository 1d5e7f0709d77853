"""What can be wrong with a store, each with its remedy."""


class StoreError(Exception):
    """The store cannot be used as it is; the message names the remedy."""


class StoreUnavailable(StoreError):  # noqa: N818 - read at the call site
    """The store does not answer now, and may again: try later."""


class StoreTooNew(StoreError):  # noqa: N818 - read at the call site
    """A newer scsync made this store."""


class LeaseLost(Exception):  # noqa: N818 - read at the call site
    """Somebody else holds the right by now: stop, what they do stands."""
