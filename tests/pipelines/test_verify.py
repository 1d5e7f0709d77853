"""Verify finds what differs without trusting any watermark, repair mends it."""

from typing import Any

import pytest

from models import by_name
from pipelines import comparison
from pipelines.describes import FRESH
from pipelines.plan import Skip
from store import findings, records
from tests.pipelines.comparing import differences
from tests.pipelines.reading import SETTLE, Reader


def _ids(reader: Reader, n: int, sobject: str = "Case") -> list[str]:
    query = f"SELECT Id FROM {sobject} ORDER BY Id LIMIT {n}"  # noqa: S608
    return [row["Id"] for row in reader.org.run(lambda org: org.query_rows(query))]


def _repair(reader: Reader, sobject: str = "Case") -> dict[str, int]:
    return reader.verifier().repair(by_name(sobject), reader.verify(sobject))


def _findings(reader: Reader, sobject: str = "Case") -> dict[str, str]:
    with reader.store.read() as tx:
        return {one.kind: one.message for one in findings.every(tx) if one.sobject == sobject}


def _calls(reader: Reader) -> int:
    return sum(reader.org.requests()["counts"].values())


def test_equal_is_proven_up_to_an_instant(reader: Reader) -> None:
    """After a pull nothing differs, and the store knows through when that was seen."""
    reader.pull()
    assert reader.mark().verified_through is None
    found = reader.verify()
    assert (found.differences, found.compared) == ([], reader.count())
    assert reader.mark().verified_through == found.through
    assert reader.mark().verified_at is not None


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
    assert found.through == reader.mark().verified_through
    assert found.through < reader.row("Case", dead)["system_modstamp"] + SETTLE
    assert "1 missing, 2 stale, 1 surplus" in _findings(reader)["drift"]
    assert _repair(reader) == {"missing": 1, "stale": 2, "unseen": 1}
    assert reader.verify().differences == []
    assert _findings(reader) == {}
    assert reader.row("Case", never)["deleted_cause"] == "unseen"
    assert differences(reader.org, reader.store, "Case") == [f"Case {never}: only in the store"]


def test_a_purged_record_is_noticed(reader: Reader) -> None:
    """What left the recycle bin unseen is buried, and stays so."""
    case = reader.org.act("create", sobject="Case", fields={"Subject": "Brief"})
    reader.pull()
    reader.org.act("purge", ids=[case])
    reader.later(120)  # the log is read up to the last whole minute
    reader.pull()
    assert reader.verify().surplus == [case]
    assert _repair(reader) == {"purged": 1}
    row = reader.row("Case", case)
    assert (row["deleted_cause"], row["is_deleted"]) == ("purged", True)
    assert reader.verify().differences == []


def test_a_difference_is_counted_over_several_pages(sqlite_reader: Reader) -> None:
    """More than one page of Ids is compared, more than one query repaired."""
    reader = sqlite_reader
    reader.pull("CaseComment")
    total = reader.count("CaseComment")
    reader.sql("DELETE FROM case_comments")
    assert len(reader.verify("CaseComment").missing) == total > 200
    assert _repair(reader, "CaseComment") == {"missing": total}
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
        assert _repair(reader, sobject) == {"stale": 1}
    found: Any = reader.verify(sobject)
    assert (found.differences, found.compared) == ([], reader.count(sobject))


def test_an_object_that_the_org_lacks_is_not_verified(sqlite_reader: Reader) -> None:
    """Nothing to compare with is said, not taken for equality."""
    hide = {"path": "/sobjects/Asset/describe"}
    sqlite_reader.org.fault(match=hide, do={"status": 404, "code": "NOT_FOUND"})
    with pytest.raises(Skip):
        sqlite_reader.verify("Asset")
    assert sqlite_reader.mark("Asset").verified_through is None


