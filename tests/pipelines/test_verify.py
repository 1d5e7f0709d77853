"""Verify finds what differs without trusting any watermark, repair mends it."""

from typing import Any

import pytest

from models import by_name
from pipelines.plan import Skip
from tests.pipelines.comparing import differences
from tests.pipelines.reading import Reader


def _ids(reader: Reader, n: int, sobject: str = "Case") -> list[str]:
    query = f"SELECT Id FROM {sobject} ORDER BY Id LIMIT {n}"  # noqa: S608
    return [row["Id"] for row in reader.org.run(lambda org: org.query_rows(query))]


def _repair(reader: Reader, sobject: str = "Case") -> int:
    return reader.verifier().repair(by_name(sobject), reader.verify(sobject))


def test_equal_is_proven_up_to_an_instant(reader: Reader) -> None:
    """After a pull nothing differs, and the store knows through when that was seen."""
    reader.pull()
    assert reader.mark().verified_through is None
    found = reader.verify()
    assert (found.differences, found.compared) == ([], reader.count())
    assert reader.mark().verified_through == found.through


def test_what_differs_is_found_by_kind_and_mended(reader: Reader) -> None:
    """A lost row, a stale one, a false tombstone and one that the org never had."""
    reader.pull()
    lost, stale, dead = _ids(reader, 3)
    never = "500RM00000zzzzzYAA"
    reader.sql("DELETE FROM cases WHERE id = '{id}'", id=lost)
    old = "system_modstamp = '2020-01-01T00:00:00.000Z', subject = 'old'"
    reader.sql("UPDATE cases SET {old} WHERE id = '{id}'", old=old, id=stale)
    reader.sql("UPDATE cases SET deleted_at = system_modstamp WHERE id = '{id}'", id=dead)
    insert = "INSERT INTO cases (id, system_modstamp) VALUES ('{id}', '{at}')"
    reader.sql(insert, id=never, at="2026-01-01T00:00:00.000Z")
    found = reader.verify()
    assert (found.missing, sorted(found.stale), found.surplus) == ([lost], [stale, dead], [never])
    assert reader.mark().verified_through is None
    assert _repair(reader) == 4
    assert reader.verify().differences == []
    assert reader.row("Case", never)["deleted_cause"] == "unseen"
    assert differences(reader.org, reader.store, "Case") == [f"Case {never}: only in the store"]


def test_a_purged_record_is_noticed(reader: Reader) -> None:
    """What left the recycle bin unseen is buried, and stays so."""
    case = reader.org.act("create", sobject="Case", fields={"Subject": "Brief"})
    reader.pull()
    reader.org.act("purge", ids=[case])
    reader.pull()
    assert reader.verify().surplus == [case]
    _repair(reader)
    assert reader.row("Case", case)["deleted_cause"] == "unseen"
    assert reader.verify().differences == []


def test_a_difference_is_counted_over_several_pages(sqlite_reader: Reader) -> None:
    """More than one page of Ids is compared, more than one query repaired."""
    reader = sqlite_reader
    reader.pull("CaseComment")
    total = reader.count("CaseComment")
    reader.sql("DELETE FROM case_comments")
    assert len(reader.verify("CaseComment").missing) == total > 200
    assert _repair(reader, "CaseComment") == total
    assert differences(reader.org, reader.store, "CaseComment") == []


@pytest.mark.parametrize("sobject", ["User", "Knowledge__kav"])
def test_objects_without_a_bin_or_with_a_condition_are_compared_too(
    reader: Reader, sobject: str
) -> None:
    """Users have no IsDeleted, articles need a publish status: both are verified and mended."""
    reader.pull(sobject)
    first = _ids(reader, 1, "User")[0] if sobject == "User" else None
    if first:
        reader.sql(
            "UPDATE users SET is_deleted = true, deleted_at = synced_at WHERE id = '{i}'", i=first
        )
        assert reader.verify(sobject).stale == [first]
        assert _repair(reader, sobject) == 1
    found: Any = reader.verify(sobject)
    assert (found.differences, found.compared) == ([], reader.count(sobject))


def test_an_object_that_the_org_lacks_is_not_verified(sqlite_reader: Reader) -> None:
    """Nothing to compare with is said, not taken for equality."""
    hide = {"path": "/sobjects/Asset/describe"}
    sqlite_reader.org.fault(match=hide, do={"status": 404, "code": "NOT_FOUND"})
    with pytest.raises(Skip):
        sqlite_reader.verify("Asset")
    assert sqlite_reader.mark("Asset").verified_through is None
