"""Reports on what customers have a right to: entitlements and service contracts."""

from models.columns import Kind
from store.reports import names
from store.reports.dialect import Dialect
from store.reports.report import Column, Report


def _state(d: Dialect) -> str:
    return (
        f"CASE WHEN e.start_date IS NULL OR e.start_date > {d.today} THEN 'not begun'"
        f" WHEN e.end_date < {d.today} THEN 'expired'"
        " WHEN e.is_per_incident = true AND e.remaining_cases <= 0 THEN 'exhausted'"
        " ELSE 'active' END"
    )


def within(left: str) -> str:
    """Sort days that are left into the next 30, 60 and 90."""
    return (
        f"CASE WHEN {left} < 0 THEN NULL WHEN {left} <= 30 THEN 30 WHEN {left} <= 60 THEN 60"
        f" WHEN {left} <= 90 THEN 90 END"
    )


def entitlements(d: Dialect) -> Report:
    left = d.days_until("e.end_date")
    return Report(
        name="entitlements",
        title="Entitlements",
        sentence="What each entitlement is worth today, by its dates and the cases that it has"
        " left; the org's own status moves no stamp.",
        sources=("Entitlement",),
        hangs_on=(
            "Entitlement.StartDate",
            "Entitlement.EndDate",
            "Entitlement.IsPerIncident",
            "Entitlement.RemainingCases",
        ),
        order="days_left",
        tells=("name", "account", "state", "days_left"),
        columns=(
            Column("id", Kind.TEXT, "The entitlement.", "e.id"),
            Column("name", Kind.TEXT, "Its name.", "e.name"),
            Column("type", Kind.TEXT, "Its type.", "e.type"),
            Column("account_id", Kind.TEXT, "The customer.", "e.account_id"),
            Column("account", Kind.TEXT, "The customer's name.", "a.name"),
            Column("start_date", Kind.DAY, "Its first day.", "e.start_date"),
            Column("end_date", Kind.DAY, "Its last day; empty: it does not end.", "e.end_date"),
            Column(
                "state",
                Kind.TEXT,
                "active, not begun, expired, or exhausted: in time, but its cases are used up.",
                _state(d),
            ),
            Column("days_left", Kind.WHOLE, "Days to its last day; negative: since.", left),
            Column(
                "ends_within",
                Kind.WHOLE,
                "30, 60 or 90: it ends within so many days, and not within fewer of these.",
                within(left),
            ),
            Column("remaining_cases", Kind.WHOLE, "Cases that it has left.", "e.remaining_cases"),
            Column(
                "cases_per_entitlement",
                Kind.WHOLE,
                "Of so many; both empty where they are not counted.",
                "e.cases_per_entitlement",
            ),
        ),
        body=f"FROM entitlements e {names.account('e')}\nWHERE e.deleted_at IS NULL",
    )


def entitlements_by_account(d: Dialect) -> Report:
    left, state = d.days_until("e.end_date"), _state(d)

    def number(condition: str) -> str:
        return f"count(CASE WHEN {condition} THEN 1 END)"

    def ending(days: int) -> Column:
        return Column(
            f"expiring_{days}",
            Kind.WHOLE,
            f"Active ones that end within {days} days.",
            number(f"{state} = 'active' AND {left} <= {days}"),
        )

    return Report(
        name="entitlements_by_account",
        title="Entitlements by account",
        sentence="Which customers are covered, which are about to be covered no more.",
        sources=("Entitlement",),
        hangs_on=(
            "Entitlement.AccountId",
            "Entitlement.StartDate",
            "Entitlement.EndDate",
            "Entitlement.IsPerIncident",
            "Entitlement.RemainingCases",
        ),
        order="active, expiring_30 desc, account",
        tells=("account", "active", "exhausted", "expired", "expiring_30"),
        columns=(
            Column("account_id", Kind.TEXT, "The customer.", "e.account_id"),
            Column("account", Kind.TEXT, "The customer's name.", "a.name"),
            Column("entitlements", Kind.WHOLE, "All of them.", "count(*)"),
            Column("active", Kind.WHOLE, "Those that cover today.", number(f"{state} = 'active'")),
            Column(
                "exhausted",
                Kind.WHOLE,
                "In time, but used up.",
                number(f"{state} = 'exhausted'"),
            ),
            Column("expired", Kind.WHOLE, "Over.", number(f"{state} = 'expired'")),
            ending(30),
            ending(60),
            ending(90),
        ),
        body=f"FROM entitlements e {names.account('e')}\nWHERE e.deleted_at IS NULL"
        "\nGROUP BY e.account_id, a.name",
    )


