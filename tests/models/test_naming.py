"""API names and column names are two spellings of one name."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from models import CATALOG
from models.naming import LONGEST, api_name, column_name, free_column

WORD = st.from_regex(r"[A-Z][a-z]{1,8}[0-9]?", fullmatch=True)
STANDARD = st.lists(WORD, min_size=1, max_size=6).map("".join)
CUSTOM = st.lists(WORD, min_size=1, max_size=4).map(lambda words: "_".join(words) + "__c")


@pytest.mark.parametrize(
    ("api", "column"),
    [
        ("Id", "id"),
        ("CaseNumber", "case_number"),
        ("IsVisibleInPkb", "is_visible_in_pkb"),
        ("Product2Id", "product2_id"),
        ("TargetResponseInMins", "target_response_in_mins"),
        ("Sync_Key__c", "sync_key__c"),
    ],
)
def test_each_name_is_the_inverse_of_the_other(api, column):
    """The names that people join on are spelled as promised, both ways."""
    assert column_name(api) == column
    assert api_name(column) == api


@pytest.mark.parametrize(
    ("api", "column"),
    [("LastCURequestDate", "last_cu_request_date"), ("SLAViolation__c", "sla_violation__c")],
)
def test_an_acronym_is_one_word(api, column):
    """Capitals in a row do not fall apart into letters."""
    assert column_name(api) == column


@settings(deadline=None, database=None)
@given(STANDARD | CUSTOM)
def test_any_regular_name_survives_the_round_trip(name):
    """The rule loses nothing, whatever words a name is made of."""
    assert api_name(column_name(name)) == name


@pytest.mark.parametrize("model", CATALOG, ids=lambda model: model.sobject)
def test_every_catalogue_field_follows_the_rule(model):
    """A column can be found from its API name alone, without looking it up."""
    for field in model.fields():
        assert column_name(field.api_name) == field.column
        assert api_name(field.column) == field.api_name


def test_a_name_that_is_taken_gets_a_digest_of_its_own():
    """Names that meet are told apart, alike wherever they are made, within PostgreSQL's 63 bytes."""
    taken = {"sla_text__c"}
    name = free_column("SLAText__c", taken)
    assert name.startswith("sla_text__c_")
    assert name == free_column("SLAText__c", taken) != free_column("SLA_Text__c", taken)
    long = free_column("A" + "b" * 70 + "__c", ())
    assert len(long) == LONGEST
    assert free_column("Tier__c", taken) == "tier__c"
