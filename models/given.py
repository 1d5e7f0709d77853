"""Columns that any program may fill: on SQLite, whatever is no JSON or no instant reads as text.

PostgreSQL refuses such a value when it is written. SQLite keeps it, and one row that cannot be
read must not keep the others from being read: it is refused by name like any other bad command.
"""

import json
from collections.abc import Callable
from datetime import datetime
from typing import Any

from sqlalchemy import JSON, Dialect, TypeDecorator
from sqlalchemy.dialects.postgresql import JSONB

from models.columns import UtcDateTime, utc


class GivenJson(TypeDecorator[Any]):
    """JSON, or the text that was to be JSON."""

    impl = JSON(none_as_null=True).with_variant(JSONB(none_as_null=True), "postgresql")
    cache_ok = True

    def result_processor(self, dialect: Dialect, coltype: Any) -> Callable[[Any], Any] | None:
        if dialect.name != "sqlite":
            return super().result_processor(dialect, coltype)
        return _json_or_text


class GivenInstant(UtcDateTime):
    """An aware instant, or the text that was to be one."""

    cache_ok = True

    def process_result_value(self, value: datetime | str | None, dialect: Dialect) -> Any:
        if not isinstance(value, str):
            return super().process_result_value(value, dialect)
        try:
            return utc(datetime.fromisoformat(value))
        except ValueError:
            return value


def _json_or_text(value: Any) -> Any:
    try:
        return json.loads(value) if isinstance(value, str | bytes) else value
    except ValueError:
        return value
