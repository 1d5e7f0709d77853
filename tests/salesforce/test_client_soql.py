"""SOQL text: a value can be nothing but a value, a name nothing but a name."""

from datetime import UTC, date, datetime, timedelta, timezone
from decimal import Decimal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from salesforce import soql

NOON = datetime(2026, 1, 2, 12, tzinfo=UTC)
UNESCAPED = {
    "\\\\": "\\",
    "\\'": "'",
    "\\n": "\n",
    "\\r": "\r",
    "\\t": "\t",
    "\\b": "\b",
    "\\f": "\f",
}


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (None, "null"),
        (True, "true"),
        (7, "7"),
        (1e21, "1000000000000000000000"),
        (0.1, "0.1"),
        (Decimal("12.50"), "12.50"),
        ("O'Brien", r"'O\'Brien'"),
        ("a\\b\n", r"'a\\b\n'"),
        (date(2026, 1, 2), "2026-01-02"),
        (NOON, "2026-01-02T12:00:00Z"),
        (NOON.replace(microsecond=5000), "2026-01-02T12:00:00.005Z"),
        (NOON.astimezone(timezone(timedelta(hours=5, minutes=30))), "2026-01-02T12:00:00Z"),
        (["a", 1], "('a', 1)"),
    ],
)
def test_each_kind_of_value_has_one_literal(value, text):
    """The forms are those of the SOQL reference."""
    assert soql.literal(value) == text


@settings(deadline=None, database=None)
@given(st.text())
def test_no_text_leaves_its_quotes(text):
    """Undoing the escapes of what stands between the quotes gives the text back, for any text."""
    quoted = soql.literal(text)
    inner, out = quoted[1:-1], ""
    while inner:
        step = 2 if inner[0] == "\\" else 1
        assert inner[0] != "'"
        out += UNESCAPED[inner[:2]] if step == 2 else inner[0]
        inner = inner[step:]
    assert (quoted[0], quoted[-1], out) == ("'", "'", text)


@pytest.mark.parametrize("value", [datetime(2026, 1, 2), float("nan"), Decimal("inf"), [], set()])  # noqa: DTZ001 - the naive one is the point
def test_what_has_no_meaning_in_soql_is_refused(value):
    """A naive instant, no number, an empty list: each would ask something else."""
    with pytest.raises(ValueError, match=r"zone|no SOQL|at least one"):
        soql.literal(value)


@pytest.mark.parametrize("value", [b"x", {"a": 1}, object()])
def test_a_type_without_a_literal_is_refused(value):
    """Guessing a text for it would be worse."""
    with pytest.raises(TypeError):
        soql.literal(value)


@pytest.mark.parametrize("name", ["", "Id, Name", "Name FROM User--", "1a", "a.", "Naïve", "Id\n"])
def test_a_name_that_is_none_is_refused_by_name(name):
    """Names are never quoted in SOQL, so they have to be checked."""
    with pytest.raises(ValueError, match="not a name"):
        soql.select([name], "Case")


def test_a_query_reads_as_written():
    """Clauses come in SOQL's order."""
    text = soql.select(
        ("Id", "Account.Name"),
        "Case",
        where=soql.and_(soql.eq("Status", "New"), soql.or_(soql.gt("A", 1), soql.lt("B", 2))),
        order_by=("SystemModstamp", "Id DESC NULLS LAST"),
        limit=5,
    )
    assert text == (
        "SELECT Id, Account.Name FROM Case WHERE Status = 'New' AND (A > 1 OR B < 2)"
        " ORDER BY SystemModstamp, Id DESC NULLS LAST LIMIT 5"
    )


def test_alternatives_never_stand_beside_and_without_parentheses():
    """Salesforce refuses AND and OR side by side."""
    both = soql.and_(soql.eq("A", 1), soql.eq("B", 2))
    assert soql.or_(both, soql.eq("C", 3)) == "((A = 1 AND B = 2) OR C = 3)"


def test_an_ordering_that_is_none_is_refused():
    """An ordering is a name and a direction."""
    with pytest.raises(ValueError, match="ordering"):
        soql.select(["Id"], "Case", order_by=["Id; DELETE"])


def test_a_keyset_begins_at_the_window_and_goes_on_after_the_last_row():
    """Ties are passed by Id, so that a second with any number of rows can be paged."""
    until = NOON + timedelta(hours=1)
    first = "SystemModstamp >= 2026-01-02T12:00:00Z AND SystemModstamp < 2026-01-02T13:00:00Z"
    assert soql.keyset(NOON, until) == first
    assert soql.keyset(NOON - timedelta(days=1), until, (NOON, "500x")) == (
        f"{first} AND (SystemModstamp > 2026-01-02T12:00:00Z OR Id > '500x')"
    )


def test_counting_has_its_own_text():
    """COUNT() is no field, so it is no field name either."""
    assert soql.count("Case", where=soql.eq("IsClosed", value=False)) == (
        "SELECT COUNT() FROM Case WHERE IsClosed = false"
    )
