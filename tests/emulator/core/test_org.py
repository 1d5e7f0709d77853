"""The org: rows written, deleted, brought back, merged, and seen late."""

from __future__ import annotations

import random

import msgspec

from emulator import desk as agents
from emulator.org import Org
from tests.emulator.core.soql import select


def stamp_of(desk, case: str) -> str:
    soql = select("SystemModstamp", "Case", Id=case)
    return desk.query_rows(soql, include_deleted=True)[0]["SystemModstamp"]


def test_a_late_commit_appears_later_with_its_old_stamp(desk, clock, new_case):
    """What every cursor by stamp must survive."""
    with desk.hold(30):
        case = new_case(Subject="slow")
    made = clock.at
    assert desk.query_rows(select("Id", "Case", Id=case)) == []
    clock.move(seconds=29)
    assert desk.retrieve_many("Case", [case], ["Id"]) == [None]
    clock.move(seconds=1)
    assert desk.last_modified("Case", case) == made


def test_a_row_in_an_open_transaction_is_locked(desk, clock, new_case, refusal):
    case = new_case(Subject="busy")
    with desk.hold(5):
        desk.update("Case", case, {"Priority": "High"}, user_id=desk.default_user_id)
    error = refusal(desk.update, "Case", case, {"Priority": "Low"}, user_id=desk.default_user_id)
    assert error.code == "UNABLE_TO_LOCK_ROW"
    clock.move(seconds=5)
    desk.update("Case", case, {"Subject": "free"}, user_id=desk.default_user_id)
    assert desk.retrieve("Case", case)["Priority"] == "High"


def test_a_late_create_keeps_its_unique_value(desk, new_case, refusal):
    with desk.hold(5):
        new_case(Sync_Key__c="late")
    assert refusal(new_case, Sync_Key__c="late").code == "DUPLICATE_VALUE"


def test_a_burst_gives_many_rows_one_stamp(desk, clock):
    clock.move(seconds=10)
    ids = desk.burst("Case", 50)
    rows = desk.query_rows(
        "SELECT Id, SystemModstamp FROM Case ORDER BY SystemModstamp DESC LIMIT 50"
    )
    assert {row["SystemModstamp"] for row in rows} == {"2026-06-01T12:00:10.000+0000"}
    assert {row["Id"] for row in rows} == set(ids)
    assert len(ids) == 50


def test_stamps_never_go_back(desk, clock, new_case):
    """Even when the clock does."""
    first = stamp_of(desk, new_case(Subject="now"))
    clock.move(seconds=-60)
    assert stamp_of(desk, new_case(Subject="earlier")) == first


def test_a_deleted_case_takes_its_children_and_brings_them_back(desk, clock, new_case, refusal):
    """Queries hide them, queryAll shows them, undelete restores what went together."""
    case, user = new_case(Subject="gone"), desk.default_user_id
    desk.create("CaseComment", {"ParentId": case, "CommentBody": "c"}, user_id=user)
    early = desk.create("CaseComment", {"ParentId": case, "CommentBody": "x"}, user_id=user)
    desk.delete("CaseComment", early, user_id=user)
    clock.move(seconds=5)
    desk.delete("Case", case, user_id=user)
    comments = select("Id", "CaseComment", ParentId=case)
    assert desk.query_rows(comments) == []
    assert len(desk.query_rows(comments, include_deleted=True)) == 2
    assert refusal(desk.retrieve, "Case", case).code == "ENTITY_IS_DELETED"
    desk.undelete([case], user_id=user)
    assert len(desk.query_rows(comments)) == 1


def test_a_purged_row_is_gone_but_still_in_the_delete_log(desk, clock, new_case):
    """The one place where a hard delete can still be seen."""
    case = new_case(Subject="gone")
    start = clock.at
    desk.delete("Case", case, user_id=desk.default_user_id)
    desk.purge([case])
    assert desk.query_rows(select("Id", "Case", Id=case), include_deleted=True) == []
    end = clock.move(minutes=2)
    answer = desk.deleted("Case", start, end)
    assert [record["id"] for record in answer["deletedRecords"]] == [case]


