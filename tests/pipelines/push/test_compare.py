"""Values compared as Salesforce means them."""

from typing import Any

import pytest

from pipelines.compare import same, stands

EQUAL: list[tuple[Any, Any]] = [
    ("High", "High"),
    ("", None),
    (None, ""),
    (None, None),
    (" padded ", "padded"),
    ("two\r\nlines", "two\nlines"),
    (3, 3.0),
    (True, True),
    ("red;blue", "blue;red"),
    ("500RM000000003F", "500RM000000003FYAQ"),
    ("2026-01-31T10:00:00+01:00", "2026-01-31T09:00:00.000+0000"),
]
DIFFERENT: list[tuple[Any, Any]] = [
    ("High", "Low"),
    ("high", "High"),
    ("", "x"),
    (None, 0),
    (None, False),
    (1, True),
    (0, None),
    ("500RM000000003F", "500RM000000003fYAQ"),
    ("2026-01-31T10:00:00+01:00", "2026-01-31T10:00:00.000+0000"),
    ("2026-01-31", "2026-02-01"),
]


@pytest.mark.parametrize(("asked", "found"), EQUAL)
def test_what_salesforce_stores_alike_is_the_same(asked: Any, found: Any) -> None:
    """Trimmed text, long ids, other zones and shuffled choices are what was asked for."""
    assert same(asked, found)


@pytest.mark.parametrize(("asked", "found"), DIFFERENT)
def test_what_would_be_another_value_is_not(asked: Any, found: Any) -> None:
    """Nothing that a person would tell apart is taken for the same."""
    assert not same(asked, found)


def test_every_field_has_to_stand() -> None:
    """One field of several that is not as asked is enough."""
    assert stands({"A": 1, "B": "x"}, {"A": 1.0, "B": "x", "C": "more"})
    assert not stands({"A": 1, "B": "x"}, {"A": 1})
