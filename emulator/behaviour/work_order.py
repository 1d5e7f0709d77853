"""Work orders: status categories, durations in minutes, totals from lines."""

from __future__ import annotations

from typing import TYPE_CHECKING

from emulator.behaviour.contract import price, roll_up
from emulator.schema.work_order import STATUS_CATEGORIES

if TYPE_CHECKING:
    from emulator.changes import Change
    from emulator.engine import Engine
    from emulator.tables import Row

_CLOSING = frozenset({"Closed", "Completed", "CannotComplete", "Canceled"})
_MINUTES = {"Hours": 60, "Minutes": 1}


def derive(_engine: Engine, before: Row | None, values: Row, _stamp: str) -> None:
    row = (before or {}) | values
    category = STATUS_CATEGORIES.get(row.get("Status") or "", "None")
    values["StatusCategory"] = category
    values["IsClosed"] = int(category in _CLOSING)
    duration = row.get("Duration")
    unit = _MINUTES.get(row.get("DurationType") or "", 0)
    values["DurationInMinutes"] = duration * unit if duration is not None and unit else None


def derive_line(engine: Engine, before: Row | None, values: Row, stamp: str) -> None:
    derive(engine, before, values, stamp)
    price(engine, before, values)


def roll_up_lines(engine: Engine, change: Change) -> None:
    roll_up(engine, change, "WorkOrder", "WorkOrderId")
