"""Reports on cases: what is open, what comes and goes."""

from models.columns import Kind
from store.reports import names
from store.reports.dialect import Dialect
from store.reports.report import Column, Report

OPEN = "c.deleted_at IS NULL AND c.is_closed = false"
"""Open cases, in the words of the index that knows them; the alias is c."""
NAMES = names.owner("c") + names.account("c")
"""Owner and account of c."""

WHICH = (
    Column("id", Kind.TEXT, "The case.", "c.id"),
    Column("case_number", Kind.TEXT, "Its number.", "c.case_number"),
    Column("subject", Kind.TEXT, "Its subject.", "c.subject"),
    Column("status", Kind.TEXT, "Its status.", "c.status"),
    Column("priority", Kind.TEXT, "Its priority.", "c.priority"),
)
WHOSE = (
    Column("owner_id", Kind.TEXT, "The user or queue that owns it.", "c.owner_id"),
    Column("owner", Kind.TEXT, names.SAYS_OWNER, names.OWNER),
    Column("account_id", Kind.TEXT, "The customer.", "c.account_id"),
    Column("account", Kind.TEXT, "The customer's name.", "a.name"),
    Column("created_date", Kind.INSTANT, "When it was created.", "c.created_date"),
)
IS_ESCALATED = Column("is_escalated", Kind.FLAG, "Whether it is escalated.", "c.is_escalated")


def age_band(d: Dialect) -> str:
    """Sort a case's age into bands that stand in order as text."""
    days = d.days("c.created_date", d.now)
    return (
        f"CASE WHEN {days} < 1 THEN '1: under a day' WHEN {days} < 7 THEN '2: under a week'"
        f" WHEN {days} < 30 THEN '3: under a month' WHEN {days} < 90 THEN '4: under a quarter'"
        " ELSE '5: older' END"
    )


def open_cases(d: Dialect) -> Report:
    return Report(
        name="open_cases",
        title="Open cases",
        sentence="Which cases are open, how old they are, and whose.",
        sources=("Case",),
        hangs_on=("Case.IsClosed", "Case.CreatedDate"),
        order="created_date",
        tells=("case_number", "subject", "status", "priority", "age_days"),
        columns=(
            *WHICH,
            Column("origin", Kind.TEXT, "How it came in.", "c.origin"),
            *WHOSE,
            Column(
                "age_days", Kind.WHOLE, "Whole days since then.", d.days("c.created_date", d.now)
            ),
            Column("age_band", Kind.TEXT, "The same in five bands.", age_band(d)),
            IS_ESCALATED,
        ),
        body=f"FROM cases c {NAMES}\nWHERE {OPEN}",
    )


def open_cases_by(d: Dialect) -> Report:
    sides = {
        "age": (age_band(d), "NULL", ""),
        "status": ("c.status", "NULL", ""),
        "priority": ("c.priority", "NULL", ""),
        "owner": (f"coalesce({names.OWNER}, c.owner_id)", "c.owner_id", names.owner("c")),
        "account": ("coalesce(a.name, c.account_id)", "c.account_id", names.account("c")),
    }
    arms = "\nUNION ALL ".join(
        f"SELECT '{name}' AS dimension, {value} AS value, {value_id} AS value_id, c.created_date,"
        f" c.is_escalated FROM cases c {join} WHERE {OPEN}"
        for name, (value, value_id, join) in sides.items()
    )
    return Report(
        name="open_cases_by",
        title="Open cases by age, status, priority, owner, account",
        sentence="How many cases are open, seen from five sides; choose one by its dimension.",
        sources=("Case",),
        hangs_on=(
            "Case.IsClosed",
            "Case.CreatedDate",
            "Case.Status",
            "Case.Priority",
            "Case.OwnerId",
            "Case.AccountId",
            "Case.IsEscalated",
        ),
        order="dimension, cases desc",
        tells=("dimension", "value", "cases", "escalated", "oldest_days"),
        columns=(
            Column("dimension", Kind.TEXT, "age, status, priority, owner or account.", "dimension"),
            Column("value", Kind.TEXT, "Which age, status, ...; empty: none.", "value"),
            Column(
                "value_id",
                Kind.TEXT,
                "The Id of an owner or account: two of one name have a row each.",
                "value_id",
            ),
            Column("cases", Kind.WHOLE, "Open cases.", "count(*)"),
            Column(
                "escalated",
                Kind.WHOLE,
                "Escalated ones among them.",
                "count(CASE WHEN is_escalated THEN 1 END)",
            ),
            Column(
                "oldest_days",
                Kind.WHOLE,
                "Age of the oldest, in days.",
                d.days("min(created_date)", d.now),
            ),
        ),
        body=f"FROM (\n{arms}\n) o GROUP BY dimension, value, value_id",
    )


def cases_by_day(d: Dialect) -> Report:
    return Report(
        name="cases_by_day",
        title="Cases by day",
        sentence="How many cases were created and closed each day, and how many that left open.",
        sources=("Case",),
        hangs_on=("Case.CreatedDate", "Case.ClosedDate"),
        order="day desc",
        tells=("day", "created", "closed", "backlog"),
        columns=(
            Column("day", Kind.DAY, "The day, in UTC; days without either have no row.", "day"),
            Column("created", Kind.WHOLE, "Cases created on it.", d.whole("sum(created)")),
            Column(
                "closed",
                Kind.WHOLE,
                "Cases closed on it; one that was opened again counts on the day of its last"
                " closing.",
                d.whole("sum(closed)"),
            ),
            Column(
                "backlog",
                Kind.WHOLE,
                "Cases open at its end, by the same count.",
                d.whole("sum(sum(created) - sum(closed)) OVER (ORDER BY day)"),
            ),
        ),
        body=f"""FROM (
SELECT day, cases AS created, 0 AS closed FROM ({_by_day(d, "c.created_date")}) b
UNION ALL SELECT day, 0, cases FROM ({_by_day(d, "c.closed_date")}) e
) days GROUP BY day""",
    )


def _by_day(d: Dialect, instant: str) -> str:
    """Count cases by a day: from each day to the next, since to group a million takes longer."""
    live = f"c.deleted_at IS NULL AND {instant} IS NOT NULL"
    nearest = f"ORDER BY {d.by_day(instant)} LIMIT 1"
    return f"""
WITH RECURSIVE walk(day) AS (
  SELECT (SELECT {d.day(instant)} FROM cases c WHERE {live} {nearest})
  UNION ALL SELECT (
    SELECT {d.day(instant)} FROM cases c WHERE {live} AND {d.day_after(instant, "walk.day")}
    {nearest}
  ) FROM walk WHERE walk.day IS NOT NULL
)
SELECT walk.day, (
  SELECT count(*) FROM cases c WHERE {live} AND {d.on_day(instant, "walk.day")}
) AS cases FROM walk WHERE walk.day IS NOT NULL"""
