"""Reports on cases that went wrong: opened again, escalated, or without a right to support."""

from models.columns import Kind
from store.reports.cases import IS_ESCALATED, NAMES, OPEN, WHICH, WHOSE
from store.reports.dialect import Dialect
from store.reports.report import Column, Report
from store.reports.times import reopened, reopened_at


def reopened_escalated(d: Dialect) -> Report:
    return Report(
        name="reopened_escalated",
        title="Reopened and escalated cases",
        sentence="Which cases are escalated, or were opened again after a closing; openings count"
        " since scsync has kept history.",
        sources=("Case",),
        hangs_on=("Case.IsClosed", "Case.IsEscalated"),
        order="is_closed, created_date desc",
        tells=("case_number", "account", "is_closed", "is_escalated", "reopened"),
        columns=(
            *WHICH,
            *WHOSE,
            Column("is_closed", Kind.FLAG, "Whether it is closed by now.", "c.is_closed"),
            IS_ESCALATED,
            Column(
                "escalated_at",
                Kind.INSTANT,
                "When that was first seen; empty if before history was kept.",
                "e.changed_at",
            ),
            Column("reopened", Kind.WHOLE, "How often it was opened again.", "coalesce(r.n, 0)"),
            Column(
                "reopened_at",
                Kind.INSTANT,
                "When last; of one that was closed again before anybody saw it, at that closing.",
                "r.reopened_at",
            ),
        ),
        body=f"""FROM (
SELECT c.id FROM cases c WHERE c.deleted_at IS NULL AND c.is_escalated = true
UNION SELECT h.record_id FROM record_history h WHERE {reopened("h")}
) m JOIN cases c ON c.id = m.id AND c.deleted_at IS NULL
LEFT JOIN (
  SELECT h.record_id, count(*) AS n, max({reopened_at(d)}) AS reopened_at
  FROM record_history h WHERE {reopened("h")} GROUP BY h.record_id
) r ON r.record_id = c.id
LEFT JOIN (
  SELECT record_id, min(changed_at) AS changed_at FROM record_history
  WHERE sobject = 'Case' AND field = 'is_escalated' AND old_value = 'false' AND new_value = 'true'
  GROUP BY record_id
) e ON e.record_id = c.id {NAMES}""",
    )


def cases_without_entitlement(d: Dialect) -> Report:
    reason = (
        "CASE WHEN c.entitlement_id IS NULL THEN 'none' WHEN e.id IS NULL THEN 'gone'"
        f" WHEN e.start_date IS NULL OR e.start_date > {d.today} THEN 'not begun'"
        f" WHEN e.end_date < {d.today} THEN 'expired' END"
    )
    return Report(
        name="cases_without_entitlement",
        title="Cases without a valid entitlement",
        sentence="Which open cases no entitlement of today covers; one whose cases are used up"
        " still covers those that it was charged for.",
        sources=("Case", "Entitlement"),
        hangs_on=(
            "Case.IsClosed",
            "Case.EntitlementId",
            "Entitlement.StartDate",
            "Entitlement.EndDate",
        ),
        order="created_date",
        tells=("case_number", "account", "created_date", "reason"),
        columns=(
            *WHICH,
            *WHOSE,
            Column(
                "reason",
                Kind.TEXT,
                "none: it names no entitlement; gone: the one it names is deleted; not begun or"
                " expired: by its dates.",
                reason,
            ),
            Column("entitlement_id", Kind.TEXT, "The one it names.", "c.entitlement_id"),
            Column("entitlement", Kind.TEXT, "Its name.", "e.name"),
        ),
        body=f"""FROM cases c {NAMES}
LEFT JOIN entitlements e ON e.id = c.entitlement_id AND e.deleted_at IS NULL
WHERE {OPEN} AND {reason} IS NOT NULL""",
    )
