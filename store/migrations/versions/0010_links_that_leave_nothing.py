"""which token was sent and not answered, and whose the grant is"""

from collections.abc import Sequence

import sqlalchemy as sa
from alembic import op

revision: str = "0010"
down_revision: str | None = "0009"
branch_labels: str | Sequence[str] | None = None
depends_on: str | Sequence[str] | None = None


def upgrade() -> None:
    op.add_column("scsync_accounts", sa.Column("presented", sa.String(length=64), nullable=True))
    op.add_column("scsync_accounts", sa.Column("approved", sa.Boolean(), nullable=True))
