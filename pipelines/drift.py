"""Drift: what an administrator changed in an object's fields, and what becomes of our columns."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from datetime import datetime

import structlog
from sqlalchemy import Connection

from models.columns import Kind
from models.dynamic import is_dynamic
from models.field_state import FieldState, FieldStatus
from models.finding import FindingKind
from models.naming import free_column
from models.sobject import SObject
from pipelines.plan import Plan, fits, is_computed, kind_of, wanted_names
from salesforce.describe import Describe, FieldDescribe
from store import backfills, fields, findings, watermarks
from store.engine import Store

NEVER_SHOWN = "this org has never shown it"
LEFT_OUT = "left out by the settings"
LOST = "removed from the org, renamed, or hidden from this user, which a describe does not tell"

log = structlog.get_logger()


@dataclass(frozen=True)
class Drift:
    """How an object's fields differ from what is remembered of them."""

    changed: list[FieldState] = field(default_factory=list)
    """What is to be remembered from now on."""
    added: list[FieldState] = field(default_factory=list)
    """Those of them that need a column."""
    returned: list[str] = field(default_factory=list)
    """Fields of ours that are shown, or of a fitting type, again."""
    troubled: dict[str, str] = field(default_factory=dict)
    """What to say of columns that are no longer filled, by API name."""

    @property
    def wanting(self) -> list[str]:
        """Fields whose values old rows lack."""
        return [*(state.api_name for state in self.added), *self.returned]


def compare(
    model: type[SObject],
    describe: Describe,
    known: Collection[FieldState],
    *,
    stamp: str,
    chosen: Collection[str] | None,
    missing: Collection[str],
    now: datetime,
) -> Drift:
    """Compare the org's fields with those remembered; `missing` is what the last pull lacked."""
    comparison = _Comparison(
        model=model,
        describe=describe,
        known=known,
        stamp=stamp,
        chosen=chosen,
        missing=missing,
        now=now,
    )
    return comparison.drift()


class _Comparison:
    def __init__(
        self,
        *,
        model: type[SObject],
        describe: Describe,
        known: Collection[FieldState],
        stamp: str,
        chosen: Collection[str] | None,
        missing: Collection[str],
        now: datetime,
    ) -> None:
        self._model = model
        self._described = {one.name: one for one in describe.fields}
        self._known = {state.api_name: state for state in known}
        self._wanted = wanted_names(model, describe.fields, chosen) - {stamp}
        self._stamp = stamp
        self._missing = missing
        self._now = now
        self._found = Drift()

    def drift(self) -> Drift:
        for ours in self._model.fields():
            if ours.api_name == "SystemModstamp" != self._stamp:
                continue
            if ours.api_name == self._stamp and ours.column != "system_modstamp":
                continue
            before = self._known.get(ours.api_name)
            self._look(before, ours.api_name, ours.column, ours.kind, added=False)
        taken = {column.name for column in self._model.table().columns}
        taken |= {state.column_name for state in self._known.values()}
        for name, state in self._known.items():
            if state.added:
                self._look(state, name, state.column_name, Kind(state.kind), added=True)
        for name in sorted(self._wanted - self._known.keys()):
            column = free_column(name, taken)
            taken.add(column)
            self._add(self._described[name], column)
        return self._found

    def _add(self, shown: FieldDescribe, column: str) -> None:
        state = self._state(shown.name, column, kind_of(shown.type), shown, added=True)
        self._found.changed.append(state)
        self._found.added.append(state)

    def _look(
        self, before: FieldState | None, name: str, column: str, kind: Kind, *, added: bool
    ) -> None:
        after = self._state(name, column, kind, self._described.get(name), added=added)
        if after.status != FieldStatus.ACTIVE:
            self._explain(before, after)
        if before and _same(before, after):
            return
        self._found.changed.append(after)
        was_active = before.status == FieldStatus.ACTIVE if before else name not in self._missing
        if after.status == FieldStatus.ACTIVE and not was_active:
            self._found.returned.append(name)

    def _state(
        self, name: str, column: str, kind: Kind, shown: FieldDescribe | None, *, added: bool
    ) -> FieldState:
        return FieldState(
            sobject=self._model.sobject,
            api_name=name,
            column_name=column,
            kind=str(kind),
            org_type=shown.type if shown else None,
            computed=bool(shown and is_computed(self._model, shown)),
            added=added,
            status=self._status(name, kind, shown, added=added),
            since=self._now,
        )

    def _status(
        self, name: str, kind: Kind, shown: FieldDescribe | None, *, added: bool
    ) -> FieldStatus:
        if shown is None or (added and name not in self._wanted):
            return FieldStatus.FROZEN
        return FieldStatus.ACTIVE if fits(kind, shown.type) else FieldStatus.OVERFLOW

    def _explain(self, before: FieldState | None, after: FieldState) -> None:
        """Say why a column is not filled; what this org never had is no news to anybody."""
        place = f"the column {after.column_name} keeps what it holds"
        if after.status == FieldStatus.OVERFLOW:
            was = before.org_type if before and before.status == FieldStatus.ACTIVE else None
            was = was or _retyped_from(before) or after.kind
            after.reason = f"was {was}, is now {after.org_type}: new values go to extra"
            self._found.troubled[after.api_name] = f"{after.reason}; {place}"
        elif after.org_type is not None:
            after.reason = LEFT_OUT
        elif before is None or before.reason == NEVER_SHOWN:
            after.reason = NEVER_SHOWN
        else:
            after.reason = LOST
            self._found.troubled[after.api_name] = f"{LOST}; {place}"


