"""Verify: org and store compared record by record, without trusting any watermark."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from models.columns import SyncField
from models.decoder import record_type
from models.sobject import SObject
from pipelines.describes import Describes
from pipelines.pages import by_ids
from pipelines.plan import PAGE, Plan, plan_for
from pipelines.readback import MOST
from salesforce import soql
from salesforce.client import Client
from salesforce.errors import ProtocolError
from store import records, watermarks
from store.engine import Store

_KEYS = ("Id", "SystemModstamp", "IsDeleted")


@dataclass(frozen=True, kw_only=True)
class Verified:
    """What a comparison of one sObject found; ids by kind of difference."""

    sobject: str
    compared: int
    through: datetime
    missing: list[str] = field(default_factory=list)
    """In the org, not in the store."""
    stale: list[str] = field(default_factory=list)
    """In both, with another stamp or another word on whether it is deleted."""
    surplus: list[str] = field(default_factory=list)
    """Live in the store, unknown to the org."""

    @property
    def differences(self) -> list[str]:
        return [*self.missing, *self.stale, *self.surplus]


@dataclass(frozen=True, kw_only=True)
class Verifier:
    """One account's comparisons."""

    client: Client
    store: Store
    describes: Describes

    def verify(self, model: type[SObject]) -> Verified:
        """Compare every record's id and stamp; raises `Skip` where the org shows none.

        Records that change while we look differ, and are read again before they count.
        """
        plan = plan_for(model, self.describes.get(model.sobject))
        seen, through = self._org(plan)
        with self.store.read() as tx:
            ours = {
                record_id: (stamp, deleted) for record_id, stamp, deleted in records.keys(tx, model)
            }
        missing = [record_id for record_id in seen if record_id not in ours]
        stale = [key for key, value in seen.items() if key in ours and ours[key] != value]
        surplus = [key for key, (_, gone) in ours.items() if not gone and key not in seen]
        result = Verified(
            sobject=model.sobject,
            compared=len(seen),
            through=through,
            missing=missing,
            stale=stale,
            surplus=surplus,
        )
        if not result.differences:
            with self.store.begin() as tx:
                watermarks.verified(tx, model, through)
        return result

    def repair(self, model: type[SObject], found: Verified) -> int:
        """Read again what differs, and bury what the org no longer knows; return rows written."""
        plan = plan_for(model, self.describes.get(model.sobject))
        ids = [*found.missing, *found.stale]
        written = sum(self._read_again(plan, chunk) for chunk in _chunks(ids))
        for chunk in _chunks(found.surplus):
            with self.store.begin() as tx:
                written += records.bury(tx, model, chunk, at=found.through)
        return written

    def _org(self, plan: Plan) -> tuple[dict[str, tuple[datetime, bool]], datetime]:
        fields = tuple(field for field in plan.fields if field.api_name in _KEYS)
        record: type[Any] = record_type(plan.model, fields, exact=True)
        seen: dict[str, tuple[datetime, bool]] = {}
        through: datetime | None = None
        last: str | None = None
        while True:
            page = self.client.query_page(
                _by_id(plan, fields, last), record=record, include_deleted=True
            )
            through = through or page.server_time
            for row in page.records:
                found = (row.system_modstamp.astimezone(UTC), bool(getattr(row, "is_deleted", 0)))
                seen[row.id] = found
            if page.done and len(page.records) < PAGE:
                break
            last = page.records[-1].id
        if through is None:
            raise ProtocolError("the answer bears no Date", code="NO_DATE")
        return seen, through

    def _read_again(self, plan: Plan, ids: list[str]) -> int:
        batch = by_ids(plan, ids, client=self.client, exact=not self.store.is_sqlite)
        with self.store.begin(relaxed=True) as tx:
            return records.upsert(
                tx, plan.model, plan.fields, batch.rows, read_at=batch.server_time
            )


def _by_id(plan: Plan, fields: tuple[SyncField, ...], last: str | None) -> str:
    where = plan.model.where
    if last:
        beyond = soql.gt("Id", last)
        where = soql.and_(where, beyond) if where else beyond
    names = [field.api_name for field in fields]
    return soql.select(names, plan.model.sobject, where=where, order_by=["Id"], limit=PAGE)


def _chunks(ids: list[str]) -> Iterator[list[str]]:
    for start in range(0, len(ids), MOST):
        yield ids[start : start + MOST]
