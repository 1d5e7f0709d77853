"""commands that land once: what is due is known without looking, inserts ring by themselves."""

from collections.abc import Sequence

import sqlalchemy as sa
from alembic import op

from models.columns import UtcDateTime
from models.control import CommandId, Json

revision: str = "0003"
down_revision: str | None = "0002"
branch_labels: str | Sequence[str] | None = None
depends_on: str | Sequence[str] | None = None

_TABLE = "scsync_commands"
_IN_FLIGHT = "state IN ('sending', 'unclear')"
_TIMED = "state = 'pending' AND ready = 1"
_FINISHED = "state IN ('applied', 'rejected', 'dead', 'discarded')"


def upgrade() -> None:
    for column in (
        sa.Column("on_conflict", sa.String(length=16), nullable=True),
        sa.Column("auto_assign", sa.String(length=18), nullable=True),
        sa.Column("allow_duplicates", sa.Boolean(), server_default=sa.false(), nullable=False),
        sa.Column("base", Json, nullable=True),
        sa.Column("stands", Json, nullable=True),
        sa.Column("key_kind", sa.String(length=16), nullable=True),
        sa.Column("parent", sa.String(length=18), nullable=True),
        sa.Column("alone", sa.Boolean(), server_default=sa.false(), nullable=False),
        sa.Column("carrier", CommandId, nullable=True),
        sa.Column("ready", sa.SmallInteger(), server_default=sa.text("0"), nullable=False),
        sa.Column("job_id", sa.String(length=18), nullable=True),
        sa.Column("refusals", sa.SmallInteger(), server_default=sa.text("0"), nullable=False),
    ):
        op.add_column(_TABLE, column)
    op.drop_index("ix_scsync_commands_due", _TABLE)
    op.execute(
        f"CREATE INDEX ix_scsync_commands_due ON {_TABLE} (priority DESC, seq)"
        " WHERE state = 'pending' AND ready = 2"
    )
    _index("ix_scsync_commands_timed", ["not_before"], _TIMED)
    _index("ix_scsync_commands_parent", ["parent"], _IN_FLIGHT)
    _index("ix_scsync_commands_result", ["result_id"], "result_id IS NOT NULL")
    _index("ix_scsync_commands_finished", ["state", "finished_at"], _FINISHED)
    op.create_table(
        "scsync_ingests",
        sa.Column("job_id", sa.String(length=18), nullable=False),
        sa.Column("sobject", sa.String(length=80), nullable=False),
        sa.Column("operation", sa.String(length=16), nullable=False),
        sa.Column("commands", sa.Integer(), nullable=False),
        sa.Column("uploaded", sa.Boolean(), server_default=sa.false(), nullable=False),
        sa.Column("created_at", UtcDateTime(), nullable=False),
        sa.Column("finished_at", UtcDateTime(), nullable=True),
        sa.Column("outcome", sa.Text(), nullable=True),
        sa.PrimaryKeyConstraint("job_id"),
    )
    op.create_table(
        "scsync_tallies",
        sa.Column("day", sa.Date(), nullable=False),
        sa.Column("sobject", sa.String(length=80), nullable=False),
        sa.Column("op", sa.String(length=16), nullable=False),
        sa.Column("state", sa.String(length=16), nullable=False),
        sa.Column("error_code", sa.String(length=80), server_default=sa.text("''"), nullable=False),
        sa.Column("commands", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("day", "sobject", "op", "state", "error_code"),
    )
    # What waits is admitted anew, which says of each command whether it is due.
    op.execute(f"UPDATE {_TABLE} SET lane = NULL WHERE state = 'pending'")  # noqa: S608
    if op.get_bind().dialect.name == "postgresql":
        op.execute(
            "CREATE FUNCTION scsync_ring() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN"
            " PERFORM pg_notify('scsync_commands', TG_TABLE_SCHEMA); RETURN NULL; END $$"
        )
        op.execute(
            f"CREATE TRIGGER scsync_commands_ring AFTER INSERT ON {_TABLE}"
            " FOR EACH STATEMENT EXECUTE FUNCTION scsync_ring()"
        )


def _index(name: str, columns: list[str], where: str) -> None:
    op.create_index(
        name, _TABLE, columns, sqlite_where=sa.text(where), postgresql_where=sa.text(where)
    )