def test_lost_access_buries_nothing(reader: Reader) -> None:
    """An object that may no longer be read keeps its rows, and a finding says so."""
    reader.pull("Asset")
    total = reader.count("Asset")
    reader.org.fault(
        match={"path": "FROM Asset "},
        do={"status": 400, "code": "INVALID_TYPE", "message": "sObject type 'Asset' is gone"},
        times=9,
    )
    reader.org.fault(
        match={"path": "/sobjects/Asset/describe"}, do={"status": 404, "code": "NOT_FOUND"}
    )
    with pytest.raises(Skip):
        reader.verifier().verify(by_name("Asset"))
    assert f"the {total:,} rows here stay" in _findings(reader, "Asset")["no_access"]
    with reader.store.read() as tx:
        assert records.count(tx, by_name("Asset")) == (total, 0)
    reader.org.clear_faults()
    reader.describes = reader.new_describes()
    reader.clock.ahead += FRESH
    reader.verifier().verify(by_name("Asset"))
    assert _findings(reader, "Asset") == {}


def test_what_no_pull_has_come_to_is_told_apart(sqlite_reader: Reader) -> None:
    """A change of a moment ago differs, and is no drift: the next pull brings it."""
    reader = sqlite_reader
    reader.pull()
    case = _ids(reader, 1)[0]
    reader.later(60)
    reader.org.act("update", sobject="Case", id=case, fields={"Subject": "Just now"})
    assert (reader.verify().unread, _findings(reader)) == ([case], {})
    reader.pull()
    assert reader.verify().differences == []


def test_contents_that_differ_under_one_stamp_are_found_by_lot(reader: Reader) -> None:
    """Some rows are compared field by field; what is computed does not count."""
    reader.pull("Entitlement")
    first = _ids(reader, 1, "Entitlement")[0]
    forge = "UPDATE entitlements SET {column} = 'Forged' WHERE id = '{id}'"
    reader.sql(forge, column="status", id=first)
    assert reader.verify("Entitlement").differences == []
    reader.sql(forge, column="name", id=first)
    found = reader.verify("Entitlement")
    assert (found.content, found.causes) == ([first], {"content": 1})
    assert _repair(reader, "Entitlement") == {"content": 1}
    assert reader.row("Entitlement", first)["name"] != "Forged"


def test_a_tombstone_says_when_it_has_left_the_bin(reader: Reader) -> None:
    """Deleted on both sides is no difference; that it cannot come back is noted."""
    case = reader.org.act("create", sobject="Case", fields={"Subject": "Brief"})
    reader.org.act("delete", sobject="Case", id=case)
    reader.pull()
    before = reader.row("Case", case)
    reader.org.act("purge", ids=[case])
    found = reader.verify()
    after = reader.row("Case", case)
    assert (found.differences, found.aged) == ([], 1)
    assert (before["deleted_cause"], after["deleted_cause"]) == ("bin", "purged")
    assert after["deleted_at"] == before["deleted_at"]
    assert reader.verify().aged == 0


def test_equal_buckets_cost_a_call_for_five(sqlite_reader: Reader) -> None:
    """Thousands of equal records: sums five to a call, and one call for the sample."""
    reader = sqlite_reader
    reader.pull("CaseComment")
    total = reader.count("CaseComment")
    reader.org.control("DELETE", "requests")
    found = reader.verify("CaseComment")
    assert (found.compared, found.differences) == (total, [])
    assert (found.calls, _calls(reader)) == (2, 3)  # /services/data is free