def _retyped_from(before: FieldState | None) -> str | None:
    """Keep telling the type that a field had before it changed, however long ago."""
    if before is None or before.status != FieldStatus.OVERFLOW or not before.reason:
        return None
    return before.reason.removeprefix("was ").partition(",")[0]


def _same(before: FieldState, after: FieldState) -> bool:
    return before.model_dump(exclude={"since"}) == after.model_dump(exclude={"since"})


def adopt(
    store: Store,
    plan: Plan,
    describe: Describe,
    *,
    chosen: Collection[str] | None,
    now: datetime,
) -> None:
    """Bring the store's columns up to a describe; belongs to whoever holds the watermark's lease.

    Columns first, in a transaction of their own: a table that is in use may make them wait, and
    what is not remembered yet is added again, harmlessly.
    """
    model = plan.model
    with store.read() as tx:
        known, mark = fields.known(tx, model.sobject), watermarks.read(tx, model.sobject)
    found = compare(
        model,
        describe,
        known,
        stamp=plan.stamp,
        chosen=chosen,
        missing=mark.missing_fields or (),
        now=now,
    )
    columns = [(state.column_name, Kind(state.kind)) for state in found.added]
    if columns or is_dynamic(model):
        with store.begin() as tx:
            fields.create_table(tx, model)
            fields.add_columns(tx, model, columns)
    with store.begin() as tx:
        _remember(tx, plan, found, now=now)


def _remember(tx: Connection, plan: Plan, found: Drift, *, now: datetime) -> None:
    sobject = plan.model.sobject
    fields.keep(tx, found.changed)
    for name, message in found.troubled.items():
        findings.raise_(tx, sobject, FindingKind.FIELD_FROZEN, message, now=now, subject=name)
    findings.clear(tx, sobject, FindingKind.FIELD_FROZEN, now=now, keep=list(found.troubled))
    _forget_misfits(tx, plan, now=now)
    if found.wanting:
        _backfill(tx, sobject, found.wanting, now=now)
    if found.added or found.returned:
        added = [state.api_name for state in found.added]
        log.info("fields.changed", object=sobject, added=added, returned=found.returned)


def _backfill(tx: Connection, sobject: str, names: list[str], *, now: datetime) -> None:
    """Have old rows read again for fields that they lack; without any there is nothing to do."""
    mark = watermarks.read(tx, sobject)
    if mark.since or mark.until or sobject in backfills.unfinished(tx):
        backfills.plan(tx, sobject, f"new fields: {', '.join(names)}", now=now)


def _forget_misfits(tx: Connection, plan: Plan, *, now: datetime) -> None:
    """Let go of findings on values that fit by now."""
    sobject, kind = plan.model.sobject, FindingKind.VALUE_MISFIT
    if not plan.keeps_extra:
        return
    told = [one.subject for one in findings.every(tx) if (one.sobject, one.kind) == (sobject, kind)]
    findings.clear(tx, sobject, kind, now=now, keep=fields.holding(tx, plan.model, told))


def report_misfits(
    tx: Connection, sobject: str, misfits: Mapping[str, int], *, now: datetime
) -> None:
    """Say which values went to `extra`, in the transaction that put them there."""
    for name, number in misfits.items():
        values = "1 value does" if number == 1 else f"{number} values do"
        message = f"{values} not fit the column and went to extra (counted in one page)"
        findings.raise_(tx, sobject, FindingKind.VALUE_MISFIT, message, now=now, subject=name)
