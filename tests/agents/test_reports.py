"""Reports for agents: resources to read, and a tool that asks."""

import json
from contextlib import closing
from typing import Any

import pytest
from mcp import MCPError

from emulator.server import Emulator
from models import by_name
from store.reports import CATALOG
from tests.agents.hosts import Host, within
from tests.pipelines.push.ground import Place, settings_for
from worker.app import App


@pytest.fixture(scope="module")
def pulled(shared_place: Place) -> Place:
    for name in ("User", "Account", "Case"):
        shared_place.app.puller().pull(by_name(name))
    return shared_place


def read(host: Host, uri: str) -> Any:
    (content,) = host.do(lambda client: client.read_resource(uri)).contents
    return json.loads(content.text)  # type: ignore[union-attr]


def test_reports_are_resources(host: Host, pulled: Place) -> None:
    """Each view by its name; what it holds is what SQL says, page by page, with its freshness."""
    listed = host.do(lambda client: client.list_resources()).resources
    assert {one.name for one in listed} == {one.view for one in CATALOG.values()} | {"status"}
    (template,) = host.do(lambda client: client.list_resource_templates()).resource_templates
    assert template.uri_template == "scsync://reports/{name}{?limit,page}"
    with pulled.app.store.read() as tx:
        query = "SELECT id FROM report_open_cases ORDER BY created_date, id"
        ids = {row[0] for row in tx.exec_driver_sql(query)}
    seen, page = set(), 1
    while page:
        told = read(host, f"scsync://reports/open_cases?limit=3&page={page}")
        assert told["total"] == len(ids)
        assert told["as_of"]
        seen |= {row["id"] for row in told["rows"]}
        page = told["next_page"]
    assert seen == ids
    assert told["columns"]["age_days"] == "Whole days since then."


def test_the_tool_asks_by_conditions(host: Host, pulled: Place) -> None:
    """In the words of list_ tools; what is no column is said with those there are."""
    calls = pulled.org.requests()["total"]
    told = host.told("query_report", report="open_cases", where=["priority=High"], limit=2)
    assert {row["priority"] for row in told["rows"]} <= {"High"}
    every = host.told("query_report", report="cases_by_day", limit=50)["rows"]
    neither = [f"day!={every[0]['day']}", f"day != {every[1]['day']}"]
    both = host.told("query_report", report="cases_by_day", where=neither, limit=48)
    assert both["rows"] == every[2:]
    none = host.told("query_report", report="open_cases", where=["priority=Nobody"])
    assert none["rows"] == []
    assert none["as_of"] == told["as_of"] is not None
    assert host.told("query_report", report="milestones")["as_of"] is None
    change = "UPDATE scsync_fields SET status = '{}' WHERE api_name = 'IsEscalated'"
    for status, unreadable in (("frozen", ["Case.IsEscalated"]), ("active", [])):
        with pulled.app.store.begin() as tx:
            tx.exec_driver_sql(change.format(status))
        found = host.told("query_report", report="open_cases_by")
        assert (found["unreadable"], found["as_of"] is None) == (unreadable, bool(unreadable))
    said = host.refusal("query_report", report="open_cases", where=["colour=red"])
    assert "report open_cases has no column colour: id, case_number" in said
    assert "age_days takes a whole number" in host.refusal(
        "query_report", report="open_cases", where=["age_days>=old"]
    )
    assert "is not one of" in host.refusal("query_report", report="secrets")
    assert pulled.org.requests()["total"] == calls


@pytest.mark.parametrize(
    ("uri", "said"),
    [
        ("scsync://reports/nothing", "there is no report nothing: open_cases"),
        ("scsync://reports/open_cases?limit=x", "takes limit and page"),
        ("scsync://reports/open_cases?page=" + "9" * 5_000, "takes limit and page"),
        ("file:///etc/passwd", "there is no resource"),
    ],
)
def test_addresses_of_nothing_are_refused(host: Host, uri: str, said: str) -> None:
    """By an error that says what there is."""
    with pytest.raises(MCPError, match=said):
        read(host, uri)


@pytest.mark.usefixtures("pulled")
def test_the_state_of_things_is_a_resource(host: Host) -> None:
    """How fresh the copy is, and what needs a person, without a call."""
    told = read(host, "scsync://status")
    assert told["objects"]["Case"]["complete_through"]
    assert told["objects"]["WorkOrder"]["complete_through"] is None
    assert (told["account"], told["ready"]) == ("linked", told["reasons"] == [])
    assert "of 17 objects were never read" in told["cautions"][0]


def test_reports_show_no_more_than_the_actions(org: Emulator, sqlite_store_url: str) -> None:
    """Where cases may not be listed, no report lists them."""
    parts = App(settings_for(org, sqlite_store_url, actions=("*_work_order*",)))
    with closing(parts), within(parts) as host:
        listed = {one.name for one in host.do(lambda client: client.list_resources()).resources}
        assert not {one.view for one in CATALOG.values() if "Case" in one.sources} & listed
        with pytest.raises(MCPError, match="needs list_cases to be enabled"):
            read(host, "scsync://reports/open_cases")