def test_only_buckets_that_differ_are_looked_into(
    sqlite_reader: Reader, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One lost row among many buckets is found without listing the others."""
    reader = sqlite_reader
    reader.pull("CaseComment")
    monkeypatch.setattr(comparison, "SMALLEST", 20)
    monkeypatch.setattr("pipelines.buckets.SMALLEST", 20)
    lost = _ids(reader, 30, "CaseComment")[-1]
    reader.sql("DELETE FROM case_comments WHERE id = '{id}'", id=lost)
    found = reader.verify("CaseComment")
    assert found.missing == [lost]
    assert found.compared >= reader.count("CaseComment")
    assert found.calls < reader.count("CaseComment") / 20


def test_ties_are_told_apart_by_id(sqlite_reader: Reader) -> None:
    """Many records of one second cannot be parted by time: their keys are listed."""
    reader = sqlite_reader
    ids = reader.org.act("burst", sobject="Case", n=300)
    reader.later(60)
    reader.pull()
    swapped = ids[0] if ids else _ids(reader, 1)[0]
    reader.sql("DELETE FROM cases WHERE id = '{id}'", id=swapped)
    assert reader.verify().missing == [swapped]


def test_a_query_that_takes_too_long_is_asked_in_parts(sqlite_reader: Reader) -> None:
    """The org gives up on sums of a long time: shorter ones prove the same."""
    reader = sqlite_reader
    reader.pull()
    late = {"status": 400, "code": "QUERY_TIMEOUT", "message": "Your query request ran too long"}
    reader.org.fault(match={"path": "COUNT_DISTINCT"}, do=late)
    found = reader.verify()
    assert (found.differences, found.compared) == ([], reader.count())
    assert reader.org.faults()[0]["hits"] == 1


def test_without_composite_the_sums_come_one_by_one(
    reader_of: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An org or a proxy that refuses /composite costs calls, not the comparison."""
    reader = reader_of()
    reader.pull("CaseComment")
    monkeypatch.setattr("pipelines.buckets.SMALLEST", 20)
    refusal = {"status": 404, "code": "NOT_FOUND"}
    reader.org.fault(match={"path": "/composite"}, do=refusal, times=9)
    found = reader.verify("CaseComment")
    assert (found.differences, found.compared) == ([], reader.count("CaseComment"))
    assert reader.org.faults()[0]["hits"] == 1  # then it is not tried again


def test_an_org_that_will_not_sum_up_has_its_records_listed(sqlite_reader: Reader) -> None:
    """Aggregates refused: the keys themselves are compared."""
    reader = sqlite_reader
    reader.pull()
    lost = _ids(reader, 1)[0]
    reader.sql("DELETE FROM cases WHERE id = '{id}'", id=lost)
    refusal = {"status": 400, "code": "MALFORMED_QUERY", "message": "does not support aggregate"}
    reader.org.fault(match={"path": "COUNT_DISTINCT"}, do=refusal, times=9)
    found = reader.verify()
    assert (found.missing, found.compared) == ([lost], reader.count() + 1)
    assert reader.org.faults()[0]["hits"] == 1


def test_a_tenth_gone_at_once_is_not_buried(reader: Reader) -> None:
    """Rows by the hundred that the org stops showing look like lost access: a person decides."""
    reader.pull()
    strangers = [f"500RM0000{n:06d}" for n in range(150)]
    values = ", ".join(f"('{one}AAA', '2026-01-01T00:00:00.000Z')" for one in strangers)
    reader.sql("INSERT INTO cases (id, system_modstamp) VALUES {values}", values=values)
    found = reader.verifier().verify(by_name("Case"))
    assert (len(found.surplus), found.is_hidden) == (150, True)
    assert "View All Data" in _findings(reader)["vanished"]
    with reader.store.read() as tx:
        assert records.count(tx, by_name("Case"))[1] == 0
    assert _repair(reader) == {"unseen": 150}
    assert (reader.verify().differences, _findings(reader)) == ([], {})


def test_many_purged_that_the_log_names_are_buried(sqlite_reader: Reader) -> None:
    """A clean-up of the org is no loss of access: its delete log tells the two apart."""
    reader = sqlite_reader
    ids = [
        reader.org.act("create", sobject="Case", fields={"Subject": "Brief"}) for _ in range(150)
    ]
    reader.pull()
    reader.org.act("purge", ids=ids)
    reader.later(120)
    found = reader.verifier().verify(by_name("Case"))
    assert (found.differences, found.is_hidden) == ([], False)
    assert found.mended == {"purged": 150}


def test_the_schedule_mends_what_differs(sqlite_reader: Reader) -> None:
    """Compared, repaired and compared again, without a person."""
    reader = sqlite_reader
    reader.pull()
    lost = _ids(reader, 2)
    reader.sql("DELETE FROM cases WHERE id IN ('{a}', '{b}')", a=lost[0], b=lost[1])
    found = reader.verifier().verify(by_name("Case"))
    assert (found.differences, found.mended) == ([], {"missing": 2})
    assert _findings(reader) == {}
