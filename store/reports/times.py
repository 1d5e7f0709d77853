"""Reports on how long customers wait, and when cases were open."""

from models.columns import Kind
from store.reports import names
from store.reports.dialect import Dialect
from store.reports.report import Column, Report

MONTHS_REACH = 400
"""Days that response times reach back, whole months: the same one of last year is among them."""
SPELLS_REACH = 100
"""Days that the view of open spells reaches back: before, days are counted, not moments."""


def reopened(alias: str) -> str:
    """Choose closings that were taken back, in the words of the index that knows them."""
    case = f"{alias}.sobject = 'Case' AND {alias}.field = 'closed_date'"
    return f"{case} AND {alias}.old_value IS NOT NULL"


def reopened_at(d: Dialect) -> str:
    """Give the instant from which the case of h, in history, is known to have been open again.

    Of one that was closed again before anybody saw it open, that is the second closing: it was
    open since some moment between the two, and what was counted meanwhile stands.
    """
    return f"coalesce({d.instant('h.new_value')}, h.changed_at)"


# Portal users and automated ones are no agents; of a user that is not here nothing speaks against.
_AGENT = "k.created_by_id NOT IN (SELECT id FROM users WHERE user_type <> 'Standard')"


def response_times(d: Dialect) -> Report:
    closed, created = d.month("c.closed_date"), d.month("c.created_date")
    return Report(
        name="response_times",
        title="Response times",
        sentence="How long it took to the first answer and to the resolution, by month and"
        " priority, since a year ago; working hours stand in milestones_by_month.",
        sources=("Case", "CaseComment"),
        hangs_on=(
            "Case.CreatedDate",
            "Case.ClosedDate",
            "Case.Priority",
            "CaseComment.ParentId",
            "CaseComment.CreatedDate",
            "CaseComment.IsPublished",
            "CaseComment.CreatedById",
            "User.UserType",
        ),
        order="month desc, metric, priority",
        tells=("metric", "month", "priority", "cases", "average_hours"),
        columns=(
            Column(
                "metric",
                Kind.TEXT,
                "first response: to the first public comment by an agent; resolution: to the last"
                " closing.",
                "metric",
            ),
            Column(
                "month",
                Kind.TEXT,
                "Like 2026-01, in UTC: of the creation for first responses, of the closing for"
                " resolutions.",
                "month",
            ),
            Column("priority", Kind.TEXT, "The cases' priority.", "priority"),
            Column("cases", Kind.WHOLE, "Cases answered, or closed.", "cases"),
            Column("average_hours", Kind.NUMBER, "Hours it took on average.", d.rounded("hours")),
            Column("same_day", Kind.WHOLE, "Those done on the day of the creation.", "same_day"),
        ),
        body=f"""FROM (
SELECT 'resolution' AS metric, {closed} AS month, c.priority, count(*) AS cases,
  avg({d.hours("c.created_date", "c.closed_date")}) AS hours,
  {_same_day(d, "c.closed_date")} AS same_day
FROM cases c WHERE c.deleted_at IS NULL AND c.closed_date IS NOT NULL
  AND {d.in_months("c.closed_date", MONTHS_REACH)}
GROUP BY {closed}, c.priority
UNION ALL SELECT 'first response', {created}, c.priority, count(*),
  avg({d.hours("c.created_date", "k.answered")}), {_same_day(d, "k.answered")}
FROM (
  SELECT k.parent_id, min(k.created_date) AS answered FROM case_comments k
  WHERE k.deleted_at IS NULL AND k.is_published = true AND {_AGENT}
    AND k.created_date >= {d.month_begin(MONTHS_REACH)} GROUP BY k.parent_id
) k JOIN cases c ON c.id = k.parent_id AND c.deleted_at IS NULL
WHERE {d.in_months("c.created_date", MONTHS_REACH)}
GROUP BY {created}, c.priority
) t""",
    )


def _same_day(d: Dialect, instant: str) -> str:
    return f"count(CASE WHEN {d.day(instant)} = {d.day('c.created_date')} THEN 1 END)"


def open_spells(d: Dialect) -> Report:
    what = "c.id, c.case_number, c.priority, c.owner_id, c.account_id"
    reach, begun = d.ago(SPELLS_REACH), "coalesce(o.opened, c.created_date)"
    ended, opened = d.instant("e.old_value"), f"max({reopened_at(d)}) AS opened"
    last = f"""LEFT JOIN (
  SELECT h.record_id, {opened} FROM record_history h WHERE {reopened("h")} GROUP BY h.record_id
) o ON o.record_id = c.id"""
    return Report(
        name="open_spells",
        title="When cases were open",
        sentence="From when until when each case was open, for what reaches into the last"
        f" {SPELLS_REACH} days: open at a moment is what had begun and not ended.",
        sources=("Case",),
        hangs_on=("Case.IsClosed", "Case.CreatedDate", "Case.ClosedDate"),
        order="until desc, since desc",
        tells=("case_number", "owner", "since", "until"),
        columns=(
            Column("id", Kind.TEXT, "The case; one that was opened again has several.", "id"),
            Column("case_number", Kind.TEXT, "Its number.", "case_number"),
            Column("priority", Kind.TEXT, "Its priority, as it is now.", "priority"),
            Column("owner_id", Kind.TEXT, "Its owner, as it is now.", "owner_id"),
            Column("owner", Kind.TEXT, names.SAYS_OWNER, names.owner_of("s.owner_id")),
            Column("account_id", Kind.TEXT, "The customer.", "account_id"),
            Column("account", Kind.TEXT, "The customer's name.", names.account_of("s.account_id")),
            Column(
                "since",
                Kind.INSTANT,
                "When it was created or opened again; one that was closed again before anybody saw"
                " it open has a spell of no length, at that closing.",
                "since",
                SPELLS_REACH,
            ),
            Column(
                "until",
                Kind.INSTANT,
                "When it was closed; still open: the year 9999.",
                "until",
                SPELLS_REACH,
            ),
        ),
        body=f"""FROM (
SELECT {what}, {begun} AS since, {d.never} AS until
FROM cases c {last} WHERE c.deleted_at IS NULL AND c.is_closed = false
UNION ALL SELECT {what}, {begun}, c.closed_date
FROM cases c {last}
WHERE c.deleted_at IS NULL AND c.is_closed = true AND c.closed_date >= {reach}
UNION ALL SELECT {what}, coalesce((
  SELECT {opened} FROM record_history h
  WHERE {reopened("h")} AND h.record_id = e.record_id AND {reopened_at(d)} <= {ended}
), c.created_date), {ended}
FROM record_history e JOIN cases c ON c.id = e.record_id AND c.deleted_at IS NULL
WHERE {reopened("e")} AND {ended} >= {reach}
) s""",
    )
