"""What agents do: reads and writes on an emulated org, and what they are told."""

import json
from collections.abc import Iterator
from contextlib import closing, contextmanager
from datetime import timedelta
from typing import Any

import anyio
import pytest
from mcp import MCPError

from agents.bounds import ANSWER
from agents.forms import LONGEST_WAIT
from emulator.server import Emulator
from models import by_name
from models.outbox import CommandState
from store import leases, orgs
from tests.agents.hosts import PATIENCE, Host, text, within
from tests.pipelines.push.ground import Place
from tests.receiver import receiving


@contextmanager
def a_daemon(place: Place) -> Iterator[None]:
    """Be the clock, as a daemon is; it sends what others hand in, or not."""
    with place.app.store.begin() as tx:
        assert leases.hold(
            tx, orgs.SCHEDULER, owner="daemon", now=place.clock(), span=timedelta(minutes=5)
        )
    yield
    with place.app.store.begin() as tx:
        leases.drop(tx, orgs.SCHEDULER, owner="daemon")


def test_a_case_is_made_changed_read_and_deleted(org: Emulator, store_url: str) -> None:
    """On both databases: each write is done when it is answered, and the store shows it."""
    place = Place(org, store_url)
    with closing(place.app), within(place.app) as host:
        made = host.told("create_case", fields={"Subject": "From an agent"}, wait=LONGEST_WAIT)
        case = made["record_id"]
        assert (made["state"], made["finished"], made["error"]) == ("applied", True, None)
        changed = host.told(
            "update_case",
            record_id=case,
            fields={"Severity__c": "S2", "Reason": None},
            wait=LONGEST_WAIT,
        )
        assert changed["note"] == f"done: update of Case {case}"
        read = host.told("get_case", record_id=case)
        assert (read["source"], read["record"]["Severity__c"]) == ("org", "S2")
        assert "Reason" not in read["record"]
        kept = host.told("get_case", record_id=case, source="store", fields=["Subject"])
        assert kept["record"] == {"Subject": "From an agent"}
        host.told("delete_case", record_id=case, wait=LONGEST_WAIT)
        assert "there is no Case" in host.refusal("get_case", record_id=case)
        assert [one["id"] for one in place.writes("Case")] == [case] * 3


def test_an_article_is_written_and_published(host: Host) -> None:
    """Its fields by one tool, its publication by another; the search finds it."""
    fields = {"Title": "Calming a zebra", "UrlName": "calming-a-zebra"}
    made = host.told("create_knowledge_article", fields=fields, wait=LONGEST_WAIT)
    article = made["record_id"]
    host.told("publish_knowledge_article", record_id=article, new_version=False, wait=LONGEST_WAIT)
    (found,) = host.told("search_knowledge_articles", term="zebra")["records"]
    assert (found["Id"], found["PublishStatus"]) == (article, "Online")


def test_salesforces_own_refusal_is_told(host: Host, place: Place) -> None:
    """As an error that the agent sees, with code and cause."""
    result = host.call(
        "create_case_comment",
        fields={"ParentId": "500000000000009AAA", "CommentBody": "To nobody"},
        wait=LONGEST_WAIT,
    )
    assert result.is_error
    told = json.loads(text(result))
    assert (told["state"], told["finished"]) == ("rejected", True)
    assert told["error"]["code"]
    assert told["note"].startswith("refused, and not done: ")
    assert place.state(told["command_id"]) == CommandState.REJECTED


def test_the_desk_looks_where_a_schema_cannot(host: Host) -> None:
    """What only the row tells is refused with its code, and nothing is stored."""
    given = {"record_id": "006000000000001AAA", "fields": {"Subject": "x"}}
    assert "MALFORMED_ID" in host.refusal("update_case", **given)
    given = {"record_id": "500000000000001AAA", "fields": {"Subject": "x"}, "on_conflict": "merge"}
    assert "NO_BASIS" in host.refusal("update_case", **given)


def test_the_same_key_is_the_same_command(host: Host, place: Place) -> None:
    """A repeated call finds the first one's record."""
    given = {"fields": {"Subject": "Once"}, "idempotency_key": "agent-1", "wait": LONGEST_WAIT}
    first, again = host.told("create_case", **given), host.told("create_case", **given)
    assert (first.pop("repeated"), again.pop("repeated")) == (False, True)
    assert first == again
    made = [one for one in place.writes("Case") if one["fields"].get("Subject") == "Once"]
    assert len(made) == 1


