"""A pull brings what changed: nothing twice for long, nothing lost, deletes and all."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest

from pipelines.pull import Stopped
from store import watermarks
from tests.pipelines.comparing import differences
from tests.pipelines.reading import Reader, after_pages


def _case(reader: Reader, **fields: Any) -> str:
    made: str = reader.org.act("create", sobject="Case", fields={"Subject": "New", **fields})
    return made


def test_the_first_cycle_brings_the_whole_org(reader: Reader) -> None:
    """Every object of the catalogue is there, field by field, and each run has its row."""
    results = reader.cycle()
    assert {result.outcome for result in results.values()} == {"ok"}
    assert differences(reader.org, reader.store) == []
    for sobject, result in results.items():
        run, rows = reader.run(sobject), reader.count(sobject)
        assert (run.outcome, run.rows_read, run.rows_written) == ("ok", rows, rows)
        assert (run.pages, run.since, run.until) == (result.pages, result.since, result.until)
        assert reader.mark(sobject).owner is None


def test_a_second_pull_reads_only_what_is_near(reader: Reader) -> None:
    """Once the settle time is past, nothing is read again; one new case is one row."""
    reader.pull()
    reader.later(60)
    assert reader.pull().rows_written == 0
    reader.later(60)
    case = _case(reader)
    result = reader.pull()
    assert (result.rows_read, result.rows_written) == (1, 1)
    assert reader.row("Case", case)["subject"] == "New"


def test_a_backfill_reads_all_and_writes_what_differs(reader: Reader) -> None:
    """From the beginning again: rows that are as they were cost nothing."""
    total = reader.pull().rows_read
    reader.sql("UPDATE cases SET subject = 'by hand' WHERE id = '{id}'", id=(case := _any(reader)))
    result = reader.pull(backfill=True)
    assert (result.rows_read, result.rows_written) == (total, 1)
    assert reader.row("Case", case)["subject"] != "by hand"


def _any(reader: Reader, sobject: str = "Case") -> str:
    query = f"SELECT Id FROM {sobject} LIMIT 1"  # noqa: S608
    return str(reader.org.run(lambda org: org.query_rows(query))[0]["Id"])


def test_a_deleted_record_is_a_tombstone_until_it_comes_back(reader: Reader) -> None:
    """Deleted and undeleted between pulls: the row stays, its mark comes and goes."""
    case = _case(reader)
    reader.pull()
    reader.org.act("delete", sobject="Case", id=case)
    reader.pull()
    gone = reader.row("Case", case)
    assert (gone["is_deleted"], gone["deleted_cause"], gone["subject"]) == (True, "bin", "New")
    assert gone["deleted_at"] == gone["system_modstamp"]
    reader.org.act("undelete", ids=[case])
    reader.pull()
    back = reader.row("Case", case)
    assert (back["is_deleted"], back["deleted_at"], back["deleted_cause"]) == (False, None, None)


def test_what_goes_with_its_parent_is_a_tombstone_too(reader: Reader) -> None:
    """A case takes its comments with it, and brings them back."""
    case = _case(reader)
    fields = {"ParentId": case, "CommentBody": "Any news?"}
    comment = reader.org.act("create", sobject="CaseComment", fields=fields)
    reader.pull("CaseComment")
    reader.org.act("delete", sobject="Case", id=case)
    reader.pull("CaseComment")
    assert reader.row("CaseComment", comment)["deleted_cause"] == "bin"
    reader.org.act("undelete", ids=[case])
    reader.pull("CaseComment")
    assert reader.row("CaseComment", comment)["deleted_at"] is None


def test_a_merged_case_names_its_master(reader: Reader) -> None:
    """Of two cases merged the loser is a tombstone with the cause, the winner lives."""
    master, loser = _case(reader), _case(reader)
    reader.pull()
    reader.org.act("merge", master=master, losers=[loser])
    reader.pull()
    row = reader.row("Case", loser)
    assert (row["deleted_cause"], row["master_record_id"]) == ("merged", master)
    assert reader.row("Case", master)["deleted_at"] is None


def test_each_version_of_an_article_has_its_row(reader: Reader) -> None:
    """A new draft, its publication and the archive are seen in the versions' own rows."""
    query = "SELECT Id, KnowledgeArticleId FROM Knowledge__kav WHERE PublishStatus = 'Online'"
    online = reader.org.run(lambda org: org.query_rows(query))[0]
    reader.pull("Knowledge__kav")
    draft = reader.org.act("draft", article_id=online["KnowledgeArticleId"])
    reader.pull("Knowledge__kav")
    assert reader.row("Knowledge__kav", draft)["publish_status"] == "Draft"
    reader.org.act("publish", id=draft, new_version=True)
    reader.pull("Knowledge__kav")
    assert reader.row("Knowledge__kav", draft)["publish_status"] == "Online"
    assert reader.row("Knowledge__kav", online["Id"])["publish_status"] == "Archived"
    assert not [line for line in differences(reader.org, reader.store) if "only in" not in line]


