"""A store filled by SQL: cases over two years and what hangs on them, as many as in a seed."""

from typing import Protocol

from store.engine import Store

ACCOUNTS, AGENTS, CONTRACTS, ORDERS, ARTICLES = 20_000, 150, 10_000, 20_000, 500
COMMENTS, MILESTONES, TERRITORIES = 300_000, 200_000, 12
SPAN = 730.0  # days

_WORDS = "The customer says that it does not do what the leaflet says it should do. " * 8
_READ = (
    *("Case", "CaseComment", "CaseMilestone", "Entitlement"),
    *("ServiceContract", "ContractLineItem", "WorkOrder", "Knowledge__kav"),
)

Columns = dict[str, str]
"""What goes into each column, as an expression over the row's number i."""


def fill(store: Store, cases: int) -> None:
    """Fill the tables that reports read, and note them as read to their end."""
    words: Words = _Sqlite() if store.is_sqlite else _Postgresql()
    for table, (count, columns) in _tables(words, cases).items():
        _insert(store, words, table, count, columns)
    for sobject in _READ:
        marks = dict.fromkeys(("since", "finished_at"), words.ago("0.01"))
        _insert(store, words, "scsync_watermarks", 1, {"sobject": f"'{sobject}'", **marks})


def _insert(store: Store, words: "Words", table: str, count: int, columns: Columns) -> None:
    names, values = ", ".join(columns), ", ".join(columns.values())
    with store.begin(relaxed=True) as tx:
        tx.exec_driver_sql(
            f"INSERT INTO {table} ({names}) {words.rows(values, count)}",
            execution_options={"no_parameters": True},
        )


class Words(Protocol):
    """What the two databases say differently."""

    def rows(self, values: str, count: int) -> str: ...
    def id(self, prefix: str, number: str) -> str: ...
    def ago(self, days: str) -> str: ...
    def day(self, days: str) -> str: ...


class _Sqlite:
    def rows(self, values: str, count: int) -> str:
        return (
            "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n"
            f" WHERE i < {count}) SELECT {values} FROM n"
        )

    def id(self, prefix: str, number: str) -> str:
        return f"printf('{prefix}%015d', {number})"

    def ago(self, days: str) -> str:
        return f"strftime('%Y-%m-%dT%H:%M:%fZ', 'now', (-({days})) || ' days')"

    def day(self, days: str) -> str:
        return f"date('now', ({days}) || ' days')"


class _Postgresql:
    def rows(self, values: str, count: int) -> str:
        return f"SELECT {values} FROM generate_series(1, {count}) AS n(i)"

    def id(self, prefix: str, number: str) -> str:
        return f"'{prefix}' || lpad(({number})::text, 15, '0')"

    def ago(self, days: str) -> str:
        return f"date_trunc('milliseconds', now() - ({days}) * interval '1 day')"

    def day(self, days: str) -> str:
        return f"(now() AT TIME ZONE 'UTC')::date + ({days})::int"


