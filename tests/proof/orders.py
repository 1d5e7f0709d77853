"""Random commands over some records, each bearing its number: the org's journal tells whose is what.

A command writes `n17` into every field it touches. Few records get many commands, most get few.
"""

import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

Form = dict[str, Any]

_TEXTS = ("Description", "SuppliedName", "SuppliedCompany", "SuppliedPhone")
_BODY = ("CommentBody",)
_LONGEST_RUN = 6
_KINDS = {
    "update": 30,
    "folded": 18,
    "guarded": 8,
    "create": 12,
    "dependant": 10,
    "comment": 5,
    "work order": 4,
    "upsert": 6,
    "delete": 4,
}
GUARDS = ("reject", "merge", "overwrite")


@dataclass(frozen=True)
class Order:
    """A command, and what is known of it beforehand."""

    number: int
    kind: str
    form: Form

    @property
    def id(self) -> str:
        return str(self.form["id"])

    @property
    def word(self) -> str:
        """What it writes."""
        return f"n{self.number}"


@dataclass
class Orders:
    """Makes them up, always the same for a seed; `cases` are there already."""

    dice: random.Random
    cases: Sequence[str]
    known: list[Order] = field(default_factory=list)
    gone: set[str] = field(default_factory=set)
    """Cases whose deletion has been ordered; what comes after it is to be refused."""
    _places: dict[str, int] = field(init=False)
    _created: list[str] = field(default_factory=list)
    _keys: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self._places = {record: place for place, record in enumerate(self.cases)}

    def wave(self, number: int) -> list[Order]:
        """Give the next so many, or a few more."""
        start = len(self.known)
        while len(self.known) < start + number:
            (kind,) = self.dice.choices(list(_KINDS), list(_KINDS.values()))
            for form in getattr(self, f"_{kind.replace(' ', '_')}")():
                self._take(kind, form)
        return self.known[start:]

    def _take(self, kind: str, form: Form) -> None:
        number = len(self.known)
        form = {"id": str(UUID(int=self.dice.getrandbits(128), version=4)), **form}
        names = form.pop("writes", ())
        form["fields"] = {**form.get("fields", {}), **dict.fromkeys(names, f"n{number}")}
        if self.dice.random() < 0.1:
            form["priority"] = self.dice.randrange(1, 6)
        if self.dice.random() < 0.02:
            later = datetime.now(UTC) + timedelta(seconds=self.dice.uniform(0.5, 3))
            form["not_before"] = later.isoformat()
        if kind == "create":
            self._created.append(form["id"])
        self.known.append(Order(number, kind, form))

    def _update(self) -> Iterator[Form]:
        yield {**self._on(self._some_case()), "writes": ["Subject", self.dice.choice(_TEXTS)]}

    def _folded(self) -> Iterator[Form]:
        """Order a run of updates of one record, most of which may travel together."""
        record = self._some_case()
        for _ in range(self.dice.randint(2, _LONGEST_RUN)):
            yield {**self._on(record), "writes": self.dice.sample(_TEXTS, self.dice.randint(1, 2))}

    def _guarded(self) -> Iterator[Form]:
        record = self._some_case(lasting=True)
        guard = self.dice.choice(GUARDS)
        yield {**self._on(record), "on_conflict": guard, "writes": ["Subject"]}

    def _create(self) -> Iterator[Form]:
        yield {"op": "create", "sobject": "Case", "writes": ["Subject"]}

    def _dependant(self) -> Iterator[Form]:
        """Order a comment on a case that another command makes."""
        if not self._created:
            return
        parent = {"ParentId": {"$command": self.dice.choice(self._created[-50:])}}
        yield {"op": "create", "sobject": "CaseComment", "fields": parent, "writes": _BODY}

    def _comment(self) -> Iterator[Form]:
        parent = {"ParentId": self._some_case(lasting=True)}
        yield {"op": "create", "sobject": "CaseComment", "fields": parent, "writes": _BODY}

    def _work_order(self) -> Iterator[Form]:
        yield {"op": "create", "sobject": "WorkOrder", "writes": ["Subject"]}

    def _upsert(self) -> Iterator[Form]:
        """Order an upsert by a new key, by a known one, or by that of a case yet to be made."""
        form: Form = {"op": "upsert", "sobject": "Case", "external_id_field": "Sync_Key__c"}
        form["writes"] = ["Subject"]
        if self._created and self.dice.random() < 0.4:
            made = self.dice.choice(self._created[-50:])
            yield {**form, "external_id": made, "depends_on": [made]}
            return
        if not self._keys or self.dice.random() < 0.5:
            self._keys.append(f"key-{self.dice.getrandbits(64):x}")
        yield {**form, "external_id": self.dice.choice(self._keys)}

    def _delete(self) -> Iterator[Form]:
        """Order a deletion, and now and then something that comes too late."""
        record = self._some_case()
        if self._lasts(record):
            return
        self.gone.add(record)
        yield {"op": "delete", "sobject": "Case", "record_id": record}
        if self.dice.random() < 0.3:
            yield {**self._on(record), "writes": ["Subject"]}

    def _on(self, record: str) -> Form:
        return {"op": "update", "sobject": "Case", "record_id": record}

    def _some_case(self, *, lasting: bool = False) -> str:
        while True:
            record = self.cases[int(len(self.cases) * self.dice.random() ** 3)]
            if record not in self.gone and (not lasting or self._lasts(record)):
                return record

    def _lasts(self, record: str) -> bool:
        """Tell whether a case is one of those that are never deleted: every other one."""
        return self._places[record] % 2 == 0
