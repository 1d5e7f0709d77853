"""Column types that the control tables share."""

from typing import Any

from sqlalchemy import JSON, String, Uuid
from sqlalchemy.dialects.postgresql import JSONB

Json: Any = JSON(none_as_null=True).with_variant(JSONB(none_as_null=True), "postgresql")

# SQLAlchemy's own UUID on SQLite drops the dashes, which plain SQL would have to know.
CommandId: Any = Uuid(as_uuid=False).with_variant(String(36), "sqlite")