def _tables(d: Words, cases: int) -> dict[str, tuple[int, Columns]]:
    return {
        "users": (AGENTS, _person(d)),
        "accounts": (ACCOUNTS, _named(d, "001", "Customer")),
        "service_contracts": (CONTRACTS, _contract(d)),
        "contract_line_items": (3 * CONTRACTS, _line(d)),
        "entitlements": (CONTRACTS, _right(d)),
        "cases": (cases, _case(d, cases)),
        "case_comments": (min(COMMENTS, cases), _comment(d, cases)),
        "case_milestones": (min(MILESTONES, cases), _milestone(d, cases)),
        "service_territories": (TERRITORIES, _named(d, "0Hh", "Region")),
        "work_orders": (ORDERS, _order(d, cases)),
        "knowledge_articles": (ARTICLES, _article(d)),
        "record_history": (cases // 100 + cases, _history(d, cases)),
    }


def _frame(d: Words, prefix: str, age: str) -> Columns:
    stamps = ("created_date", "last_modified_date", "system_modstamp", "synced_at")
    return {"id": d.id(prefix, "i"), "is_deleted": "false", **dict.fromkeys(stamps, d.ago(age))}


def _named(d: Words, prefix: str, name: str) -> Columns:
    return {**_frame(d, prefix, "i % 700"), "name": f"'{name} ' || i"}


def _some(d: Words, prefix: str, count: int) -> str:
    return d.id(prefix, f"1 + i % {count}")


def _person(d: Words) -> Columns:
    return {**_named(d, "005", "Agent"), "user_type": "'Standard'", "is_active": "true"}


def _born(cases: int, number: str = "i") -> str:
    """Say how many days ago a case was created: the last is the newest."""
    return f"({SPAN} * ({cases} - ({number})) / {cases})"


def _covered(what: str) -> str:
    return f"CASE WHEN i % 3 = 0 THEN {what} END"


def _case(d: Words, cases: int) -> Columns:
    age = _born(cases)
    is_open = f"({age} < 30 AND i % 5 < 2)"
    return {
        **_frame(d, "500", age),
        "deleted_at": f"CASE WHEN i % 97 = 0 THEN {d.ago('1')} END",
        "is_deleted": "i % 97 = 0",
        "case_number": d.id("", "i"),
        "subject": "'It does not work, number ' || i",
        "description": f"'{_WORDS}'",
        "status": f"CASE WHEN {is_open} THEN 'Working' ELSE 'Closed' END",
        "priority": "CASE i % 4 WHEN 0 THEN 'High' WHEN 1 THEN 'Low' ELSE 'Medium' END",
        "origin": "'Web'",
        "owner_id": _some(d, "005", AGENTS),
        "account_id": _some(d, "001", ACCOUNTS),
        "entitlement_id": _covered(_some(d, "550", CONTRACTS)),
        "service_contract_id": _covered(_some(d, "810", CONTRACTS)),
        "is_closed": f"NOT {is_open}",
        "is_escalated": "i % 50 = 0",
        "is_stopped": "false",
        "closed_date": f"CASE WHEN NOT {is_open} THEN {d.ago(f'{age} - (i % 97) / 12.0')} END",
    }


def _comment(d: Words, cases: int) -> Columns:
    case = f"i * {max(cases // COMMENTS, 1)}"
    return {
        **_frame(d, "00a", f"{_born(cases, case)} - (i % 31) / 24.0"),
        "parent_id": d.id("500", case),
        "created_by_id": _some(d, "005", AGENTS),
        "is_published": "i % 2 = 0",
        "comment_body": f"'{_WORDS}'",
    }


def _milestone(d: Words, cases: int) -> Columns:
    case = f"i * {max(cases // MILESTONES, 1)}"
    born = _born(cases, case)
    return {
        **_frame(d, "555", born),
        "case_id": d.id("500", case),
        "milestone_type_id": d.id("557", "1 + i % 2"),
        "start_date": d.ago(born),
        "target_date": d.ago(f"{born} - (1 + i % 2 * 47) / 24.0"),
        "completion_date": f"CASE WHEN {born} > 30 THEN {d.ago(f'{born} - (i % 7) / 12.0')} END",
        "is_completed": f"{born} > 30",
        "target_response_in_mins": "60 + i % 2 * 2820",
        "actual_elapsed_time_in_mins": "i % 500",
    }


def _term(d: Words) -> Columns:
    return {"start_date": d.day("i % 500 - 600"), "end_date": d.day("i % 500 - 235")}


def _contract(d: Words) -> Columns:
    return {
        **_named(d, "810", "Contract"),
        **_term(d),
        "contract_number": d.id("", "i"),
        "account_id": d.id("001", "i"),
        "owner_id": _some(d, "005", AGENTS),
        "grand_total": "i % 1000 + 0.5",
    }


def _line(d: Words) -> Columns:
    return {
        **_frame(d, "811", "i % 700"),
        "service_contract_id": _some(d, "810", CONTRACTS),
        "total_price": "i % 300 + 0.25",
    }


def _right(d: Words) -> Columns:
    return {
        **_named(d, "550", "Entitlement"),
        **_term(d),
        "account_id": d.id("001", "i"),
        "is_per_incident": "i % 5 = 0",
        "remaining_cases": "i % 20",
    }


def _order(d: Words, cases: int) -> Columns:
    return {
        **_frame(d, "0WO", "i % 700"),
        "owner_id": _some(d, "005", AGENTS),
        "account_id": d.id("001", "i"),
        "case_id": _some(d, "500", cases),
        "service_contract_id": _some(d, "810", CONTRACTS),
        "service_territory_id": _some(d, "0Hh", TERRITORIES),
        "status": "'New'",
        "is_closed": "i % 3 > 0",
        "end_date": d.ago("i % 700 - 30"),
    }


def _article(d: Words) -> Columns:
    return {
        **_frame(d, "ka0", "i % 700"),
        "article_number": d.id("", "i"),
        "title": "'Article ' || i",
        "owner_id": _some(d, "005", AGENTS),
        "publish_status": "CASE i % 10 WHEN 0 THEN 'Draft' ELSE 'Online' END",
        "last_published_date": d.ago("i % 700"),
        "article_case_attach_count": "i % 40",
    }


def _history(d: Words, cases: int) -> Columns:
    """Some cases were opened again; half of all were seen to close, which is most of history."""
    is_opening, closed = f"i <= {cases // 100}", f"CAST({d.ago('91 + i % 9')} AS text)"

    def either(opening: str, closing: str) -> str:
        return f"CASE WHEN {is_opening} THEN {opening} ELSE {closing} END"

    return {
        "id": "i",
        "sobject": "'Case'",
        "record_id": d.id("500", either(f"1 + (i * 37) % {cases}", f"1 + i % {cases}")),
        "field": "CASE WHEN i % 2 = 0 THEN 'is_closed' ELSE 'closed_date' END",
        "old_value": either(
            f"CASE WHEN i % 2 = 0 THEN 'true' ELSE {closed} END",
            "CASE WHEN i % 2 = 0 THEN 'false' END",
        ),
        "new_value": either(
            "CASE WHEN i % 2 = 0 THEN 'false' END",
            f"CASE WHEN i % 2 = 0 THEN 'true' ELSE {closed} END",
        ),
        "changed_at": d.ago(either("i % 90", "i % 365")),
    }