def test_the_key_of_another_command_is_refused(host: Host, place: Place) -> None:
    """Not answered as if it were done; the agent is told to take another key."""
    given = {"idempotency_key": "ticket-7", "wait": LONGEST_WAIT}
    case = host.told("create_case", fields={"Subject": "Once"}, **given)["record_id"]
    comment, before = {"ParentId": case, "CommentBody": "On our way."}, place.counts()
    said = host.refusal("create_case_comment", fields=comment, **given)
    assert "'ticket-7' is the key of another command" in said
    assert "(nothing was stored or sent)" in said
    assert place.counts() == before


def test_an_open_command_is_looked_up_later(host: Host, place: Place) -> None:
    """A daemon that runs is left to send; once there is none, this server does."""
    with a_daemon(place):
        open_ = host.told("create_case", fields={"Subject": "Later"}, wait=0.2)
        assert (open_["state"], open_["finished"]) == ("pending", False)
        assert "a daemon runs and sends it" in open_["note"]
        assert "Ask get_command; do not submit it again." in open_["note"]
    done = host.told("get_command", command_id=open_["command_id"], wait=LONGEST_WAIT)
    assert (done["state"], done["op"], done["sobject"]) == ("applied", "create", "Case")


def test_what_could_not_be_sent_is_sent_again(host: Host, place: Place) -> None:
    """An org that is down for a moment: this server goes on with what it accepted."""
    place.org.fault(match={"body": "In spite of all"}, do={"status": 503}, times=1)
    told = host.told("create_case", fields={"Subject": "In spite of all"}, wait=LONGEST_WAIT)
    assert (told["state"], told["attempts"]) == ("applied", 2)


def test_a_cancelled_call_leaves_its_command(host: Host, place: Place) -> None:
    """The agent no longer waits, the server answers others, the command is done all the same."""
    form = {"fields": {"Subject": "Unawaited"}, "idempotency_key": "agent-2"}
    given, before = {**form, "wait": LONGEST_WAIT}, place.counts()

    def wait_for_the_command() -> None:
        host.wait(lambda: place.counts() != before)

    async def give_up(client: Any) -> None:
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(client.call_tool, "create_case", given)
            await anyio.to_thread.run_sync(wait_for_the_command)
            tasks.cancel_scope.cancel()

    with a_daemon(place):
        host.do(give_up)
        assert host.told("list_cases", limit=1)["records"]
        open_ = host.told("create_case", **{**given, "wait": 0})
        assert (open_["state"], open_["repeated"]) == ("pending", True)
    assert host.told("get_command", command_id=open_["command_id"], wait=LONGEST_WAIT)["finished"]


def test_huge_answers_are_bounded(host: Host, place: Place) -> None:
    """Long texts are cut and say so; what does not fit is named, and how to get at it."""
    whole = place.case(SuppliedCompany="Wordy", Description="word " * 6_000)
    for _ in range(70):
        place.case(SuppliedCompany="Wordy", Description="word " * 1_000)
    where = ["SuppliedCompany=Wordy"]
    told = host.told("list_cases", where=where, fields=["Id", "Description"], limit=200)
    assert len(json.dumps(told)) < ANSWER + 2_000
    shown = len(told["records"])
    assert f"{shown} of " in told["note"]
    assert told["next_page"] is None
    assert "[cut: 4,999 characters in all]" in told["records"][-1]["Description"]
    listed = {"where": where, "fields": ["Id"], "order": "Id", "limit": 20}
    first = host.told("list_cases", **listed)
    second = host.told("list_cases", **listed, page=first["next_page"])
    ids = [one["Id"] for one in [*first["records"], *second["records"]]]
    assert ids == sorted(set(ids))
    record = host.told("get_case", record_id=whole)["record"]
    assert record["Description"].endswith("… [cut: 29,999 characters in all]")


def test_the_store_says_how_fresh_it_is(host: Host, place: Place) -> None:
    """No call is made for it; before the first pull it says that records may be missing."""
    calls = place.org.requests()["total"]
    never = host.told("list_entitlements", source="store")
    assert (never["as_of"], never["records"]) == (None, [])
    assert "is not pulled to an end yet" in never["note"]
    assert place.org.requests()["total"] == calls
    place.app.puller().pull(by_name("Entitlement"))
    told = host.told("list_entitlements", source="store", limit=3)
    assert told["as_of"]
    assert (len(told["records"]), told["next_page"]) == (3, 2)
    missing = host.refusal("get_entitlement", record_id="550000000000009AAA", source="store")
    assert 'Ask with source "org"' in missing