def test_the_bin_forgets_after_fifteen_days(desk, clock, new_case, refusal):
    case = new_case(Subject="old")
    desk.delete("Case", case, user_id=desk.default_user_id)
    clock.move(days=15, seconds=1)
    assert refusal(desk.retrieve, "Case", case).code == "NOT_FOUND"


def test_merged_cases_name_their_master(desk, new_case):
    """Losers go to the bin with MasterRecordId; their comments move to the winner."""
    master, loser = new_case(Subject="m"), new_case(Subject="l")
    comment = {"ParentId": loser, "CommentBody": "kept"}
    moved = desk.create("CaseComment", comment, user_id=desk.default_user_id)
    desk.merge_cases(master, [loser])
    soql = select("IsDeleted, MasterRecordId", "Case", Id=loser)
    row = desk.query_rows(soql, include_deleted=True)[0]
    assert (row["IsDeleted"], row["MasterRecordId"]) == (True, master)
    assert desk.retrieve("CaseComment", moved)["ParentId"] == master


def test_a_savepoint_undoes_rows_journal_and_answers(desk, new_case, refusal):
    """All or none: also for pages remembered inside."""
    before, journalled = desk.query("SELECT COUNT() FROM Case").plain, len(desk.journal())
    seen = []

    def write_and_fail() -> None:
        with desk.savepoint():
            new_case(Subject="never")
            seen.append(desk.query("SELECT COUNT() FROM Case").plain)
            new_case(Nope="refused")

    refusal(write_and_fail)
    assert seen[0] != before
    assert desk.query("SELECT COUNT() FROM Case").plain == before
    assert len(desk.journal()) == journalled


def test_the_journal_tells_writes_once_and_in_order(desk, new_case):
    case, since = new_case(Subject="1"), desk.journal()[-1]["seq"]
    for number in "234":
        desk.update("Case", case, {"Subject": number}, user_id=desk.default_user_id)
    ours = [entry for entry in desk.journal(since) if entry["api"]]
    assert [entry["fields"] for entry in ours] == [{"Subject": n} for n in "234"]
    assert {(entry["op"], entry["id"]) for entry in ours} == {("update", case)}


def test_upsert_creates_once_and_updates_after(desk, refusal):
    """The key finds its row in any case; updateOnly never creates."""
    user = desk.default_user_id
    case, created = desk.upsert("Case", "Sync_Key__c", "u-1", {"Subject": "a"}, user_id=user)
    again = desk.upsert("Case", "sync_key__c", "U-1", {"Subject": "b"}, user_id=user)
    assert created
    assert again == (case, False)
    assert desk.retrieve("Case", case)["Subject"] == "b"
    missing = refusal(desk.upsert, "Case", "Sync_Key__c", "u-2", {}, user_id=user, update_only=True)
    assert missing.status == 404


def test_an_update_can_demand_an_unchanged_row(desk, clock, new_case, refusal):
    """412, by LastModifiedDate, to the second."""
    case, read_at, user = new_case(Subject="a"), clock.at, desk.default_user_id
    desk.update("Case", case, {"Subject": "b"}, user_id=user, unmodified_since=read_at)
    clock.move(seconds=1)
    desk.update("Case", case, {"Subject": "c"}, user_id=user)
    error = refusal(
        desk.update, "Case", case, {"Subject": "d"}, user_id=user, unmodified_since=read_at
    )
    assert error.status == 412


def test_a_closing_case_writes_its_history_and_ends_its_milestones(desk, clock, new_case):
    """What follows from one status change, under one stamp."""
    entitlement = desk.query_rows("SELECT Id FROM Entitlement LIMIT 1")[0]["Id"]
    case = new_case(EntitlementId=entitlement, Comments="internal")
    clock.move(hours=3)
    desk.update("Case", case, {"Status": "Closed"}, user_id=desk.default_user_id)
    row = desk.retrieve("Case", case)
    assert (row["IsClosed"], row["ClosedDate"]) == (True, row["SystemModstamp"])
    milestones = desk.query_rows(
        select("IsCompleted, IsViolated", "CaseMilestone", CaseId=case) + " ORDER BY TargetDate"
    )
    assert [(m["IsCompleted"], m["IsViolated"]) for m in milestones] == [
        (True, True),
        (True, False),
    ]
    history = desk.query_rows(select("Field, NewValue", "CaseHistory", CaseId=case))
    assert {(h["Field"], h["NewValue"]) for h in history} == {
        ("created", None),
        ("Status", "Closed"),
    }
    assert len(desk.query_rows(select("Id", "CaseComment", ParentId=case))) == 1


