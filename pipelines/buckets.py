"""Buckets: spans of SystemModstamp that org and store are compared by, and what is said of each.

Equal signatures (number, oldest, newest, and number of different stamps, of live records and of
those in the bin) prove a bucket equal but for changes that cancel out in all eight figures; the
borders are drawn anew each time, so that what cancelled out once does not again.
"""

from __future__ import annotations

from bisect import bisect_left
from itertools import pairwise
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    import random
    from array import array

MOST = 49
"""Borders: fifty buckets take ten calls, whatever the number of records."""
SMALLEST = 2000
"""As many keys as one answer holds: below that it is cheaper to look at each."""
SPLIT = 7  # borders
_SECOND = 1000  # ms; no org stamps finer


class Bucket(NamedTuple):
    """A span of stamps in milliseconds, half open."""

    since: int
    until: int


class Signature(NamedTuple):
    """What is compared of the records in a bucket before anybody looks at them."""

    number: int = 0
    oldest: int | None = None
    newest: int | None = None
    stamps: int = 0


class Signatures(NamedTuple):
    """One for what lives, one for what is in the recycle bin."""

    live: Signature = Signature()
    binned: Signature = Signature()

    @property
    def number(self) -> int:
        return self.live.number + self.binned.number


class Spread:
    """The stamps of all rows here, in order."""

    def __init__(self, live: array[int], binned: array[int]) -> None:
        self.live = live
        self.binned = binned

    def __len__(self) -> int:
        return len(self.live) + len(self.binned)

    def signatures(self, bucket: Bucket) -> Signatures:
        return Signatures(_signature(self.live, bucket), _signature(self.binned, bucket))

    def first(self, until: int, dice: random.Random) -> list[Bucket]:
        """Part all of time up to an instant into buckets of like size."""
        whole = Bucket(0, until)
        number = min(MOST, len(self.live) // SMALLEST)
        return _cut(whole, self._borders(whole, number, dice.random()))

    def parts(self, bucket: Bucket) -> list[Bucket]:
        """Part a bucket by our rows, or in the middle; give itself if it cannot be parted."""
        parts = _cut(bucket, self._borders(bucket, SPLIT, 0.5))
        return parts if len(parts) > 1 else _halves(bucket)

    def _borders(self, bucket: Bucket, number: int, offset: float) -> list[int]:
        begin, end = bisect_left(self.live, bucket.since), bisect_left(self.live, bucket.until)
        step = (end - begin) / max(number, 1)
        places = [begin + int((place + offset) * step) for place in range(number)]
        return [self.live[place] for place in places if place < end]


def _signature(stamps: array[int], bucket: Bucket) -> Signature:
    begin, end = bisect_left(stamps, bucket.since), bisect_left(stamps, bucket.until)
    if begin == end:
        return Signature()
    different = 1 + sum(stamps[place] != stamps[place - 1] for place in range(begin + 1, end))
    return Signature(end - begin, stamps[begin], stamps[end - 1], different)


def _cut(bucket: Bucket, borders: list[int]) -> list[Bucket]:
    inner = {border for border in borders if bucket.since < border < bucket.until}
    return [Bucket(*pair) for pair in pairwise([bucket.since, *sorted(inner), bucket.until])]


def _halves(bucket: Bucket) -> list[Bucket]:
    middle = (bucket.since + bucket.until) // 2 // _SECOND * _SECOND
    return _cut(bucket, [middle])
