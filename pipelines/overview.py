"""Overview: how fresh and how complete the store is, and where the commands stand."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime

from models.linked_account import LinkedAccount
from models.run import Run
from models.sobject import SObject
from models.watermark import Watermark
from store import accounts, outbox, records, runs, watermarks
from store.engine import Store


@dataclass(frozen=True)
class ObjectStatus:
    """One sObject: rows, how far it is read and verified, how its last run ended."""

    sobject: str
    rows: int
    tombstones: int
    watermark: datetime | None
    verified_through: datetime | None
    fresh_as_of: datetime | None
    last_outcome: str | None
    last_error: str | None
    skipped: str | None
    missing_fields: int


@dataclass(frozen=True)
class Overview:
    """Everything `scsync status` shows."""

    account: LinkedAccount | None
    objects: tuple[ObjectStatus, ...]
    commands: dict[str, int]
    at: datetime


def overview(
    models: Sequence[type[SObject]], *, store: Store, clock: Callable[[], datetime], account: str
) -> Overview:
    """Read it all in one transaction, so that the figures fit together."""
    with store.read() as tx:
        marks = watermarks.every(tx)
        latest = runs.latest(tx, [model.sobject for model in models])
        return Overview(
            account=accounts.get(tx, account),
            objects=tuple(
                _object(
                    model,
                    records.count(tx, model),
                    marks.get(model.sobject) or Watermark(sobject=model.sobject),
                    latest.get(model.sobject),
                )
                for model in models
            ),
            commands=outbox.counts(tx),
            at=clock(),
        )


def _object(
    model: type[SObject], rows: tuple[int, int], mark: Watermark, run: Run | None
) -> ObjectStatus:
    return ObjectStatus(
        sobject=model.sobject,
        rows=rows[0],
        tombstones=rows[1],
        watermark=mark.since,
        verified_through=mark.verified_through,
        fresh_as_of=mark.finished_at,
        last_outcome=(run.outcome or "running") if run else None,
        last_error=run.error_message if run else None,
        skipped=mark.skipped,
        missing_fields=len(mark.missing_fields or ()),
    )