CLOCKS = (
    "SystemModstamp, IsViolated, TimeRemainingInMins, TimeSinceTargetInMins, ElapsedTimeInMins,"
    " ElapsedTimeInHrs, ActualElapsedTimeInMins, ActualElapsedTimeInDays"
)


def test_a_milestones_clocks_run_without_a_stamp(desk, clock, new_case):
    """Until it is completed, and only then it says how long it took."""
    entitlement = desk.query_rows("SELECT Id FROM Entitlement LIMIT 1")[0]["Id"]
    case = new_case(EntitlementId=entitlement)

    def seen() -> list:
        query = select(CLOCKS, "CaseMilestone", CaseId=case) + " ORDER BY TargetDate LIMIT 1"
        (row,) = desk.query_rows(query)
        return [row[name] for name in CLOCKS.replace(",", "").split()]

    stamp, *clocks = seen()
    assert clocks == [False, "60:00", None, None, None, None, None]
    clock.move(minutes=20, seconds=15)
    assert seen() == [stamp, False, "39:45", None, None, None, None, None]
    clock.move(minutes=70)
    assert seen() == [stamp, True, None, "30:15", None, None, None, None]
    desk.update("Case", case, {"Status": "Closed"}, user_id=desk.default_user_id)
    assert seen()[1:] == [True, None, None, 90, 1.5, 90, 0.06]


def test_a_contacts_new_address_shows_on_its_cases_without_a_stamp(desk, clock, new_case):
    contact = desk.create(
        "Contact", {"LastName": "Xu", "Email": "x@a.example"}, user_id=desk.default_user_id
    )
    case = new_case(ContactId=contact)
    before = desk.retrieve("Case", case)
    clock.move(minutes=1)
    desk.update("Contact", contact, {"Email": "y@a.example"}, user_id=desk.default_user_id)
    after = desk.retrieve("Case", case)
    assert (before["ContactEmail"], after["ContactEmail"]) == ("x@a.example", "y@a.example")
    assert before["SystemModstamp"] == after["SystemModstamp"]


def test_lines_add_up_on_their_service_contract(desk):
    """Totals are rolled up and move no stamp."""
    user = desk.default_user_id
    contract = desk.create("ServiceContract", {"Name": "SC", "Tax": 5}, user_id=user)
    entry = desk.query_rows("SELECT Id, UnitPrice FROM PricebookEntry LIMIT 1")[0]
    line = {"ServiceContractId": contract, "PricebookEntryId": entry["Id"], "Quantity": 2}
    desk.create("ContractLineItem", {**line, "UnitPrice": 100, "Discount": 10}, user_id=user)
    row = desk.retrieve("ServiceContract", contract)
    assert (row["Subtotal"], row["TotalPrice"], row["GrandTotal"]) == (200.0, 180.0, 185.0)
    assert (row["LineItemCount"], row["Discount"]) == (1, 10.0)


def test_a_child_that_must_stay_keeps_its_parent(desk, new_case, refusal):
    account = desk.create("Account", {"Name": "Held"}, user_id=desk.default_user_id)
    new_case(AccountId=account)
    error = refusal(desk.delete, "Account", account, user_id=desk.default_user_id)
    assert error.code == "DELETE_FAILED"


def test_an_article_lives_through_draft_online_and_archived(desk, refusal):
    """Only drafts can be edited; publishing a new version archives the old."""
    user = desk.default_user_id
    fields = {"Title": "T", "UrlName": "t-1", "Sync_Key__c": "art"}
    first = desk.create("Knowledge__kav", fields, user_id=user)
    desk.publish(first, new_version=True)
    error = refusal(desk.update, "Knowledge__kav", first, {"Title": "U"}, user_id=user)
    assert error.code == "INSUFFICIENT_ACCESS_OR_READONLY"
    article = desk.retrieve("Knowledge__kav", first)["KnowledgeArticleId"]
    second = desk.new_draft(article)
    assert desk.find_by_external_id("Knowledge__kav", "Sync_Key__c", "art") == [second]
    desk.update("Knowledge__kav", second, {"Title": "U"}, user_id=user)
    desk.publish(second, new_version=True)
    rows = desk.query_rows(
        select("PublishStatus, VersionNumber", "Knowledge__kav", KnowledgeArticleId=article)
        + " ORDER BY Id"
    )
    assert [(r["PublishStatus"], r["VersionNumber"]) for r in rows] == [
        ("Archived", 1),
        ("Online", 2),
    ]


