"""Deletes that no query shows: purges, gaps in the delete log, merges and what waits for them."""

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

import pytest

from models import by_name
from models.command import Command
from models.outbox import CommandState
from pipelines import merged
from pipelines.submit import Desk
from store import claims, feeds, findings, outbox
from tests.pipelines.comparing import differences
from tests.pipelines.reading import Reader


def _case(reader: Reader, **fields: Any) -> str:
    made: str = reader.org.act("create", sobject="Case", fields={"Subject": "Brief", **fields})
    return made


def _purged(reader: Reader, *ids: str) -> None:
    reader.org.act("purge", ids=list(ids))
    reader.later(120)


def _gap(reader: Reader) -> str | None:
    with reader.store.read() as tx:
        kinds = {one.kind: one.message for one in findings.every(tx)}
    return kinds.get("delete_log_gap")


def test_a_purge_is_buried_with_its_time(reader: Reader) -> None:
    """What left the bin unseen becomes a tombstone that says when it was deleted."""
    case = _case(reader)
    reader.pull()
    assert reader.deletes().purged == 0
    reader.org.act("delete", sobject="Case", id=case)
    _purged(reader, case)
    reader.pull()
    assert reader.row("Case", case)["deleted_at"] is None
    found = reader.deletes()
    row = reader.row("Case", case)
    assert (found.purged, row["deleted_cause"], row["is_deleted"]) == (1, "purged", True)
    logged = reader.client.deleted("Case", row["deleted_at"], found.through or row["deleted_at"])
    assert row["deleted_at"] in {one.deleted_date for one in logged.deleted_records}
    assert differences(reader.org, reader.store, "Case") == []


def test_a_second_reading_begins_where_the_log_had_come_to(sqlite_reader: Reader) -> None:
    """What is covered is not read again but for the overlap, and nothing is buried twice."""
    reader = sqlite_reader
    case = _case(reader)
    reader.pull()
    _purged(reader, case)
    first = reader.deletes()
    covered = reader.mark().deletes_through
    assert (first.purged, first.through) == (1, covered)
    reader.later(3600)
    reader.org.control("DELETE", "requests")
    second = reader.deletes()
    assert second.purged == 0
    assert second.through is not None
    assert covered is not None
    assert second.through >= covered + timedelta(minutes=50)
    assert reader.org.requests()["counts"]["deleted"] == 1


def test_what_the_log_names_and_the_org_still_shows_is_read(sqlite_reader: Reader) -> None:
    """A record in the bin that no pull has met becomes a tombstone by the bin."""
    reader = sqlite_reader
    case = _case(reader)
    reader.pull()
    reader.org.act("delete", sobject="Case", id=case)
    reader.later(120)
    found = reader.deletes()
    assert (found.found, found.purged) == (1, 0)
    assert reader.row("Case", case)["deleted_cause"] == "bin"


def test_undelete_brings_back_what_was_buried(reader: Reader) -> None:
    """A row buried because it had vanished lives again when the org shows it."""
    case = _case(reader)
    reader.pull()
    reader.sql(
        "UPDATE cases SET is_deleted = true, deleted_at = synced_at, deleted_cause = 'purged'"
        " WHERE id = '{id}'",
        id=case,
    )
    reader.org.act("delete", sobject="Case", id=case)
    reader.org.act("undelete", ids=[case])
    reader.later(10)
    reader.pull()
    row = reader.row("Case", case)
    assert (row["is_deleted"], row["deleted_at"], row["deleted_cause"]) == (False, None, None)


def test_too_many_ids_split_the_window(sqlite_reader: Reader) -> None:
    """Where the org will not list so many at once, it is asked for less time."""
    reader = sqlite_reader
    case = _case(reader)
    reader.pull()
    _purged(reader, case)
    refusal = {"status": 400, "code": "EXCEEDED_ID_LIMIT", "message": "too many ids"}
    reader.org.fault(match={"path": "/deleted"}, do=refusal, times=3)
    found = reader.deletes()
    assert (found.purged, found.has_gap, reader.org.faults()[0]["hits"]) == (1, False, 3)


def test_a_minute_with_too_many_asks_for_a_comparison(sqlite_reader: Reader) -> None:
    """Not even one minute can be listed: a finding, and verification is due at once."""
    reader = sqlite_reader
    reader.pull()
    reader.deletes()
    reader.verify()
    case = _case(reader)
    reader.pull()
    _purged(reader, case)
    refusal = {"status": 400, "code": "EXCEEDED_ID_LIMIT", "message": "too many ids"}
    reader.org.fault(match={"path": "/deleted"}, do=refusal, times=1_000)
    assert reader.deletes().has_gap
    assert "scsync verify Case" in (_gap(reader) or "")
    assert reader.mark().verified_at is None
    reader.org.clear_faults()
    assert reader.verify().surplus == [case]
    reader.verifier().repair(by_name("Case"), reader.verify())
    reader.verify()
    assert _gap(reader) is None


def test_a_log_not_read_for_weeks_has_a_gap(sqlite_reader: Reader) -> None:
    """Fifteen days is as far as the log reaches: what lies before asks for a comparison."""
    reader = sqlite_reader
    reader.pull()
    with reader.store.begin() as tx:
        weeks_ago = _org_now(reader) - timedelta(days=16)
        feeds.deletes_read(tx, "Case", through=weeks_ago, now=weeks_ago)
    assert reader.deletes().has_gap
    assert _gap(reader) is not None
    assert not reader.deletes().has_gap


