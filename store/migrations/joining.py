"""A table that joins the catalogue: made, or taken over where the settings had had it pulled."""

from datetime import UTC, datetime
from typing import Any

import sqlalchemy as sa
from alembic import op

from models.columns import UtcDateTime

_backfills = sa.table(
    "scsync_backfills",
    sa.column("sobject", sa.String),
    sa.column("reason", sa.Text),
    sa.column("state", sa.String),
    sa.column("planned_at", UtcDateTime()),
)
_slices = sa.table("scsync_slices", sa.column("sobject", sa.String))
_fields = sa.table(
    "scsync_fields",
    sa.column("sobject", sa.String),
    sa.column("column_name", sa.String),
    sa.column("added", sa.Boolean),
)


def join(sobject: str, table: str, *columns: sa.Column[Any]) -> bool:
    """Make the table of an sObject; tell whether one was there, which is kept and read anew.

    Whoever named the sObject in `SCSYNC_OBJECTS` has one, with the columns that its describe
    showed: those that it lacks are added, and the rest is the catalogue's from now on.
    """
    inspector = sa.inspect(op.get_bind())
    if not inspector.has_table(table):
        op.create_table(table, *columns, sa.PrimaryKeyConstraint("id"))
        return False
    there = {column["name"] for column in inspector.get_columns(table)}
    for column in columns:
        if column.name not in there:
            op.add_column(table, column)
    names = [column.name for column in columns]
    op.execute(
        sa.update(_fields)
        .where(_fields.c.sobject == sobject, _fields.c.column_name.in_(names))
        .values(added=False)
    )
    for plans in (_slices, _backfills):
        op.execute(sa.delete(plans).where(plans.c.sobject == sobject))
    reason = "it has columns of its own now"
    planned = {"state": "planned", "planned_at": datetime.now(UTC)}
    op.execute(sa.insert(_backfills).values(sobject=sobject, reason=reason, **planned))
    return True