def test_a_late_commit_is_met_in_the_settle_time(reader: Reader) -> None:
    """A change stamped before a pull and committed after it comes with the next one."""
    reader.settle = timedelta(minutes=10)  # more than a busy machine takes from line to line
    case = _case(reader)
    then = [{"act": "update", "sobject": "Case", "id": case, "fields": {"Subject": "Late"}}]
    reader.org.act("hold", seconds=300, then=then)
    newer = _case(reader)
    reader.pull()
    stamp = reader.row("Case", newer)["system_modstamp"]
    assert reader.row("Case", case)["subject"] == "New"
    reader.later(301)
    reader.pull()
    late = reader.row("Case", case)
    assert (late["subject"], late["system_modstamp"] <= stamp) == ("Late", True)


def test_the_watermark_stays_behind_and_never_goes_back(reader_of: Callable[..., Reader]) -> None:
    """The next window begins the settle time before now, even if the server's clock goes back."""
    reader = reader_of()
    first = reader.pull()
    assert first.until is not None
    behind = first.until - timedelta(seconds=1) - reader.settle
    assert reader.mark().since == behind
    reader.org.skew(-3600)
    assert reader.pull().outcome == "ok"
    assert reader.mark().since == behind


def test_two_pullers_do_not_read_one_object_at_once(reader: Reader) -> None:
    """While one reads, the other says busy, writes no run, and reads when the first is done."""
    seen: list[object] = []

    def meanwhile() -> bool:
        seen.append(reader.pull().outcome)
        return False

    assert reader.pull(stopping=meanwhile).outcome == "ok"
    assert seen == [None]
    assert reader.pull().outcome == "ok"


def test_who_lost_the_lease_stops_without_writing(reader: Reader) -> None:
    """A reader that slept too long finds its place taken: its next page is not stored."""

    def sleep() -> None:
        with reader.store.begin() as tx:
            later = reader.clock() + 2 * watermarks.LEASE
            assert watermarks.take(tx, "Case", owner="heir", now=later)

    first = iter([sleep])
    result = reader.pull(on_progress=lambda _: next(first, lambda: None)())
    assert (result.outcome, result.error_code) == ("failed", "LeaseLost")
    assert reader.count() == 0
    assert (reader.mark().owner, reader.run().outcome) == ("heir", "failed")


def test_a_pull_that_is_told_to_stop_keeps_what_it_has(reader: Reader) -> None:
    """A shutdown ends after the page at hand; the run says so, with its counts."""
    with pytest.raises(Stopped):
        reader.pull(stopping=after_pages(1))
    run = reader.run()
    assert (run.outcome, run.error_code, run.pages) == ("failed", "STOPPED", 1)
    assert run.rows_read == reader.count() > 0
    assert reader.mark().owner is None
    assert reader.pull().outcome == "ok"
