"""Where seeds go: bulk rows with Ids and stamps, over two years that end now."""

from __future__ import annotations

import random
from datetime import timedelta
from functools import cache
from typing import TYPE_CHECKING, Any

from emulator.ids import id_range
from emulator.schema.registry import CATALOG
from emulator.stamps import instant, wire

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence
    from datetime import datetime

    from emulator.tables import Tables

DAY = 86_400  # seconds
SPAN = 730 * DAY
_CHOICES = 1 << 16


@cache
def _times_of_a_day() -> tuple[str, ...]:
    return tuple(
        f"{hour:02}:{minute:02}:{second:02}.000+0000"
        for hour in range(24)
        for minute in range(60)
        for second in range(60)
    )


class Bed:
    """Sows rows; times are seconds since the beginning of the two years."""

    def __init__(self, tables: Tables, *, cases: int, seed: int, now: datetime) -> None:
        self.tables = tables
        self.cases = cases
        self.rng = random.Random(seed)
        self.start = now.replace(microsecond=0) - timedelta(seconds=SPAN)
        self.user_id = ""
        self._later: dict[tuple[str, int], str] = {}
        self._midnight = self.start.replace(hour=0, minute=0, second=0)
        self._offset = int((self.start - self._midnight).total_seconds())
        self._days = [
            f"{self._midnight + timedelta(days=n):%Y-%m-%d}T" for n in range(SPAN // DAY + 2)
        ]
        self._times = _times_of_a_day()

    def stamp(self, second: int) -> str:
        """Print a second of the two years; later ones are cut to now."""
        day, rest = divmod(min(second, SPAN) + self._offset, DAY)
        return self._days[day] + self._times[rest]

    def far(self, second: int) -> str:
        """Print a second that may lie in the future: a target, a term's end."""
        return wire(self.start + timedelta(seconds=second))

    def after(self, stamp: str, minutes: int) -> str:
        """Move a printed stamp by minutes; printing each anew would cost most of the planting."""
        known = self._later.get((stamp[:16], minutes))
        if known is None:
            moved = instant(f"{stamp[:16]}:00.000+0000") + timedelta(minutes=minutes)
            known = self._later[stamp[:16], minutes] = f"{moved:%Y-%m-%dT%H:%M}"
        return known + stamp[16:]

    def day(self, days: int) -> str:
        """Return a date so many days after the beginning."""
        return (self.start.date() + timedelta(days=days)).isoformat()

    def deal(self, values: Sequence[Any]) -> Iterator[Any]:
        """Draw from a list again and again: a shuffled hand, dealt in turns, is quick."""
        hand = self.rng.choices(values, k=min(_CHOICES, max(97, len(values) * 7)))
        while True:
            yield from hand

    def sow(self, name: str, columns: str, rows: Iterable[tuple[Any, ...]]) -> list[str]:
        """Insert rows of (created, modified, user, values…) and return their Ids."""
        sobject = next(sobject for sobject in CATALOG if sobject.name == name)
        entries = list(rows)
        ids = list(id_range(sobject.prefix, 1, len(entries)))
        names = ["Id", *columns.split()]
        if "SystemModstamp" in sobject.fields:
            names += ["CreatedDate", "CreatedById", "LastModifiedDate"]
            names += ["LastModifiedById", "SystemModstamp"]
            whole = (
                (seq, id_, *values, created, user, modified, user, modified)
                for seq, (id_, (created, modified, user, *values)) in enumerate(
                    zip(ids, entries, strict=True), 1
                )
            )
        else:
            names += ["CreatedDate", "CreatedById"]
            whole = (
                (seq, id_, *values, created, user)
                for seq, (id_, (created, _, user, *values)) in enumerate(
                    zip(ids, entries, strict=True), 1
                )
            )
        self.tables.load(sobject, names, whole)
        self.tables.skip_to(sobject.prefix, len(entries))
        return ids
