"""What follows from a write, object by object: derived fields before it, other rows after it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from emulator.behaviour import case, contract, knowledge, work_order

if TYPE_CHECKING:
    from collections.abc import Callable

    from emulator.changes import Change
    from emulator.engine import Engine
    from emulator.tables import Row

BEFORE: dict[str, Callable[[Engine, Row | None, Row, str], None]] = {
    "Asset": contract.check_asset,
    "Case": case.derive,
    "CaseMilestone": case.derive_milestone,
    "Contract": contract.derive_contract,
    "ContractLineItem": contract.derive_line,
    "Knowledge__kav": knowledge.derive,
    "WorkOrder": work_order.derive,
    "WorkOrderLineItem": work_order.derive_line,
}
AFTER: dict[str, Callable[[Engine, Change], None]] = {
    "Case": case.follow,
    "Contact": case.follow_contact,
    "ContractLineItem": contract.roll_up_lines,
    "WorkOrderLineItem": work_order.roll_up_lines,
}
