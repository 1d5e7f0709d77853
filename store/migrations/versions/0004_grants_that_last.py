"""grants that last: a refresh that was sent is noted first, and whether refresh tokens rotate."""

from collections.abc import Sequence

import sqlalchemy as sa
from alembic import op

from models.columns import UtcDateTime

revision: str = "0004"
down_revision: str | None = "0003"
branch_labels: str | Sequence[str] | None = None
depends_on: str | Sequence[str] | None = None


def upgrade() -> None:
    op.add_column("scsync_accounts", sa.Column("refresh_sent_at", UtcDateTime(), nullable=True))
    op.add_column("scsync_accounts", sa.Column("rotates", sa.Boolean(), nullable=True))
