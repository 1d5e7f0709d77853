"""repeats that are known: a digest of what each command does, as it was submitted."""

from collections.abc import Sequence

import sqlalchemy as sa
from alembic import op

revision: str = "0012"
down_revision: str | None = "0011"
branch_labels: str | Sequence[str] | None = None
depends_on: str | Sequence[str] | None = None


def upgrade() -> None:
    op.add_column("scsync_commands", sa.Column("digest", sa.String(length=32), nullable=True))