def test_a_dead_grant_is_told_with_its_remedy(sqlite_store_url: str) -> None:
    """The tools stay, by what is known of the fields; the store answers; a write is kept."""
    with (
        Emulator(cases=5) as org,
        closing((place := Place(org, sqlite_store_url)).app),
        within(place.app) as host,
    ):
        known = host.tools()
        org.revoke_grants()
        org.expire_sessions()
        assert "scsync link" in host.refusal("list_cases")
        assert host.told("list_cases", source="store")["records"] == []
        open_ = host.told("create_case", fields={"Subject": "Kept"}, wait=0)
        assert open_["state"] == "pending"
        ask = {"name": "get_command", "command_id": open_["command_id"]}
        host.wait(lambda: "Run scsync link" in host.told(**ask)["note"])
        assert host.told(**ask)["state"] == "pending"
        place.clock.advance(hours=2)
        assert set(host.tools()) == set(known)


def test_what_no_database_holds_is_refused_by_name(host: Host) -> None:
    """Pages, instants and numbers beyond all bounds are the agent's to mend."""
    far = 10**30
    assert "greater than the maximum" in host.refusal("list_cases", source="store", page=far)
    assert "greater than the maximum" in host.refusal("query_report", report="sla", page=far)
    late = ["CreatedDate>=9999-12-31T23:59:59-14:00"]
    assert "beyond the calendar" in host.refusal("list_cases", source="store", where=late)
    given = {"record_id": "500000000000001AAA", "expected_modstamp": "0001-01-01T00:00:00+14:00"}
    assert "beyond the calendar" in host.refusal("delete_case", **given)
    old = [f"age_days>={far}"]
    assert "a whole number of 64 bits" in host.refusal(
        "query_report", report="open_cases", where=old
    )


def test_a_whole_number_may_be_written_with_a_point(host: Host) -> None:
    """JSON Schema calls it an integer."""
    assert host.told("list_cases", source="store", limit=1.0, page=2.0)["records"] is not None
    assert host.told("query_report", report="open_cases", limit=1.0, page=1.0)["rows"] is not None


def test_whatever_is_not_foreseen_is_one_sentence(
    host: Host, place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    """No word of a bug reaches an agent, and the server goes on."""

    def broken() -> None:
        raise RuntimeError("hush-hush")

    with monkeypatch.context() as patch:
        patch.setattr(place.app, "clock", broken)
        said = host.refusal("list_cases")
    assert said == "this was not foreseen; the server's log says more"
    assert host.told("list_cases", limit=1)["records"]


def test_what_nobody_foresaw_is_counted_and_reported(
    org: Emulator, sqlite_store_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of a tool, of a resource and of what is sent beside them; the report knows our own code."""
    monkeypatch.setattr("worker.reporting._FLUSH", PATIENCE)

    def broken() -> None:
        raise RuntimeError("hush-hush")

    with receiving() as sentry:
        dsn = f"{sentry.url.replace('//', '//public@')}/1"
        place = Place(org, sqlite_store_url, sentry_dsn=dsn)
        with closing(place.app), within(place.app) as host:
            figures = place.app.figures
            place.app.link_from_settings()
            with monkeypatch.context() as patch:
                patch.setattr(place.app, "clock", broken)
                host.refusal("list_cases")
                with pytest.raises(MCPError, match="this was not foreseen"):
                    host.do(lambda client: client.read_resource("scsync://status"))
            with monkeypatch.context() as patch:
                patch.setattr(place.app, "pusher", broken)
                told = host.told("create_case", fields={"Subject": "Not yet"}, wait=0)
                ask = {"name": "get_command", "command_id": told["command_id"]}
                host.wait(lambda: "not foreseen" in host.told(**ask)["note"])
            counted = figures.registry.get_sample_value(
                "scsync_unforeseen_errors_total", {"account": place.app.name}
            )
            assert counted
            assert counted >= 3
        (event, *_) = [json.loads(one.body.splitlines()[-1]) for one in sentry.at("/api/1/")]
    frames = event["exception"]["values"][-1]["stacktrace"]["frames"]
    assert {one["in_app"] for one in frames if one["module"].startswith("agents.")} == {True}
