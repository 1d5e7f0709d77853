"""A report's table for people: names lead to their records, and Ids stand last."""

from collections.abc import Mapping
from typing import Any

from store.reports import Column, Report

_CALLED = ("case_number", "work_order_number", "contract_number", "article_number", "name")
"""Columns by which people call the record that a row is."""
_NAMED = {"case_number": "case_id", "agent": "user_id", "milestone": "milestone_type_id"}
"""Whose name a column is, where it is not called like its Id: `owner` is that of `owner_id`."""
_RECORDS = {
    "account_id": "Account",
    "case_id": "Case",
    "contract_id": "ServiceContract",
    "entitlement_id": "Entitlement",
    "milestone_type_id": "MilestoneType",
    "territory_id": "ServiceTerritory",
    "user_id": "User",
}
_KEYS = {
    "001": "Account",
    "005": "User",
    "00G": "Group",
    "0Hh": "ServiceTerritory",
    "810": "ServiceContract",
}
"""What an Id names that may be of several objects, by its first three characters."""


class Cells:
    """Which columns of a report stand where, and what each of its values leads to."""

    def __init__(self, report: Report) -> None:
        self._report = report
        self._names = {one.name for one in report.columns}
        self.columns: tuple[Column, ...] = tuple(
            sorted(report.columns, key=lambda one: self.is_id(one.name))
        )
        called = (one.name for one in self.columns if one.name in _CALLED)
        self.head = next(called, None) if "id" in self._names else None
        """The column by which a row is called."""

    @staticmethod
    def is_id(name: str) -> bool:
        return name == "id" or name.endswith("_id")

    def record(self, name: str, row: Mapping[str, Any]) -> str | None:
        """Give the address of the record that a value names, or is the Id of."""
        mine = name if self.is_id(name) else self._id_of(name)
        record_id = row[mine] if mine else None
        if not mine or not record_id or row[name] is None:
            return None
        if name != mine and row[name] == record_id:
            return None  # a name that the store does not know
        own = self._report.sources[0] if mine == "id" else None
        sobject = own or _RECORDS.get(mine) or _KEYS.get(str(record_id)[:3])
        return f"/records/{sobject}/{record_id}" if sobject else None

    def _id_of(self, name: str) -> str | None:
        """Find the column that holds the Id of what a column names."""
        mine = _NAMED.get(name, f"{name}_id")
        if mine in self._names:
            return mine
        return "id" if name in _CALLED and "id" in self._names else None
