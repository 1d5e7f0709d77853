"""Findings of a checkup: what was looked at, how it stands, and what to do."""

from dataclasses import dataclass
from enum import StrEnum


class Verdict(StrEnum):
    OK = "ok"
    WARNING = "warning"
    FAILURE = "failure"


@dataclass(frozen=True)
class Finding:
    """One thing looked at: what was seen, and what to do."""

    topic: str
    verdict: Verdict
    evidence: str
    remedy: str = ""
