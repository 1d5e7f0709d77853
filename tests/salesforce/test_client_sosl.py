"""SOSL text: a term is what it says, names are names."""

import pytest

from salesforce import sosl


def test_every_operator_is_escaped() -> None:
    """The reserved characters of the reference, each behind a backslash."""
    reserved = "?&|!{}[]()^~*:\\\"'+-"
    text = sosl.find(f"a{reserved}b", "Case", ["Id"])
    escaped = "".join(f"\\{one}" for one in reserved)
    assert text == f"FIND {{a{escaped}b}} IN ALL FIELDS RETURNING Case(Id LIMIT 200)"


def test_line_ends_cannot_leave_the_term() -> None:
    """White space of any kind is a space."""
    assert "{two words}" in sosl.find(" two\n\twords ", "Case", ["Id"], limit=5)


@pytest.mark.parametrize(
    ("term", "sobject", "field"),
    [("x", "Case", "Id"), ("xx", "Case(Id)", "Id"), ("xx", "Case", "Id FROM")],
)
def test_what_is_no_term_or_name_is_refused(term: str, sobject: str, field: str) -> None:
    """Before anything is sent."""
    with pytest.raises(ValueError, match=r"term|name"):
        sosl.find(term, sobject, [field])
