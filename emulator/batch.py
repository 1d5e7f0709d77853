"""What is done with one row of many, in Collections and in ingest jobs alike."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from emulator.errors import ApiError
from emulator.rows import Result, saved

if TYPE_CHECKING:
    from emulator.org import Org

Record = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Batch:
    """Rows that are written in one go, in which the same row twice is a mistake."""

    org: Org
    user_id: str
    seen: set[str] = field(default_factory=set)

    def create(self, sobject: str, record: Record) -> Result:
        return saved(self.org.create(sobject, _fields(record), user_id=self.user_id))

    def update(self, sobject: str, record: Record) -> Result:
        record_id = _take(record, "Id")
        self._once(record_id[:15], "id")
        self.org.update(sobject, record_id, _fields(record, "Id"), user_id=self.user_id)
        return saved(record_id)

    def upsert(self, sobject: str, record: Record, key: str) -> Result:
        value = _take(record, key)
        self._once(value.lower(), "external id")
        if key.lower() == "id":
            self.org.update(sobject, value, _fields(record, "Id"), user_id=self.user_id)
            return saved(value, created=False)
        if len(self.org.find_by_external_id(sobject, key, value)) > 1:
            message = f"{key}: more than one record found for external id field: {value}"
            raise ApiError(400, "DUPLICATE_EXTERNAL_ID", message, [key])
        fields = _fields(record, key)
        record_id, created = self.org.upsert(sobject, key, value, fields, user_id=self.user_id)
        return saved(record_id, created=created)

    def delete(self, sobject: str, record: Record, *, hard: bool = False) -> Result:
        record_id = _take(record, "Id")
        self._once(record_id[:15], "id")
        act = self.org.hard_delete if hard else self.org.delete
        act(sobject, record_id, user_id=self.user_id)
        return saved(record_id)

    def _once(self, value: str, what: str) -> None:
        if value in self.seen:
            raise ApiError(400, "DUPLICATE_VALUE", f"Duplicate {what} specified: {value}")
        self.seen.add(value)


def _fields(record: Record, *without: str) -> Record:
    left_out = {"attributes", *(name.lower() for name in without)}
    return {name: value for name, value in record.items() if name.lower() not in left_out}


def _take(record: Record, name: str) -> str:
    value = next((value for key, value in record.items() if key.lower() == name.lower()), None)
    if value is None or value == "":
        raise ApiError(400, "MISSING_ARGUMENT", f"{name} not specified", [name])
    return str(value)