def test_all_versions_tell_what_their_article_counts(desk):
    """The cases it is attached to; no stamp of theirs moves for it."""
    count = "SELECT Id, ArticleCaseAttachCount, SystemModstamp FROM Knowledge__kav"
    online = desk.query_rows(f"{count} WHERE PublishStatus = 'Online' LIMIT 1")[0]["Id"]
    article = desk.retrieve("Knowledge__kav", online)["KnowledgeArticleId"]
    desk.new_draft(article)
    query = f"{count} WHERE KnowledgeArticleId = '{article}' ORDER BY Id"
    before = msgspec.json.decode(desk.query(query).plain)["records"]
    counted = desk._registry.whole("Knowledge__ka")
    desk._tables.update(counted, article, {"CaseAssociationCount": 77})
    after = msgspec.json.decode(desk.query(query).plain)["records"]
    assert len(after) > 1
    assert after == [{**row, "ArticleCaseAttachCount": 77} for row in before]


def test_an_object_switched_off_is_unknown_everywhere(clock, refusal):
    """Query says INVALID_TYPE, describe 404, and references to it vanish."""
    org = Org(cases=200, clock=clock, without={"Entitlement", "Knowledge__kav"})
    assert refusal(org.query, "SELECT Id FROM Entitlement").code == "INVALID_TYPE"
    assert refusal(org.describe, "Entitlement").status == 404
    assert "Entitlement" not in {entry["name"] for entry in org.describe_global()["sobjects"]}
    assert "EntitlementId" not in {field["name"] for field in org.describe("Case")["fields"]}
    org.close()


def test_get_updated_cuts_seconds_and_stops_at_open_transactions(desk, clock, new_case, refusal):
    """Whole minutes, thirty days back, and never past what has not committed."""
    start = clock.at
    case = new_case(Subject="new")
    clock.move(minutes=1, seconds=10)
    with desk.hold(600):
        new_case(Subject="slow")
    held_at = clock.at
    end = clock.move(minutes=3, seconds=30)
    answer = desk.updated("Case", start, end)
    assert answer["ids"] == [case]
    assert answer["latestDateCovered"] == f"{held_at:%Y-%m-%dT%H:%M:%S}.000+0000"
    assert refusal(desk.updated, "Case", end, end).code == "INVALID_REPLICATION_DATE"
    clock.move(days=31)
    assert refusal(desk.updated, "Case", start, end).code == "INVALID_REPLICATION_DATE"


def test_a_file_opens_as_it_stood(tmp_path, clock):
    """Rows, Ids, hidden and added fields survive; Ids are not given twice."""
    path = str(tmp_path / "org.db")
    org = Org(cases=200, path=path, clock=clock)
    org.add_field("Case", {"name": "Colour__c", "type": "string", "length": 20})
    org.hide_field("Case", "Reason")
    case = org.create("Case", {"Colour__c": "red"}, user_id=org.default_user_id)
    identity = org.id
    org.close()
    again = Org(cases=5000, seed=9, path=path, clock=clock)
    assert again.id == identity
    assert again.retrieve("Case", case)["Colour__c"] == "red"
    assert "Reason" not in {field["name"] for field in again.describe("Case")["fields"]}
    assert again.create("Case", {}, user_id=again.default_user_id) > case
    again.close()


def test_the_live_desk_does_the_same_for_the_same_dice(clock):
    """Acts depend on org and dice only."""
    told = []
    for _ in range(2):
        org, dice = Org(cases=200, clock=clock), random.Random(7)
        acts = [agents.tick(org, dice) for _ in range(200)]
        told.append((acts, org.journal()))
        org.close()
    assert told[0] == told[1]
    assert {"open", "comment", "move", "close"} <= set(told[0][0])
