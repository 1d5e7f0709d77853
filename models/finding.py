"""Findings: what a person should know of an sObject, from when it was seen until it is mended."""

from datetime import datetime
from enum import StrEnum

from sqlalchemy import Column, String, Text
from sqlmodel import Field

from models.columns import UtcDateTime
from models.control import Control


class FindingKind(StrEnum):
    """What sort of thing was noticed; the message says the rest."""

    FIELD_FROZEN = "field_frozen"
    VALUE_MISFIT = "value_misfit"
    NO_ACCESS = "no_access"
    VANISHED = "vanished"
    ZERO_ROWS = "zero_rows"
    SILENCE = "silence"
    DELETE_LOG_GAP = "delete_log_gap"
    BULK_REFUSED = "bulk_refused"
    DRIFT = "drift"
    WEBHOOK_FAILED = "webhook_failed"


class Finding(Control, table=True):
    """One open finding; it goes away when what it tells of is no longer so."""

    __tablename__ = "scsync_findings"

    sobject: str = Field(sa_column=Column(String(80), primary_key=True))
    kind: str = Field(sa_column=Column(String(24), primary_key=True))
    subject: str = Field(sa_column=Column(String(120), primary_key=True))
    message: str = Field(sa_column=Column(Text, nullable=False))
    since: datetime = Field(sa_column=Column(UtcDateTime, nullable=False))
    seen_at: datetime = Field(sa_column=Column(UtcDateTime, nullable=False))
