"""Reports on cases: what is open, what comes and goes."""

from models.columns import Kind
from store.reports.dialect import Dialect
from store.reports.report import Column, Report

OPEN = "c.deleted_at IS NULL AND c.is_closed = false"
"""Open cases, in the words of the index that knows them; the alias is c."""
NAMES = """
LEFT JOIN users u ON u.id = c.owner_id AND u.deleted_at IS NULL
LEFT JOIN accounts a ON a.id = c.account_id AND a.deleted_at IS NULL"""
"""Owner (u) and account (a) of c; a queue that owns has no row, and no name here."""

WHICH = (
    Column("id", Kind.TEXT, "The case.", "c.id"),
    Column("case_number", Kind.TEXT, "Its number.", "c.case_number"),
    Column("subject", Kind.TEXT, "Its subject.", "c.subject"),
    Column("status", Kind.TEXT, "Its status.", "c.status"),
    Column("priority", Kind.TEXT, "Its priority.", "c.priority"),
)
OWNER_ID = Column("owner_id", Kind.TEXT, "The user or queue that owns it.", "c.owner_id")
WHOSE = (
    Column("owner", Kind.TEXT, "The user's name; empty for a queue.", "u.name"),
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
        order="created_date",
        columns=(
            *WHICH,
            Column("origin", Kind.TEXT, "How it came in.", "c.origin"),
            OWNER_ID,
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
    dimensions = {
        "age": age_band(d),
        "status": "c.status",
        "priority": "c.priority",
        "owner": "coalesce(u.name, c.owner_id)",
        "account": "coalesce(a.name, c.account_id)",
    }
    joins = {"owner": NAMES.splitlines()[1], "account": NAMES.splitlines()[2]}
    arms = "\nUNION ALL ".join(
        f"SELECT '{name}' AS dimension, {value} AS value, c.created_date, c.is_escalated"
        f" FROM cases c {joins.get(name, '')} WHERE {OPEN}"
        for name, value in dimensions.items()
    )
    return Report(
        name="open_cases_by",
        title="Open cases by age, status, priority, owner, account",
        sentence="How many cases are open, seen from five sides; choose one by its dimension.",
        sources=("Case",),
        order="dimension, cases desc",
        columns=(
            Column("dimension", Kind.TEXT, "age, status, priority, owner or account.", "dimension"),
            Column("value", Kind.TEXT, "Which age, status, ...; empty: none.", "value"),
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
        body=f"FROM (\n{arms}\n) o GROUP BY dimension, value",
    )


def cases_by_day(d: Dialect) -> Report:
    created, closed = d.day("c.created_date"), d.day("c.closed_date")
    return Report(
        name="cases_by_day",
        title="Cases by day",
        sentence="How many cases were created and closed each day, and how many that left open.",
        sources=("Case",),
        order="day desc",
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
SELECT {created} AS day, count(*) AS created, 0 AS closed
FROM cases c WHERE c.deleted_at IS NULL AND c.created_date IS NOT NULL GROUP BY {created}
UNION ALL SELECT {closed}, 0, count(*)
FROM cases c WHERE c.deleted_at IS NULL AND c.closed_date IS NOT NULL GROUP BY {closed}
) days GROUP BY day""",
    )