def service_contracts(d: Dialect) -> Report:
    left = d.days_until("s.end_date")
    lapsed = f"s.end_date < {d.today}"
    since = (
        "(SELECT count(*) FROM cases c WHERE c.service_contract_id = s.id"
        f" AND c.deleted_at IS NULL AND c.created_date >= {d.after('s.end_date')})"
    )
    return Report(
        name="service_contracts",
        title="Service contracts",
        sentence="What service contracts are worth, which are due for renewal, and which have"
        " lapsed and are served all the same.",
        sources=("ServiceContract", "ContractLineItem", "Case"),
        hangs_on=(
            "ServiceContract.StartDate",
            "ServiceContract.EndDate",
            "ContractLineItem.ServiceContractId",
            "ContractLineItem.TotalPrice",
            "Case.ServiceContractId",
            "Case.IsClosed",
            "Case.CreatedDate",
        ),
        order="days_left",
        tells=("contract_number", "account", "state", "days_left", "grand_total"),
        columns=(
            Column("id", Kind.TEXT, "The contract.", "s.id"),
            Column("contract_number", Kind.TEXT, "Its number.", "s.contract_number"),
            Column("name", Kind.TEXT, "Its name.", "s.name"),
            Column("account_id", Kind.TEXT, "The customer.", "s.account_id"),
            Column("account", Kind.TEXT, "The customer's name.", "a.name"),
            Column("owner_id", Kind.TEXT, "The user or queue that owns it.", "s.owner_id"),
            Column("owner", Kind.TEXT, names.SAYS_OWNER, names.OWNER),
            Column("start_date", Kind.DAY, "Its first day.", "s.start_date"),
            Column("end_date", Kind.DAY, "Its last day; empty: it does not end.", "s.end_date"),
            Column(
                "state",
                Kind.TEXT,
                "active, not begun or lapsed, by its dates.",
                f"CASE WHEN {lapsed} THEN 'lapsed' WHEN s.start_date IS NULL"
                f" OR s.start_date > {d.today} THEN 'not begun' ELSE 'active' END",
            ),
            Column("days_left", Kind.WHOLE, "Days to its last day; negative: since.", left),
            Column(
                "renewal_within",
                Kind.WHOLE,
                "30, 60 or 90: it ends within so many days, and not within fewer of these.",
                within(left),
            ),
            Column(
                "grand_total",
                Kind.NUMBER,
                "Its value with tax and shipping, as the org reckons.",
                "s.grand_total",
            ),
            Column("lines", Kind.WHOLE, "Its line items.", "coalesce(l.lines, 0)"),
            Column(
                "lines_total", Kind.NUMBER, "Their total prices together.", "coalesce(l.total, 0)"
            ),
            Column("open_cases", Kind.WHOLE, "Its open cases.", "coalesce(o.cases, 0)"),
            Column(
                "served_since",
                Kind.WHOLE,
                "Of a lapsed one: cases created under it after its last day.",
                f"CASE WHEN {lapsed} THEN {since} ELSE 0 END",
            ),
        ),
        body=f"""FROM service_contracts s {names.account("s")}{names.owner("s")}
LEFT JOIN (
  SELECT service_contract_id, count(*) AS lines, sum(total_price) AS total
  FROM contract_line_items WHERE deleted_at IS NULL GROUP BY service_contract_id
) l ON l.service_contract_id = s.id
LEFT JOIN (
  SELECT c.service_contract_id, count(*) AS cases FROM cases c
  WHERE c.deleted_at IS NULL AND c.is_closed = false GROUP BY c.service_contract_id
) o ON o.service_contract_id = s.id
WHERE s.deleted_at IS NULL""",
    )
