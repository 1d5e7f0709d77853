"""The decoder: bytes of a page in, rows in column order out."""

import json
from datetime import UTC, date, datetime
from decimal import Decimal

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from models import CATALOG
from models.account import Account
from models.case import Case
from models.case_milestone import CaseMilestone
from models.columns import Kind, SyncField
from models.decoder import Loosely, lenient_type, record_type, values

ONE_OF_EACH = (
    SyncField("id", "Id", Kind.TEXT),
    SyncField("system_modstamp", "SystemModstamp", Kind.INSTANT),
    SyncField("person_birthdate", "PersonBirthdate", Kind.DAY),
    SyncField("annual_revenue", "AnnualRevenue", Kind.NUMBER),
    SyncField("number_of_employees", "NumberOfEmployees", Kind.WHOLE),
    SyncField("is_person_account", "IsPersonAccount", Kind.FLAG),
)
RECORD = {
    "attributes": {"type": "Account", "url": "/services/data/v67.0/sobjects/Account/001"},
    "Id": "001",
    "SystemModstamp": "2026-01-02T03:04:05.000+0000",
    "PersonBirthdate": "1999-12-31",
    "AnnualRevenue": 1234.5,
    "NumberOfEmployees": 7,
    "IsPersonAccount": True,
    "Parent": {"attributes": {"type": "Account"}, "Name": "not asked for"},
}
both = pytest.mark.parametrize("exact", [True, False], ids=["exact", "plain"])


def decode(*records, fields=ONE_OF_EACH, exact=False):
    page = msgspec.json.decode(
        json.dumps(records).encode(), type=list[record_type(Account, fields, exact=exact)]
    )
    return values(page)


def test_exact_rows_hold_what_binary_copy_wants():
    """An instant is aware, a day a date, money a Decimal without a rounding error."""
    moment = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
    [row] = decode(RECORD, exact=True)
    assert row == ("001", moment, date(1999, 12, 31), Decimal("1234.5"), 7, True)
    assert row[1].tzinfo is UTC


def test_plain_rows_keep_the_text_of_the_wire():
    """SQLite gets the very characters, without a detour over objects."""
    [row] = decode(RECORD)
    assert row == ("001", "2026-01-02T03:04:05.000+0000", "1999-12-31", 1234.5, 7, True)


@both
def test_null_and_missing_both_become_none(exact):
    """An org may leave a field out or print null; the row has the same shape."""
    nulls = {field.api_name: None for field in ONE_OF_EACH}
    assert decode(nulls, {}, exact=exact) == [(None,) * 6, (None,) * 6]


@both
def test_the_order_is_that_of_the_fields_not_of_the_wire(exact):
    """Rows fit the statement even if Salesforce prints the fields in another order."""
    shuffled = dict(reversed(RECORD.items()))
    assert decode(shuffled, exact=exact) == decode(RECORD, exact=exact)


@pytest.mark.parametrize("printed", ["3", "3.0", "3e0"])
@both
def test_a_whole_number_may_be_printed_with_a_point(printed, exact):
    """A count of 3.0 is stored as the integer 3."""
    body = f'{{"NumberOfEmployees": {printed}}}'.encode()
    record = msgspec.json.decode(body, type=record_type(Account, ONE_OF_EACH, exact=exact))
    [(*_, count, _flag)] = values([record])
    assert (count, type(count)) == (3, int)


@both
def test_half_a_count_is_an_error_not_a_rounding(exact):
    """A value that does not fit its column is reported with its place."""
    with pytest.raises(msgspec.ValidationError, match=r"not a whole number: 3.5"):
        decode({"NumberOfEmployees": 3.5}, exact=exact)


@pytest.mark.parametrize("printed", ["0", "-1", "12345678901234.56", "1e3", "0.1"])
def test_numbers_of_any_shape_are_read(printed):
    """Integers, exponents and eighteen digits are numbers all the same; exact ones lose nothing."""
    body = f'{{"AnnualRevenue": {printed}}}'.encode()
    exact = msgspec.json.decode(body, type=record_type(Account, ONE_OF_EACH, exact=True))
    plain = msgspec.json.decode(body, type=record_type(Account, ONE_OF_EACH, exact=False))
    assert values([exact])[0][3] == Decimal(printed)
    assert values([plain])[0][3] == float(printed)


@settings(deadline=None, database=None)
@given(st.text())
def test_any_text_survives(subject):
    """Umlauts, emoji, quotes and control characters arrive as they were, escaped or not."""
    kind = record_type(Case, Case.fields(), exact=False)
    place = [field.api_name for field in Case.fields()].index("Subject")
    for escaped in (True, False):
        body = json.dumps({"Subject": subject}, ensure_ascii=escaped).encode()
        assert values([msgspec.json.decode(body, type=kind)])[0][place] == subject


@pytest.mark.parametrize(
    "wrong", [{"Id": 1}, {"SystemModstamp": "2026-01-02"}, {"IsPersonAccount": "yes"}]
)
@both
def test_a_value_of_another_type_is_refused_with_its_path(wrong, exact):
    """A field whose type changed in the org is noticed, not stored askew."""
    [name] = wrong
    with pytest.raises(msgspec.ValidationError, match=name):
        decode(wrong, exact=exact)


