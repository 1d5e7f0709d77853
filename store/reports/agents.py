"""The report on agents: who has how much to do."""

from models.columns import Kind
from store.reports.dialect import Dialect
from store.reports.report import Column, Report


def agents_load(d: Dialect) -> Report:
    return Report(
        name="agents_load",
        title="Agents' load",
        sentence="Who has how much to do, and how much was done; what waits in queues is nobody's"
        " yet.",
        sources=("Case", "WorkOrder"),
        hangs_on=(
            "Case.OwnerId",
            "Case.IsClosed",
            "Case.IsEscalated",
            "Case.ClosedDate",
            "WorkOrder.OwnerId",
            "WorkOrder.IsClosed",
        ),
        order="open_cases desc, agent",
        tells=("agent", "open_cases", "escalated", "open_work_orders", "closed_7"),
        columns=(
            Column("user_id", Kind.TEXT, "The agent.", "u.id"),
            Column("agent", Kind.TEXT, "The agent's name.", "u.name"),
            Column("is_active", Kind.FLAG, "Whether the agent may still log in.", "u.is_active"),
            Column("open_cases", Kind.WHOLE, "Open cases.", d.whole("g.open_cases")),
            Column("escalated", Kind.WHOLE, "Escalated ones among them.", d.whole("g.escalated")),
            Column("oldest_days", Kind.WHOLE, "Age of the oldest.", d.days("g.oldest", d.now)),
            Column("open_work_orders", Kind.WHOLE, "Open work orders.", d.whole("g.orders")),
            Column("closed_7", Kind.WHOLE, "Cases closed in 7 days.", d.whole("g.closed_7")),
            Column("closed_30", Kind.WHOLE, "Cases closed in 30 days.", d.whole("g.closed_30")),
        ),
        body=f"""FROM (
SELECT owner_id, sum(open_cases) AS open_cases, sum(escalated) AS escalated, min(oldest) AS oldest,
  sum(orders) AS orders, sum(closed_7) AS closed_7, sum(closed_30) AS closed_30
FROM (
SELECT c.owner_id, 1 AS open_cases, CASE WHEN c.is_escalated THEN 1 ELSE 0 END AS escalated,
  c.created_date AS oldest, 0 AS orders, 0 AS closed_7, 0 AS closed_30
FROM cases c WHERE c.deleted_at IS NULL AND c.is_closed = false
UNION ALL SELECT w.owner_id, 0, 0, NULL, 1, 0, 0
FROM work_orders w WHERE w.deleted_at IS NULL AND w.is_closed = false
UNION ALL SELECT c.owner_id, 0, 0, NULL, 0,
  CASE WHEN c.closed_date >= {d.ago(7)} THEN 1 ELSE 0 END, 1
FROM cases c WHERE c.deleted_at IS NULL AND c.closed_date >= {d.ago(30)}
) t GROUP BY owner_id
) g JOIN users u ON u.id = g.owner_id AND u.deleted_at IS NULL""",
    )
