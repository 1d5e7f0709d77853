"""What the control tables share: their base, and types of columns."""

from typing import Any

from sqlalchemy import JSON, String, Uuid
from sqlalchemy.dialects.postgresql import JSONB
from sqlmodel import SQLModel
from sqlmodel._compat import SQLModelConfig

Json: Any = JSON(none_as_null=True).with_variant(JSONB(none_as_null=True), "postgresql")

# SQLAlchemy's own UUID on SQLite drops the dashes, which plain SQL would have to know.
CommandId: Any = Uuid(as_uuid=False).with_variant(String(36), "sqlite")


class Control(SQLModel):
    """The base of every table of ours."""

    # Rows are seldom objects, so few of these validators are ever wanted: built when they are.
    model_config = SQLModelConfig(defer_build=True)