def test_plain_stamps_are_refused_in_another_zone_than_utc():
    """Text that is stored as UTC has been looked at; an exact instant carries its own zone."""
    elsewhere = {"SystemModstamp": "2026-01-02T08:34:05.000+0530"}
    with pytest.raises(msgspec.ValidationError, match="SystemModstamp"):
        decode(elsewhere)
    assert decode(elsewhere, exact=True)[0][1] == datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)


@both
def test_types_are_made_once(exact):
    """The same fields give the same type, so a page costs no code generation."""
    fields = CaseMilestone.fields()
    one = record_type(CaseMilestone, fields, exact=exact)
    assert one is record_type(CaseMilestone, list(fields), exact=exact)
    assert one is not record_type(CaseMilestone, fields[:-1], exact=exact)


@pytest.mark.parametrize("model", CATALOG, ids=lambda model: model.sobject)
@both
def test_every_sobject_can_be_decoded(model, exact):
    """No field name of the catalogue gets in the decoder's way."""
    record = msgspec.json.decode(
        b'{"Id": "x"}', type=record_type(model, model.fields(), exact=exact)
    )
    assert values([record]) == [("x", *[None] * (len(model.fields()) - 1))]


def loosely(*records, fields=ONE_OF_EACH, others=(), exact=True):
    page = msgspec.json.decode(
        json.dumps(records).encode(), type=list[lenient_type(Account, fields, others)]
    )
    loose = Loosely(fields, others, exact=exact)
    return [loose.row(record) for record in page], loose.misfits


@both
def test_a_page_that_fits_is_the_same_looked_at_loosely(exact):
    """The careful way gives the rows of the fast one, with nothing in extra."""
    [row], misfits = loosely(RECORD, exact=exact)
    assert row == (*decode(RECORD, exact=exact)[0], None)
    assert misfits == {}


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("PersonBirthdate", "2026-02-30"),
        ("AnnualRevenue", "a lot"),
        ("NumberOfEmployees", 2**63),
        ("NumberOfEmployees", 2**80),
        ("NumberOfEmployees", 1e300),
        ("NumberOfEmployees", 0.5),
        ("IsPersonAccount", "perhaps"),
    ],
)
@both
def test_a_value_that_does_not_fit_goes_to_extra(name, value, exact):
    """The rest of the row stands as it is, and the misfit is counted by its name."""
    [row], misfits = loosely(RECORD | {name: value}, exact=exact)
    place = [field.api_name for field in ONE_OF_EACH].index(name)
    assert row[place] is None
    assert json.loads(row[-1]) == {name: value}
    assert misfits == {name: 1}
    assert [row[n] for n in range(6) if n != place] == [
        one for n, one in enumerate(decode(RECORD, exact=exact)[0]) if n != place
    ]


@pytest.mark.parametrize("value", [2**63, 2**80, 1e300])
@both
def test_a_number_too_large_for_its_column_is_refused(value, exact):
    """The fast way notices, so that the careful one is taken."""
    with pytest.raises(msgspec.ValidationError, match="too large"):
        decode(RECORD | {"NumberOfEmployees": value}, exact=exact)


def test_other_fields_stand_in_extra_as_they_came():
    """What has no column keeps its type; null is nothing, and NUL cannot be kept."""
    others = ("Tier__c", "Spot__c", "None__c")
    given = {"Tier__c": "a\0b\\u0000", "Spot__c": {"latitude": 1.5}, "None__c": None}
    [row], _ = loosely(RECORD | given, others=others)
    assert json.loads(row[-1]) == {"Tier__c": "ab\\u0000", "Spot__c": {"latitude": 1.5}}


@pytest.mark.parametrize("wrong", [{"Id": None}, {"Id": 5}, {"SystemModstamp": None}])
def test_a_row_without_its_key_is_no_row(wrong):
    """Id and stamp are never let go."""
    with pytest.raises((ValueError, msgspec.ValidationError)):
        loosely(RECORD | wrong)


@both
def test_a_text_is_measured_where_its_column_is_narrower_than_the_field(exact):
    """Only such fields are looked at; nothing is cut."""
    fields = (ONE_OF_EACH[0]._replace(length=3),)
    assert decode({"Id": "äöü"}, fields=fields, exact=exact) == [("äöü",)]
    with pytest.raises(msgspec.ValidationError, match="length"):
        decode({"Id": "äöüß"}, fields=fields, exact=exact)


@pytest.mark.parametrize(
    ("value", "kept"), [("a", "a"), (12.5, "12.5"), (True, "true"), (None, None)]
)
@both
def test_a_field_of_any_type_is_kept_as_text(value, kept, exact):
    """History's old and new values may be text, number or flag."""
    fields = (SyncField("new_value", "NewValue", Kind.TEXT, untyped=True),)
    assert decode({"NewValue": value}, fields=fields, exact=exact) == [(kept,)]
