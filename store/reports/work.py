"""Reports on work orders: what is promised and not done."""

from models.columns import Kind
from store.reports import names
from store.reports.dialect import Dialect
from store.reports.report import Column, Report

_OPEN = "w.deleted_at IS NULL AND w.is_closed = false"
_CONTRACT = "LEFT JOIN service_contracts s ON s.id = w.service_contract_id AND s.deleted_at IS NULL"


def _is_overdue(d: Dialect) -> str:
    return f"w.end_date IS NOT NULL AND w.end_date < {d.now}"


def work_orders(d: Dialect) -> Report:
    return Report(
        name="work_orders",
        title="Open work orders",
        sentence="Which work is promised and not done, for whom, where, and what is overdue.",
        sources=("WorkOrder",),
        hangs_on=("WorkOrder.IsClosed", "WorkOrder.EndDate"),
        order="end_date",
        tells=("work_order_number", "account", "end_date", "is_overdue"),
        columns=(
            Column("id", Kind.TEXT, "The work order.", "w.id"),
            Column("work_order_number", Kind.TEXT, "Its number.", "w.work_order_number"),
            Column("subject", Kind.TEXT, "Its subject.", "w.subject"),
            Column("status", Kind.TEXT, "Its status.", "w.status"),
            Column("priority", Kind.TEXT, "Its priority.", "w.priority"),
            Column("owner_id", Kind.TEXT, "The user or queue that owns it.", "w.owner_id"),
            Column("owner", Kind.TEXT, names.SAYS_OWNER, names.OWNER),
            Column("account_id", Kind.TEXT, "The customer.", "w.account_id"),
            Column("account", Kind.TEXT, "The customer's name.", "a.name"),
            Column("case_id", Kind.TEXT, "The case that it is for.", "w.case_id"),
            Column("case_number", Kind.TEXT, "That case's number.", "c.case_number"),
            Column("territory_id", Kind.TEXT, "Its service territory.", "w.service_territory_id"),
            Column("territory", Kind.TEXT, names.SAYS_TERRITORY, names.TERRITORY),
            Column("contract_id", Kind.TEXT, "Its service contract.", "w.service_contract_id"),
            Column("contract", Kind.TEXT, "The contract's name.", "s.name"),
            Column("start_date", Kind.INSTANT, "When it is to begin.", "w.start_date"),
            Column("end_date", Kind.INSTANT, "When it is to be done.", "w.end_date"),
            Column("is_overdue", Kind.FLAG, "Whether that is over.", f"({_is_overdue(d)})"),
            Column(
                "overdue_days",
                Kind.WHOLE,
                "Whole days since then; empty if it is not over.",
                f"CASE WHEN {_is_overdue(d)} THEN {d.days('w.end_date', d.now)} END",
            ),
        ),
        body=f"""FROM work_orders w {names.owner("w")}{names.account("w")}{names.territory("w")}
LEFT JOIN cases c ON c.id = w.case_id AND c.deleted_at IS NULL
{_CONTRACT}
WHERE {_OPEN}""",
    )


def work_orders_by(d: Dialect) -> Report:
    sides = {
        "status": ("w.status", "NULL", ""),
        "territory": (names.TERRITORY, "w.service_territory_id", names.territory("w")),
        "contract": (
            "coalesce(s.name, w.service_contract_id)",
            "w.service_contract_id",
            _CONTRACT,
        ),
        "owner": (f"coalesce({names.OWNER}, w.owner_id)", "w.owner_id", names.owner("w")),
    }
    arms = "\nUNION ALL ".join(
        f"SELECT '{name}' AS dimension, {value} AS value, {value_id} AS value_id,"
        f" CASE WHEN {_is_overdue(d)} THEN 1 END AS overdue FROM work_orders w {join} WHERE {_OPEN}"
        for name, (value, value_id, join) in sides.items()
    )
    return Report(
        name="work_orders_by",
        title="Open work by status, territory, contract, owner",
        sentence="How much work is open and overdue, seen from four sides; choose one by its"
        " dimension.",
        sources=("WorkOrder",),
        hangs_on=(
            "WorkOrder.IsClosed",
            "WorkOrder.EndDate",
            "WorkOrder.Status",
            "WorkOrder.ServiceContractId",
            "WorkOrder.OwnerId",
        ),
        order="dimension, open desc",
        tells=("dimension", "value", "open", "overdue"),
        columns=(
            Column("dimension", Kind.TEXT, "status, territory, contract or owner.", "dimension"),
            Column("value", Kind.TEXT, "Which status, ...; empty: none.", "value"),
            Column(
                "value_id",
                Kind.TEXT,
                "The Id of a territory, contract or owner: two of one name have a row each.",
                "value_id",
            ),
            Column("open", Kind.WHOLE, "Open work orders.", "count(*)"),
            Column("overdue", Kind.WHOLE, "Overdue ones among them.", "count(overdue)"),
        ),
        body=f"FROM (\n{arms}\n) o GROUP BY dimension, value, value_id",
    )
