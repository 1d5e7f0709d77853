"""The few phrases in which the two databases' SQL differs, for the definitions of the views."""

from dataclasses import dataclass

from sqlalchemy import Connection

_NOW = "strftime('%Y-%m-%dT%H:%M:%fZ', 'now'"


@dataclass(frozen=True)
class Dialect:
    """One database's way to say it; days and months are those of UTC."""

    is_sqlite: bool

    @property
    def now(self) -> str:
        return f"{_NOW})" if self.is_sqlite else "now()"

    @property
    def today(self) -> str:
        return "date('now')" if self.is_sqlite else "(now() AT TIME ZONE 'UTC')::date"

    @property
    def never(self) -> str:
        """Give an instant after all others."""
        text = "'9999-12-31T00:00:00.000Z'"
        return text if self.is_sqlite else f"{text}::timestamptz"

    def ago(self, days: int) -> str:
        """Give the instant so many days before now."""
        if self.is_sqlite:
            return f"{_NOW}, '-{days} days')"
        return f"(now() - interval '{days} days')"

    def day(self, instant: str) -> str:
        """Give the day of an instant, as a date."""
        return f"substr({instant}, 1, 10)" if self.is_sqlite else f"{self._utc(instant)}::date"

    def on_day(self, instant: str, day: str) -> str:
        """Choose instants of a day, in the words of an index on days, or on instants."""
        if self.is_sqlite:
            return f"{self.day(instant)} = {day}"
        return f"{instant} >= {self._begin(day)} AND {instant} < {self.after(day)}"

    def day_after(self, instant: str, day: str) -> str:
        """Choose instants of later days, in the same words."""
        if self.is_sqlite:
            return f"{self.day(instant)} > {day}"
        return f"{instant} >= {self.after(day)}"

    def by_day(self, instant: str) -> str:
        """Give what such an index stands in order by."""
        return self.day(instant) if self.is_sqlite else instant

    def month(self, instant: str) -> str:
        """Give the month of an instant, like 2026-01."""
        if self.is_sqlite:
            return f"substr({instant}, 1, 7)"
        return f"to_char({self._utc(instant)}, 'YYYY-MM')"

    def month_begin(self, days: int) -> str:
        """Give what stands before every instant of the month that was so many days ago."""
        if self.is_sqlite:
            return self.month(self.ago(days))
        return f"(date_trunc('month', {self._utc(self.ago(days))}) AT TIME ZONE 'UTC')"

    def in_months(self, instant: str, days: int) -> str:
        """Choose instants of that month or later, in the words of an index on months."""
        chosen = self.month(instant) if self.is_sqlite else instant
        return f"{chosen} >= {self.month_begin(days)}"

    def minutes(self, since: str, until: str) -> str:
        """Count whole minutes between two instants, towards zero."""
        return self._span(since, until, 60)

    def days(self, since: str, until: str) -> str:
        """Count whole days between two instants."""
        return self._span(since, until, 86_400)

    def hours(self, since: str, until: str) -> str:
        """Give the hours between two instants as a fraction, quickly: for sums over many rows."""
        if self.is_sqlite:
            return f"((julianday({until}) - julianday({since})) * 24)"
        return f"(extract(epoch FROM {until} - {since}) / 3600)"

    def days_until(self, day: str) -> str:
        """Count days from today to a date; behind us they are negative."""
        if self.is_sqlite:
            return f"CAST(julianday({day}) - julianday('now', 'start of day') AS INTEGER)"
        return f"({day} - {self.today})"

    def after(self, day: str) -> str:
        """Give the instant at which a date is over."""
        if self.is_sqlite:
            return f"date({day}, '+1 day')"  # as text, it stands before every instant of that day
        return self._begin(f"{day} + 1")

    def instant(self, text: str) -> str:
        """Read an instant from the text in which history keeps it."""
        return text if self.is_sqlite else f"{text}::timestamptz"

    def whole(self, number: str) -> str:
        """Give a number as a whole one, which a sum of whole ones is not on PostgreSQL."""
        return f"CAST({number} AS {'INTEGER' if self.is_sqlite else 'bigint'})"

    def rounded(self, number: str) -> str:
        return f"round({number}{'' if self.is_sqlite else '::numeric'}, 2)"

    def text(self, value: str) -> str:
        """Give a date or a number as text."""
        return f"CAST({value} AS TEXT)"

    def _span(self, since: str, until: str, unit: int) -> str:
        if self.is_sqlite:
            return f"((strftime('%s', {until}) - strftime('%s', {since})) / {unit})"
        seconds = (f"floor(extract(epoch FROM {instant}))" for instant in (until, since))
        return f"trunc(({' - '.join(seconds)}) / {unit})::bigint"

    @staticmethod
    def _begin(day: str) -> str:
        return f"(({day})::timestamp AT TIME ZONE 'UTC')"

    @staticmethod
    def _utc(instant: str) -> str:
        return f"({instant} AT TIME ZONE 'UTC')"


SQLITE, POSTGRESQL = Dialect(is_sqlite=True), Dialect(is_sqlite=False)


def of(tx: Connection) -> Dialect:
    return SQLITE if tx.dialect.name == "sqlite" else POSTGRESQL
