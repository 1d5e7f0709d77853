"""the names of queues and of kinds of milestones"""

from collections.abc import Sequence

import sqlalchemy as sa
from alembic import op

from models.columns import UtcDateTime
from models.control import Json
from store.migrations.joining import join

revision: str = "0008"
down_revision: str | None = "0007"
branch_labels: str | Sequence[str] | None = None
depends_on: str | Sequence[str] | None = None


def upgrade() -> None:
    had_groups = join(
        "Group",
        "groups",
        *_system(),
        sa.Column("name", sa.Text(), nullable=True),
        sa.Column("developer_name", sa.Text(), nullable=True),
        sa.Column("type", sa.Text(), nullable=True),
        sa.Column("email", sa.Text(), nullable=True),
        sa.Column("owner_id", sa.String(length=18), nullable=True),
        sa.Column("does_send_email_to_members", sa.Boolean(), nullable=True),
    )
    if had_groups:  # of which the catalogue reads the queues
        op.execute("DELETE FROM groups WHERE type IS NULL OR type <> 'Queue'")
    join(
        "MilestoneType",
        "milestone_types",
        *_system(),
        sa.Column("name", sa.Text(), nullable=True),
        sa.Column("description", sa.Text(), nullable=True),
        sa.Column("recurrence_type", sa.Text(), nullable=True),
    )


def _system() -> list[sa.Column[object]]:
    return [
        sa.Column("id", sa.String(18), nullable=False),
        sa.Column("is_deleted", sa.Boolean(), server_default=sa.false(), nullable=False),
        sa.Column("created_date", UtcDateTime(), nullable=True),
        sa.Column("created_by_id", sa.String(length=18), nullable=True),
        sa.Column("last_modified_date", UtcDateTime(), nullable=True),
        sa.Column("last_modified_by_id", sa.String(length=18), nullable=True),
        sa.Column("system_modstamp", UtcDateTime(), nullable=False),
        sa.Column("synced_at", UtcDateTime(), nullable=True),
        sa.Column("deleted_at", UtcDateTime(), nullable=True),
        sa.Column("deleted_cause", sa.String(16), nullable=True),
        sa.Column("extra", Json, nullable=True),
    ]
