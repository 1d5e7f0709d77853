"""Queries that find what belongs to one record."""

from __future__ import annotations


def select(fields: str, sobject: str, **equal: str) -> str:
    tests = " AND ".join(f"{name} = '{value}'" for name, value in equal.items())
    return " ".join(["SELECT", fields, "FROM", sobject, *(["WHERE", tests] if tests else [])])
