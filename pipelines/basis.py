"""Basis: what the store knew of a record when a command on it was accepted."""

from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from typing import Any

from sqlalchemy import select

from models import by_name
from models.command import Command
from store.engine import Store


class NoBasis(Exception):  # noqa: N818 - read at the call site
    """The store has nothing that a conflict could be told by; the message names the remedy."""


@dataclass(frozen=True)
class Row:
    """A row's stamp, and the fields in question as the wire would have them."""

    stamp: datetime
    values: dict[str, Any]


@dataclass(frozen=True)
class Basis:
    """Looks commands' records up in the store."""

    store: Store

    def of(self, command: Command) -> Row:
        """Read a record's row; raises `NoBasis` where it cannot serve."""
        try:
            model = by_name(command.sobject)
        except LookupError:
            raise NoBasis(f"{command.sobject} is not pulled: give expected_modstamp") from None
        table = model.table()
        columns = {one.api_name: table.c[one.column] for one in model.fields()}
        known = {name: columns[name] for name in command.fields if name in columns}
        query = select(table.c.system_modstamp, *known.values()).where(
            table.c.id == command.record_id, table.c.deleted_at.is_(None)
        )
        with self.store.read() as tx:
            row = tx.execute(query).one_or_none()
        if row is None:
            raise NoBasis(
                f"the store has no live {command.sobject} {command.record_id}: pull first, or "
                "give expected_modstamp"
            )
        expected = command.expected_modstamp
        if expected and row[0] != expected:
            raise NoBasis(
                f"expected_modstamp is {expected.isoformat()}, the store has the record as of "
                f"{row[0].isoformat()}: pull first, or leave expected_modstamp out"
            )
        return Row(row[0], dict(zip(known, map(_plain, row[1:]), strict=True)))


def _plain(value: Any) -> Any:
    if isinstance(value, datetime | date):
        return value.isoformat()
    return float(value) if isinstance(value, Decimal) else value
