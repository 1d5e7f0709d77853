"""the names of service territories"""

from collections.abc import Sequence

import sqlalchemy as sa

from models.columns import UtcDateTime
from models.control import Json
from store.migrations.joining import join

revision: str = "0009"
down_revision: str | None = "0008"
branch_labels: str | Sequence[str] | None = None
depends_on: str | Sequence[str] | None = None


def upgrade() -> None:
    join(
        "ServiceTerritory",
        "service_territories",
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
        sa.Column("street", sa.Text(), nullable=True),
        sa.Column("city", sa.Text(), nullable=True),
        sa.Column("state", sa.Text(), nullable=True),
        sa.Column("state_code", sa.Text(), nullable=True),
        sa.Column("postal_code", sa.Text(), nullable=True),
        sa.Column("country", sa.Text(), nullable=True),
        sa.Column("country_code", sa.Text(), nullable=True),
        sa.Column("latitude", sa.Numeric(asdecimal=False), nullable=True),
        sa.Column("longitude", sa.Numeric(asdecimal=False), nullable=True),
        sa.Column("geocode_accuracy", sa.Text(), nullable=True),
        sa.Column("name", sa.Text(), nullable=True),
        sa.Column("currency_iso_code", sa.Text(), nullable=True),
        sa.Column("owner_id", sa.String(length=18), nullable=True),
        sa.Column("description", sa.Text(), nullable=True),
        sa.Column("is_active", sa.Boolean(), nullable=True),
        sa.Column("parent_territory_id", sa.String(length=18), nullable=True),
        sa.Column("top_level_territory_id", sa.String(length=18), nullable=True),
        sa.Column("operating_hours_id", sa.String(length=18), nullable=True),
        sa.Column("travel_mode_id", sa.String(length=18), nullable=True),
        sa.Column("scheduling_constraint_id", sa.String(length=18), nullable=True),
        sa.Column("typical_in_territory_travel_time", sa.Numeric(asdecimal=False), nullable=True),
        sa.Column("avg_travel_time", sa.BigInteger(), nullable=True),
        sa.Column("travel_time_buffer", sa.BigInteger(), nullable=True),
    )
