"""Queries that find what belongs to one record."""

from __future__ import annotations


def select(fields: str, sobject: str, *tests: str, **equal: str) -> str:
    both = [*tests, *(f"{name} = '{value}'" for name, value in equal.items())]
    return " ".join(["SELECT", fields, "FROM", sobject, "WHERE", " AND ".join(both)])
