"""Contracts: prices of lines, totals of their parents, terms and one-way activation."""

from __future__ import annotations

from datetime import date
from typing import TYPE_CHECKING

from emulator.errors import bad

if TYPE_CHECKING:
    from emulator.changes import Change
    from emulator.engine import Engine
    from emulator.tables import Row

_CODES = {"Draft": "Draft", "In Approval Process": "InApproval", "Activated": "Activated"}


def price(engine: Engine, before: Row | None, values: Row) -> None:
    """Work out a line's prices from quantity, unit price, discount and price book entry."""
    row = (before or {}) | values
    entry_id = row.get("PricebookEntryId")
    entry = entry_id and engine.tables.row(engine.thing("PricebookEntry"), entry_id)
    if entry:
        values["ListPrice"] = entry["UnitPrice"]
        values["Product2Id"] = entry["Product2Id"]
    subtotal = round((row.get("Quantity") or 0) * (row.get("UnitPrice") or 0), 2)
    values["Subtotal"] = subtotal
    values["TotalPrice"] = round(subtotal * (1 - (row.get("Discount") or 0) / 100), 2)


def derive_line(engine: Engine, before: Row | None, values: Row, _stamp: str) -> None:
    price(engine, before, values)


def roll_up(engine: Engine, change: Change, parent: str, key: str) -> None:
    """Renew a parent's totals; roll-ups move no stamp."""
    where = f'"{key}" = ? AND "IsDeleted" = 0'
    lines = engine.tables.rows(change.sobject, where, (change.after[key],))
    owner = engine.tables.row(engine.thing(parent), change.after[key])
    if owner:
        engine.tables.update(engine.thing(parent), owner["Id"], totals(owner, lines))


def totals(owner: Row, lines: list[Row]) -> Row:
    subtotal = round(sum(line["Subtotal"] or 0 for line in lines), 2)
    total = round(sum(line["TotalPrice"] or 0 for line in lines), 2)
    extra = (owner.get("Tax") or 0) + (owner.get("ShippingHandling") or 0)
    return {
        "LineItemCount": len(lines),
        "Subtotal": subtotal,
        "TotalPrice": total,
        "GrandTotal": round(total + extra, 2),
        "Discount": round(100 * (1 - total / subtotal), 2) if subtotal else 0.0,
    }


def roll_up_lines(engine: Engine, change: Change) -> None:
    roll_up(engine, change, "ServiceContract", "ServiceContractId")


def derive_contract(_engine: Engine, before: Row | None, values: Row, stamp: str) -> None:
    row = (before or {}) | values
    status, was = row.get("Status"), (before or {}).get("Status")
    if (before is None and status == "Activated") or (was == "Activated" and status != was):
        raise bad(
            "INVALID_STATUS", "Choose a valid contract status and save your changes.", "Status"
        )
    values["StatusCode"] = _CODES.get(str(status), "Draft")
    if status == "Activated" and was != status:
        values.setdefault("ActivatedDate", stamp)
    if row.get("StartDate") and row.get("ContractTerm"):
        values["EndDate"] = months_after(row["StartDate"], row["ContractTerm"])


def months_after(start: str, months: int) -> str:
    """Return the last day of a term of whole months."""
    first = date.fromisoformat(start)
    month = first.month - 1 + months
    year, month = first.year + month // 12, month % 12 + 1
    # The 31st of a start month may not exist in the end month: a term ends a day early either way.
    for day in range(first.day, first.day - 4, -1):
        try:
            reached = date(year, month, day)
        except ValueError:
            continue
        return date.fromordinal(reached.toordinal() - 1).isoformat()
    raise ValueError(f"no day {first.day} near {year}-{month}")


def check_asset(_engine: Engine, before: Row | None, values: Row, _stamp: str) -> None:
    row = (before or {}) | values
    if not row.get("AccountId") and not row.get("ContactId"):
        raise bad(
            "FIELD_INTEGRITY_EXCEPTION",
            "Every asset needs an account, a contact, or both.",
            "AccountId",
        )
