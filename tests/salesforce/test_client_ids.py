"""Record ids in both their forms."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from salesforce.ids import is_id, key_prefix, to_18

SHORT = st.from_regex(r"[A-Za-z0-9]{15}", fullmatch=True)


@pytest.mark.parametrize(
    ("short", "check"),
    [
        ("001D000000IqhSL", "IAZ"),
        ("017bW00000HKErB", "QAX"),
        ("005R0000000UyrW", "IAS"),
        ("500000000000001", "AAA"),
    ],
)
def test_the_check_characters_are_salesforces(short, check):
    """Pairs seen in public."""
    assert to_18(short) == short + check
    assert to_18(short + check) == short + check


@settings(deadline=None, database=None)
@given(SHORT, SHORT)
def test_two_ids_that_differ_in_case_only_differ_in_their_long_form(one, other):
    """That is what the long form is for: it can be compared without regard to case."""
    assert (to_18(one).lower() == to_18(other).lower()) == (one == other)
    assert to_18(one.swapcase()).lower() != to_18(one).lower() or one.isdecimal()


@pytest.mark.parametrize(
    "text",
    [
        "",
        "500",
        "500000000000001AAB",
        "50000000000000!",
        "5" * 16,
        "\N{ARABIC-INDIC DIGIT FIVE}" * 15,
    ],
)
def test_what_is_no_id_is_refused(text):
    """Damage is found before the wire is."""
    assert not is_id(text)
    with pytest.raises(ValueError, match=r"record id|check characters"):
        to_18(text)


def test_an_id_tells_its_object():
    """By the prefix that describe names."""
    assert key_prefix("500000000000001") == "500"
