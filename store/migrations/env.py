"""Alembic's entry: runs inside the transaction that `store.migrate` opened."""

from typing import Any, Literal

from alembic import context
from alembic.autogenerate.api import AutogenContext
from sqlmodel import AutoString, SQLModel

import models.api_calls
import models.api_key
import models.audit
import models.backfill
import models.description
import models.ended_session
import models.event
import models.field_state
import models.finding
import models.incident
import models.ingest
import models.lease
import models.linked_account
import models.outbox
import models.process
import models.record_history
import models.run
import models.tally
import models.watermark  # noqa: F401 - importing fills the metadata
from models.columns import UtcDateTime
from models.control import CommandId, Json
from models.defaults import new_uuid, next_command, utc_now
from store.migrate import VERSION_TABLE

_TYPES = ((Json, "Json"), (CommandId, "CommandId"))
_DEFAULTS = (new_uuid, next_command, utc_now)


def render(kind: str, item: Any, autogen: AutogenContext) -> str | Literal[False]:
    """Write our own types and defaults by name, so that a migration suits both databases."""
    if kind == "type":
        return _type(item, autogen)
    if kind == "server_default" and isinstance(getattr(item, "arg", None), _DEFAULTS):
        name = type(item.arg).__name__
        autogen.imports.add(f"from models.defaults import {name}")
        return f"{name}()"
    return False


def _type(item: Any, autogen: AutogenContext) -> str | Literal[False]:
    if isinstance(item, UtcDateTime):
        autogen.imports.add("from models.columns import UtcDateTime")
        return "UtcDateTime()"
    if isinstance(item, AutoString):
        return f"sa.String({item.length})"
    for known, name in _TYPES:
        if repr(item) == repr(known):
            autogen.imports.add(f"from models.control import {name}")
            return name
    return False


def include(item: Any, _name: str | None, kind: str, _reflected: bool, _other: Any) -> bool:  # noqa: FBT001 - Alembic's own signature
    """Leave out what autogenerate cannot compare: ours are written by hand."""
    del item
    return not (kind == "index" and _name == "ix_scsync_commands_due")


context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=SQLModel.metadata,
    version_table=VERSION_TABLE,
    compare_type=True,
    render_item=render,
    include_object=include,
)
context.run_migrations()
