"""By what road a write comes to the org, and what its headers ask of the rules there."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from emulator.exchange import Request

RULES_RUN, NO_RULES = "TRUE", "FALSE"
_TRANSPORTS = {
    "actions": "action",
    "collections": "collection",
    "knowledge": "action",
    "sobjects": "single",
}
_ALLOW_SAVE = re.compile(r"\ballowSave\s*=\s*true\b", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Errand:
    """What the org knows of whoever writes.

    `transport` is single, collection, composite (a row inside one), ui, action, the Id of an
    ingest job, or org for its own people. `assign` is TRUE, FALSE or the Id of an assignment
    rule. `flight` numbers the HTTP request.
    """

    transport: str = "org"
    flight: int = 0
    assign: str = NO_RULES
    allow_save: bool = False

    @property
    def is_from_outside(self) -> bool:
        return self.flight > 0


OWN = Errand()


def errand_of(request: Request, route: str) -> Errand:
    """Read the headers of a request; without `Sforce-Auto-Assign` the active rules run.

    The UI API has words of its own for what it may do, on its page "Create a Record"; the headers
    are named on REST's pages only, so that nobody may rely on them there.
    """
    kind = route.partition(".")[0]
    transport = _TRANSPORTS.get(kind, kind)
    if kind == "ui":
        return Errand(
            transport=transport,
            flight=request.flight,
            assign=RULES_RUN if request.says("useDefaultRule") else NO_RULES,
            allow_save=request.says("allowSaveOnDuplicate"),
        )
    return Errand(
        transport=request.within if request.within and transport == "single" else transport,
        flight=request.flight,
        assign=_word(request.headers.get("sforce-auto-assign", RULES_RUN)),
        allow_save=_allows_save(request),
    )


def _allows_save(request: Request) -> bool:
    header = request.headers.get("sforce-duplicate-rule-header", "")
    return _ALLOW_SAVE.search(header) is not None


def _word(header: str) -> str:
    """Read TRUE and FALSE in any case, an Id as it stands."""
    word = header.strip()
    return word.upper() if word.upper() in {RULES_RUN, NO_RULES} else word
