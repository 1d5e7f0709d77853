"""Search, as a client meets it."""

import httpx
import pytest

from tests.emulator.callers import refresh


@pytest.fixture
def search(org):
    headers = {"Authorization": f"Bearer {refresh(org).json()['access_token']}"}

    def ask(sosl):
        url = f"{org.url}/services/data/v67.0/search"
        return httpx.get(url, params={"q": sosl}, headers=headers)

    return ask


def test_found_records_say_what_they_are(org, search):
    """By every word, in any field, within the condition and the limit."""
    for number in range(3):
        fields = {"Subject": f"Odd walrus {number}", "Priority": "High" if number else "Low"}
        org.act("create", sobject="Case", fields=fields)
    found = search(
        "FIND {walrus odd} IN ALL FIELDS RETURNING Case(Id, Subject WHERE Priority = 'High')"
    ).json()["searchRecords"]
    assert [one["Subject"] for one in found] == ["Odd walrus 1", "Odd walrus 2"]
    assert {one["attributes"]["type"] for one in found} == {"Case"}
    one = search("FIND {walrus} IN ALL FIELDS RETURNING Case(Id LIMIT 1), Account").json()
    assert len(one["searchRecords"]) == 1


@pytest.mark.parametrize(
    ("sosl", "code"),
    [
        ("SELECT Id FROM Case", "MALFORMED_SEARCH"),
        ("FIND {w} RETURNING Case(Id)", "MALFORMED_SEARCH"),
        ("FIND {walrus} RETURNING Nothing(Id)", "INVALID_TYPE"),
        ("FIND {walrus} RETURNING Case(Nothing)", "INVALID_FIELD"),
        ("FIND {walrus} RETURNING CaseHistory(Id)", "INVALID_TYPE"),
    ],
)
def test_what_cannot_be_searched_is_refused(search, sosl, code):
    """With the code that says why."""
    answer = search(sosl)
    assert answer.status_code == 400
    assert answer.json()[0]["errorCode"] == code
