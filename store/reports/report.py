"""What a report is: a view, what it answers, and what each of its columns means."""

from dataclasses import dataclass
from functools import cached_property

from models.columns import Kind

FRESH = "fresh_as_of"
_PREFIX = "report_"


@dataclass(frozen=True)
class Column:
    """One column of a view; `sql` is what stands there in the view's SELECT.

    `reach` is for instants: how many days before now the view knows all there was.
    """

    name: str
    kind: Kind
    meaning: str
    sql: str
    reach: int | None = None


@dataclass(frozen=True, kw_only=True)
class Report:
    """One view: its columns, and the rest of its SELECT from FROM onwards.

    `sources` are the sObjects whose records it counts, the freshness of which is the report's;
    `hangs_on` are the fields, like Case.IsClosed, without which other figures would be false, and
    not only empty; `order` is how its rows stand unless somebody asks for another order; `tells`
    are the columns that it is about, shown before others where room is short.
    """

    name: str
    title: str
    sentence: str
    sources: tuple[str, ...]
    hangs_on: tuple[str, ...]
    order: str
    tells: tuple[str, ...]
    columns: tuple[Column, ...]
    body: str

    @property
    def view(self) -> str:
        """The view's name in the database."""
        return f"{_PREFIX}{self.name}"

    @cached_property
    def all_columns(self) -> tuple[Column, ...]:
        """Its columns, and the one that all reports have."""
        return (*self.columns, _fresh(self.sources, self.lacking))

    @property
    def lacking(self) -> str:
        """Ask for what it hangs on and the org does not show: a SELECT of one column, `name`."""
        split = (one.split(".") for one in self.hangs_on)
        pairs = ", ".join(f"('{sobject}', '{field}')" for sobject, field in split)
        return (
            "SELECT f.sobject || '.' || f.api_name AS name FROM scsync_fields f"
            f" WHERE f.status <> 'active' AND (f.sobject, f.api_name) IN (VALUES {pairs})"
        )

    @property
    def select(self) -> str:
        chosen = ",\n  ".join(f"{one.sql} AS {one.name}" for one in self.all_columns)
        return f"SELECT\n  {chosen}\n{self.body}"

    def column(self, name: str) -> Column:
        """Find a column; LookupError says which ones there are."""
        for one in self.all_columns:
            if one.name == name:
                return one
        names = ", ".join(one.name for one in self.all_columns)
        raise LookupError(f"report {self.name} has no column {name}: {names}")


def _fresh(sources: tuple[str, ...], lacking: str) -> Column:
    named = ", ".join(f"'{one}'" for one in sources)
    return Column(
        FRESH,
        Kind.INSTANT,
        f"When what is counted here was last read to its end ({', '.join(sources)}: the one that"
        " is longest ago); empty while one of them never was, or hides what the figures hang on.",
        "(SELECT CASE WHEN count(w.finished_at) = "
        f"{len(sources)} AND NOT EXISTS ({lacking}) THEN min(w.finished_at) END"
        f" FROM scsync_watermarks w WHERE w.skipped IS NULL AND w.sobject IN ({named}))",
    )
