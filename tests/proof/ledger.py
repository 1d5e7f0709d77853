"""What outbox and journal have to agree on when all commands are finished: each effect, once."""

import re
from collections import defaultdict
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from models.outbox import Attempt, OutboxEntry
from pipelines.retry import MOST_FAILURES
from tests.proof.orders import Form, Order

Entry = dict[str, Any]
"""An entry of the org's journal."""

_WORD = re.compile(r"n(\d+)")
_OPS = {"create": {"create"}, "update": {"update"}, "upsert": {"create", "update"}}


@dataclass(frozen=True, kw_only=True)
class Ledger:
    """Orders, what the outbox tells of them, and what the org wrote down of their effects."""

    orders: Sequence[Order]
    entries: Mapping[str, OutboxEntry]
    attempts: Mapping[str, Sequence[Attempt]]
    journal: Sequence[Entry]
    touched: Collection[str]
    """Records that somebody else changed meanwhile, in fields that no order is about."""

    def differences(self) -> list[str]:
        """Name, a line each, whatever is not as it should be."""
        found = [line for order in self.orders for line in self._of(order)]
        return [*found, *self._strays(), *self._order()]

    def rows(self) -> dict[tuple[str, str], Form]:
        """Say how each record has to look in the end, by what the org wrote down; None: deleted."""
        last: dict[tuple[str, str], Form] = defaultdict(dict)
        for entry in self.journal:
            key = entry["sobject"], entry["id"]
            last[key] |= {"IsDeleted": True} if entry["op"] == "delete" else entry["fields"]
        return last

    @cached_property
    def effects(self) -> dict[int, list[Entry]]:
        """Give the entries that show each order."""
        found: dict[int, list[Entry]] = defaultdict(list)
        for entry in self.journal:
            for number in self._numbers(entry):
                found[number].append(entry)
        return found

    def _of(self, order: Order) -> Iterator[str]:
        entry = self.entries[order.id]
        said = f"{order.word} ({order.kind} {order.id})"
        if entry.state == "applied":
            yield from (f"{said}: {line}" for line in self._applied(order, entry))
        elif entry.state == "rejected":
            yield from (f"{said}: {line}" for line in self._rejected(order, entry))
        else:
            yield f"{said}: is {entry.state}, {entry.error_code}: {entry.error_message}"
        yield from (f"{said}: {line}" for line in self._told(order, entry))

    def _applied(self, order: Order, entry: OutboxEntry) -> Iterator[str]:
        effects = self.effects[order.number]
        if not effects:
            yield "applied, and the org knows nothing of it"
            return
        first = effects[0]
        if len({repr((one["id"], one["fields"].get("Subject"))) for one in effects}) > 1:
            yield f"shows on several records: {[one['id'] for one in effects]}"
        if len(effects) > 1 and order.form["op"] != "upsert":
            yield f"done {len(effects)} times: entries {[one['seq'] for one in effects]}"
        if first["id"] != entry.result_id:
            yield f"the outbox names {entry.result_id}, the org {first['id']}"
        if first["op"] not in _OPS.get(order.form["op"], {order.form["op"]}):
            yield f"the org did a {first['op']}"
        wanted = self._resolved(order.form["fields"])
        missing = {name for name, value in wanted.items() if first["fields"].get(name) != value}
        if missing:
            yield f"the org was not told {sorted(missing)}"
        yield from self._after_parents(order, first)

    def _after_parents(self, order: Order, first: Entry) -> Iterator[str]:
        numbers = {one.id: one.number for one in self.orders}
        for parent in _parents(order.form):
            before = self.effects[numbers[parent]]
            if not before or before[0]["seq"] > first["seq"]:
                yield f"done before {parent}, which it waits for"

    def _rejected(self, order: Order, entry: OutboxEntry) -> Iterator[str]:
        if self.effects[order.number]:
            yield f"rejected as {entry.error_code}, and done all the same"
        if entry.error_code not in self._may_meet(order):
            yield f"rejected: {entry.error_code}: {entry.error_message}"

    def _may_meet(self, order: Order) -> set[str]:
        record = order.form.get("record_id")
        codes = set[str]()
        if order.form.get("on_conflict") == "reject" and record in self.touched:
            codes.add("CONFLICT")
        if order.form["op"] == "update" and record in self._deleted:
            codes.add("ENTITY_IS_DELETED")
        return codes

    def _told(self, order: Order, entry: OutboxEntry) -> Iterator[str]:
        """See that the row is at rest, and its attempts tell how it came to that."""
        attempts = self.attempts.get(order.id, ())
        if entry.lease_owner or entry.lease_until or entry.carrier or not entry.finished_at:
            yield "the row is not at rest"
        if [one.number for one in attempts] != list(range(1, entry.attempts + 1)):
            yield f"{entry.attempts} attempts, told are {[one.number for one in attempts]}"
        outcomes = [one.outcome for one in attempts]
        if outcomes and (outcomes[-1] != entry.state or set(outcomes[:-1]) - {"pending"}):
            yield f"the attempts tell {outcomes}"
        if entry.failures >= MOST_FAILURES or (entry.state == "applied" and not outcomes):
            yield f"{entry.failures} failures in {len(outcomes)} attempts"

    def _strays(self) -> Iterator[str]:
        for entry in self.journal:
            if not list(self._numbers(entry)):
                yield f"nobody asked for entry {entry['seq']}: {entry['op']} {entry['id']}"

    def _order(self) -> Iterator[str]:
        """See that each record's commands were done in the order in which they were given."""
        told: dict[str, list[int]] = defaultdict(list)
        for entry in self.journal:
            for number in sorted(self._numbers(entry)):
                if told[entry["id"]][-1:] != [number]:  # an upsert may be repeated at once
                    told[entry["id"]].append(number)
        for record, numbers in told.items():
            if numbers != sorted(numbers):
                yield f"{record} out of order: {numbers}"

    def _numbers(self, entry: Entry) -> Iterator[int]:
        if entry["op"] == "delete":
            if entry["id"] in self._deleted:
                yield self._deleted[entry["id"]]
            return
        found = {_WORD.fullmatch(str(value)) for value in entry["fields"].values()}
        yield from {int(match[1]) for match in found if match}

    @cached_property
    def _deleted(self) -> dict[str, int]:
        return {
            one.form["record_id"]: one.number for one in self.orders if one.form["op"] == "delete"
        }

    def _resolved(self, fields: Form) -> Form:
        return {
            name: self.entries[value["$command"]].result_id if isinstance(value, dict) else value
            for name, value in fields.items()
        }


def _parents(form: Form) -> list[str]:
    named = [value["$command"] for value in form["fields"].values() if isinstance(value, dict)]
    return [*named, *form.get("depends_on", ())]
