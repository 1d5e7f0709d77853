"""Row locks: who writes a row holds it and its parents until the answer is sent.

Salesforce locks the parents of a row that is written, waits some ten seconds for a lock and then
refuses the row with UNABLE_TO_LOCK_ROW (fact sheet 2.6, 6.1). Here nobody waits: whoever comes
second is refused at once.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec

from emulator.errors import locked

if TYPE_CHECKING:
    from emulator.changes import Change

PARENTS = {
    "Asset": ("AccountId",),
    "Case": ("AccountId",),
    "CaseComment": ("ParentId",),
    "CaseMilestone": ("CaseId",),
    "Contact": ("AccountId",),
    "Contract": ("AccountId",),
    "ContractLineItem": ("ServiceContractId",),
    "Entitlement": ("AccountId",),
    "ServiceContract": ("AccountId",),
    "WorkOrder": ("AccountId",),
    "WorkOrderLineItem": ("WorkOrderId",),
}


class Contention(msgspec.Struct, forbid_unknown_fields=True, kw_only=True):
    """Whether writers meet each other, and how long a transaction takes."""

    parents: bool = False
    """Whether a written row and its parents are locked until the answer is sent."""
    hold: float = 0
    """Seconds by which a request that holds locks is answered later."""


class Locks:
    """The rows held, each by the request that wrote it or a child of it."""

    def __init__(self) -> None:
        self.manners = Contention()
        self._held: dict[str, int] = {}

    def behave(self, changes: dict[str, Any]) -> None:
        self.manners = msgspec.convert(msgspec.to_builtins(self.manners) | changes, Contention)

    def take(self, change: Change, flight: int) -> None:
        """Lock what a write touches, or refuse it because another request holds some of it."""
        if not self.manners.parents or not flight:
            return
        wanted = _touched(change)
        for id_ in wanted:
            if self._held.get(id_, flight) != flight:
                raise locked(id_)
        self._held.update(dict.fromkeys(wanted, flight))

    def let_go(self, flight: int) -> None:
        self._held = {id_: holder for id_, holder in self._held.items() if holder != flight}

    def lingering(self, flight: int) -> float:
        """Tell by how many seconds a request is answered later for the locks it holds."""
        holds = self.manners.hold > 0 and flight in self._held.values()
        return self.manners.hold if holds else 0.0


def _touched(change: Change) -> list[str]:
    """Return the row and its parents, those of before and those of after."""
    names = PARENTS.get(change.sobject.name, ())
    versions = (change.before or {}, change.after)
    parents = {version[name] for version in versions for name in names if version.get(name)}
    return [change.id, *sorted(parents)]
