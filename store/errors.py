"""What can be wrong with a store, each with its remedy."""


class StoreError(Exception):
    """The store cannot be used as it is; the message names the remedy."""


class StoreUnavailable(StoreError):  # noqa: N818 - read at the call site
    """The store does not answer now, and may again: try later."""


class StoreContended(StoreUnavailable):
    """Two transactions waited for each other, and ours was undone: nothing of it has happened."""


class StoreTooNew(StoreError):  # noqa: N818 - read at the call site
    """A newer scsync made this store."""


class BrokenPage(StoreError):  # noqa: N818 - read at the call site
    """What came is no page of the records that were asked for: ask again."""


class ValueMisfit(StoreError):  # noqa: N818 - read at the call site
    """A value that its column does not take; `shape` tells what sort, not the customer's words."""

    def __init__(self, column: str, shape: str) -> None:
        super().__init__(
            f"column {column} does not take {shape}: the field's type may have changed at the"
            " org; describe the object again"
        )
        self.column = column
        self.shape = shape


class RowTooWide(Exception):  # noqa: N818 - read at the call site
    """A row holds more than PostgreSQL takes in one; it concerns its object alone."""


class LeaseLost(Exception):  # noqa: N818 - read at the call site
    """Somebody else holds the right by now: stop, what they do stands."""
