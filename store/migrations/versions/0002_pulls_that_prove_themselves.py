"""pulls that prove themselves."""

from collections.abc import Sequence

import sqlalchemy as sa
from alembic import op

from models.columns import UtcDateTime

revision: str = "0002"
down_revision: str | None = "0001"
branch_labels: str | Sequence[str] | None = None
depends_on: str | Sequence[str] | None = None


def upgrade() -> None:

    op.create_table(
        "scsync_api_calls",
        sa.Column("hour", UtcDateTime(), nullable=False),
        sa.Column("purpose", sa.String(length=16), nullable=False),
        sa.Column("kind", sa.String(length=16), nullable=False),
        sa.Column("sobject", sa.String(length=80), nullable=False),
        sa.Column("calls", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("hour", "purpose", "kind", "sobject"),
    )
    op.create_table(
        "scsync_api_usage",
        sa.Column("hour", UtcDateTime(), nullable=False),
        sa.Column("at", UtcDateTime(), nullable=False),
        sa.Column("used", sa.BigInteger(), nullable=False),
        sa.Column("allocation", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("hour"),
    )
    op.create_table(
        "scsync_backfills",
        sa.Column("sobject", sa.String(length=80), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("state", sa.String(length=16), nullable=False),
        sa.Column("mode", sa.String(length=16), nullable=True),
        sa.Column("mode_reason", sa.Text(), nullable=True),
        sa.Column("planned_at", UtcDateTime(), nullable=False),
        sa.Column("started_at", UtcDateTime(), nullable=True),
        sa.Column("finished_at", UtcDateTime(), nullable=True),
        sa.Column("total", sa.BigInteger(), nullable=True),
        sa.Column("job_id", sa.String(length=18), nullable=True),
        sa.Column("job_records", sa.BigInteger(), nullable=True),
        sa.Column("job_moved_at", UtcDateTime(), nullable=True),
        sa.Column("jobs", sa.Integer(), server_default=sa.text("0"), nullable=False),
        sa.Column("owner", sa.String(length=80), nullable=True),
        sa.Column("lease_until", UtcDateTime(), nullable=True),
        sa.PrimaryKeyConstraint("sobject"),
    )
    op.create_table(
        "scsync_fields",
        sa.Column("sobject", sa.String(length=80), nullable=False),
        sa.Column("api_name", sa.String(length=80), nullable=False),
        sa.Column("column_name", sa.String(length=80), nullable=False),
        sa.Column("kind", sa.String(length=16), nullable=False),
        sa.Column("org_type", sa.String(length=40), nullable=True),
        sa.Column("computed", sa.Boolean(), server_default=sa.false(), nullable=False),
        sa.Column("added", sa.Boolean(), server_default=sa.false(), nullable=False),
        sa.Column("status", sa.String(length=16), nullable=False),
        sa.Column("reason", sa.Text(), nullable=True),
        sa.Column("since", UtcDateTime(), nullable=False),
        sa.PrimaryKeyConstraint("sobject", "api_name"),
    )
    op.create_table(
        "scsync_findings",
        sa.Column("sobject", sa.String(length=80), nullable=False),
        sa.Column("kind", sa.String(length=24), nullable=False),
        sa.Column("subject", sa.String(length=120), nullable=False),
        sa.Column("message", sa.Text(), nullable=False),
        sa.Column("since", UtcDateTime(), nullable=False),
        sa.Column("seen_at", UtcDateTime(), nullable=False),
        sa.PrimaryKeyConstraint("sobject", "kind", "subject"),
    )
    op.create_table(
        "scsync_slices",
        sa.Column("sobject", sa.String(length=80), nullable=False),
        sa.Column("number", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("locator", sa.Text(), nullable=True),
        sa.Column("after_id", sa.String(length=18), nullable=True),
        sa.Column("until_id", sa.String(length=18), nullable=True),
        sa.Column("position_id", sa.String(length=18), nullable=True),
        sa.Column("owner", sa.String(length=80), nullable=True),
        sa.Column("lease_until", UtcDateTime(), nullable=True),
        sa.Column("done_at", UtcDateTime(), nullable=True),
        sa.Column("rows_read", sa.BigInteger(), server_default=sa.text("0"), nullable=False),
        sa.Column("rows_written", sa.BigInteger(), server_default=sa.text("0"), nullable=False),
        sa.PrimaryKeyConstraint("sobject", "number"),
    )
    op.add_column(
        "scsync_accounts",
        sa.Column(
            "grant_kind",
            sa.String(length=24),
            server_default=sa.text("'refresh_token'"),
            nullable=False,
        ),
    )
    op.add_column("scsync_accounts", sa.Column("username", sa.String(length=255), nullable=True))
    op.add_column("scsync_accounts", sa.Column("audience", sa.String(length=255), nullable=True))
    op.add_column("scsync_accounts", sa.Column("private_key", sa.Text(), nullable=True))
    op.add_column("scsync_watermarks", sa.Column("span", sa.Float(), nullable=True))
    op.add_column("scsync_watermarks", sa.Column("changed_at", UtcDateTime(), nullable=True))
    op.add_column("scsync_watermarks", sa.Column("read_until", UtcDateTime(), nullable=True))
    op.add_column("scsync_watermarks", sa.Column("lateness", sa.Float(), nullable=True))
    op.add_column("scsync_watermarks", sa.Column("late_at", UtcDateTime(), nullable=True))
    op.add_column("scsync_watermarks", sa.Column("settle", sa.Float(), nullable=True))
    op.add_column("scsync_watermarks", sa.Column("row_filter", sa.Text(), nullable=True))
    op.add_column("scsync_watermarks", sa.Column("deletes_through", UtcDateTime(), nullable=True))
    op.add_column("scsync_watermarks", sa.Column("deletes_at", UtcDateTime(), nullable=True))
    op.add_column(
        "scsync_watermarks", sa.Column("computed_position", sa.String(length=18), nullable=True)
    )
    op.add_column(
        "scsync_watermarks", sa.Column("computed_started_at", UtcDateTime(), nullable=True)
    )
    op.add_column("scsync_watermarks", sa.Column("computed_through", UtcDateTime(), nullable=True))
    op.add_column("scsync_watermarks", sa.Column("verified_at", UtcDateTime(), nullable=True))
