"""Reports on milestones: what was promised about a case, and whether it is kept.

The org's own clocks (time remaining, is violated) move no stamp and are stale here as soon as they
are read; both views go by the dates instead, and by one rule: broken is what ran out of time before
it was completed, and before its case was stopped.
"""

from models.columns import Kind
from store.reports import names
from store.reports.cases import NAMES
from store.reports.dialect import Dialect
from store.reports.report import Column, Report


def _clock(d: Dialect) -> str:
    """Say up to when the time of m runs: until now, or until its case was stopped."""
    return (
        "coalesce((SELECT s.stop_start_date FROM cases s"
        f" WHERE s.id = m.case_id AND s.is_stopped = true), {d.now})"
    )


def milestones(d: Dialect) -> Report:
    left = d.minutes(d.now, "m.target_date")
    whole = d.minutes("m.start_date", "m.target_date")
    state = (
        f"CASE WHEN m.target_date < {_clock(d)} THEN 'violated'"
        " WHEN c.is_stopped = true THEN 'paused'"
        f" WHEN {left} * 4 <= {whole} THEN 'at risk' ELSE 'on time' END"
    )
    return Report(
        name="milestones",
        title="Milestones under way",
        sentence="Which promises about open cases are due, at risk or broken, and how many minutes"
        " are left.",
        sources=("CaseMilestone", "Case"),
        hangs_on=(
            "CaseMilestone.CaseId",
            "CaseMilestone.IsCompleted",
            "CaseMilestone.StartDate",
            "CaseMilestone.TargetDate",
            "Case.IsClosed",
            "Case.IsStopped",
            "Case.StopStartDate",
        ),
        order="target_date",
        tells=("case_number", "state", "minutes_left", "target_date", "milestone"),
        columns=(
            Column("id", Kind.TEXT, "The milestone of the case.", "m.id"),
            Column("case_id", Kind.TEXT, "The case.", "c.id"),
            Column("case_number", Kind.TEXT, "That case's number.", "c.case_number"),
            Column(
                "state",
                Kind.TEXT,
                "on time; at risk: no more than a quarter of its time is left; violated: its time"
                " was over, and before the case was stopped if it is; paused: the case is stopped.",
                state,
            ),
            Column(
                "minutes_left",
                Kind.WHOLE,
                "Minutes from now to its target, negative when it is over.",
                left,
            ),
            Column("target_date", Kind.INSTANT, "By when it is due.", "m.target_date"),
            Column("milestone", Kind.TEXT, "What the promise is called.", names.KIND),
            Column("milestone_type_id", Kind.TEXT, "Its kind, by Id.", "m.milestone_type_id"),
            Column("priority", Kind.TEXT, "The case's priority.", "c.priority"),
            Column("subject", Kind.TEXT, "The case's subject.", "c.subject"),
            Column("owner_id", Kind.TEXT, "The user or queue that owns the case.", "c.owner_id"),
            Column("owner", Kind.TEXT, names.SAYS_OWNER, names.OWNER),
            Column("account_id", Kind.TEXT, "The customer.", "c.account_id"),
            Column("account", Kind.TEXT, "The customer's name.", "a.name"),
            Column("start_date", Kind.INSTANT, "From when it counts.", "m.start_date"),
        ),
        body=f"""FROM case_milestones m
JOIN cases c ON c.id = m.case_id AND c.deleted_at IS NULL AND c.is_closed = false
{NAMES}{names.kind("m")}
WHERE m.deleted_at IS NULL AND m.is_completed = false""",
    )


def milestones_by_month(d: Dialect) -> Report:
    month = d.month("m.target_date")
    late = f"coalesce(m.completion_date, {_clock(d)}) > m.target_date"
    return Report(
        name="milestones_by_month",
        title="Milestones by month",
        sentence="How many promises that were due in a month were kept and broken, by kind.",
        sources=("CaseMilestone", "Case"),
        hangs_on=(
            "CaseMilestone.MilestoneTypeId",
            "CaseMilestone.TargetDate",
            "CaseMilestone.CompletionDate",
            "CaseMilestone.TargetResponseInMins",
            "CaseMilestone.CaseId",
            "Case.IsStopped",
            "Case.StopStartDate",
        ),
        order="month desc, target_minutes",
        tells=("month", "milestone", "milestones", "met", "violated"),
        columns=(
            Column("month", Kind.TEXT, "Month of the target, in UTC, like 2026-01.", "m.month"),
            Column("milestone", Kind.TEXT, "What the promise is called.", names.KIND),
            Column("milestone_type_id", Kind.TEXT, "Its kind, by Id.", "m.milestone_type_id"),
            Column(
                "target_minutes",
                Kind.WHOLE,
                "In how many minutes it was to be done.",
                "m.target_response_in_mins",
            ),
            Column("milestones", Kind.WHOLE, "All of them.", "m.milestones"),
            Column(
                "met",
                Kind.WHOLE,
                "Those completed by their target.",
                "m.met",
            ),
            Column(
                "violated",
                Kind.WHOLE,
                "Those completed later, or not completed and past it, or past it when the case was"
                " stopped.",
                "m.violated",
            ),
            Column(
                "working_minutes",
                Kind.NUMBER,
                "What the completed ones took on average, by the org's own count of working time;"
                " empty where the org does not tell.",
                d.rounded("m.worked"),
            ),
        ),
        body=f"""FROM (
SELECT {month} AS month, m.milestone_type_id, m.target_response_in_mins, count(*) AS milestones,
  count(CASE WHEN m.completion_date <= m.target_date THEN 1 END) AS met,
  count(CASE WHEN {late} THEN 1 END) AS violated,
  avg(CASE WHEN m.completion_date IS NOT NULL THEN m.actual_elapsed_time_in_mins END) AS worked
FROM case_milestones m WHERE m.deleted_at IS NULL AND m.target_date IS NOT NULL
GROUP BY {month}, m.milestone_type_id, m.target_response_in_mins
) m {names.kind("m")}""",
    )