def test_a_log_that_was_purged_has_a_gap(sqlite_reader: Reader) -> None:
    """The org refuses the dates, or says that it only goes back so far."""
    reader = sqlite_reader
    reader.pull()
    reader.deletes()
    reader.later(3600)
    refusal = {"status": 400, "code": "INVALID_REPLICATION_DATE", "message": "log purged"}
    reader.org.fault(match={"path": "/deleted"}, do=refusal, times=1)
    found = reader.deletes()
    assert found.has_gap
    assert found.through == reader.mark().deletes_through


def test_a_reading_broken_off_goes_on(sqlite_reader: Reader) -> None:
    """The org fails midway: nothing is noted as read that was not."""
    reader = sqlite_reader
    case = _case(reader)
    reader.pull()
    _purged(reader, case)
    down = {"status": 503, "code": "SERVER_UNAVAILABLE", "message": "busy"}
    reader.org.fault(match={"path": "/queryAll"}, do=down)
    with pytest.raises(Exception, match="SERVER_UNAVAILABLE"):
        reader.deletes()
    assert reader.mark().deletes_through is None
    assert reader.deletes().purged == 1


def test_an_object_without_a_log_is_left_to_the_comparison(sqlite_reader: Reader) -> None:
    """Not replicateable: no call is made."""
    reader = sqlite_reader
    sobject = "CaseMilestone"
    reader.pull(sobject)
    described = reader.describes.get(sobject)
    assert described is not None
    reader.org.control("DELETE", "requests")
    found = reader.deletes(sobject)
    assert bool(found.skipped) != described.replicateable


def _desk(reader: Reader) -> Desk:
    return Desk(
        store=reader.store,
        describes=reader.describes,
        clock=reader.clock,
        allows=lambda _: True,
        key_field="Sync_Key__c",
    )


def _update(record_id: str, **fields: Any) -> Command:
    return Command.from_json(
        {"op": "update", "sobject": "Case", "record_id": record_id, "fields": fields}
    )


def _submit(reader: Reader, *commands: Command) -> list[str]:
    return [receipt.id for receipt in _desk(reader).submit(commands)]


def _entry(reader: Reader, command_id: str) -> Any:
    with reader.store.read() as tx:
        return outbox.get(tx, command_id)


@pytest.fixture
def merging(reader: Reader) -> Callable[..., Any]:
    """Pull with the hook that follows merges, as the daemon does."""
    return lambda: reader.pull(on_page=(merged.follow,))


def test_waiting_updates_follow_a_merge(reader: Reader, merging: Callable[..., Any]) -> None:
    """A command for the loser goes to the survivor, and its history says why."""
    master, loser = _case(reader), _case(reader)
    merging()
    (waiting,) = _submit(reader, _update(loser, Priority="High"))
    reader.org.act("merge", master=master, losers=[loser])
    reader.later(10)
    merging()
    row, entry = reader.row("Case", loser), _entry(reader, waiting)
    assert (row["deleted_cause"], row["master_record_id"]) == ("merged", master)
    assert (entry.record_id, entry.lane, entry.state) == (
        master,
        f"Case/{master}",
        CommandState.PENDING,
    )
    with reader.store.read() as tx:
        (note,) = outbox.attempts(tx, waiting)
    assert (note.outcome, note.error_code) == ("redirected", "MERGED")
    assert f"{loser} was merged into {master}" in (note.error_message or "")


def test_a_chain_of_merges_ends_at_the_last_survivor(
    reader: Reader, merging: Callable[..., Any]
) -> None:
    """A survivor that lost a later merge passes on what came to it."""
    first, second, third = (_case(reader) for _ in range(3))
    merging()
    (waiting,) = _submit(reader, _update(first, Priority="High"))
    reader.org.act("merge", master=second, losers=[first])
    reader.org.act("merge", master=third, losers=[second])
    reader.later(10)
    merging()
    assert _entry(reader, waiting).record_id == third
    (late,) = _submit(reader, _update(first, Priority="Low"))
    assert _entry(reader, late).record_id == third


def test_a_delete_does_not_follow_a_merge(sqlite_reader: Reader) -> None:
    """Whoever wanted the loser gone did not mean the survivor; nor is what is in flight moved."""
    reader = sqlite_reader
    master, loser = _case(reader), _case(reader)
    reader.pull()
    gone = Command.from_json({"op": "delete", "sobject": "Case", "record_id": loser})
    update, delete = _submit(reader, _update(loser, Priority="High"), gone)
    with reader.store.begin() as tx:
        now = reader.clock()
        claim = claims.Claim(owner="me", now=now, until=now + timedelta(minutes=1), limit=1)
        (flying,) = claims.claim(tx, claim)
    assert flying.id == update
    reader.org.act("merge", master=master, losers=[loser])
    reader.later(10)
    reader.pull(on_page=(merged.follow,))
    assert _entry(reader, update).record_id == loser
    assert _entry(reader, delete).record_id == loser


def _org_now(reader: Reader) -> datetime:
    return datetime.fromisoformat(reader.org.control("GET", "health")["now"])
