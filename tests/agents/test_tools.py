"""What is offered: a tool for each enabled action, with a form that says what the org takes."""

from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import pytest
from jsonschema import Draft202012Validator
from mcp.shared.subscriptions import ToolsListChanged

from agents.checks import Checks
from agents.fields import MOST_FIELDS, fields_schema
from config.settings import load
from emulator.server import Emulator
from models.action import ACTIONS
from models.command import Op
from salesforce.describe import Describe, FieldDescribe, PicklistValue
from store import audit
from tests.agents.hosts import PATIENCE, Host, within
from tests.pipelines.push.ground import Place, settings_for
from worker.app import App

CASE = "500000000000001AAA"


def test_every_action_is_a_tool(host: Host) -> None:
    """All 34, and what an agent needs beside them; each form is a schema, and says what it does."""
    tools = host.tools()
    assert set(tools) >= {*ACTIONS, "get_command", "describe_object"}
    for name, tool in tools.items():
        Draft202012Validator.check_schema(tool.input_schema)
        Draft202012Validator.check_schema(tool.output_schema or {})
        assert tool.description
        writes = name in ACTIONS and ACTIONS[name].verb.writes
        assert tool.annotations
        assert tool.annotations.read_only_hint is not writes
    hints = {name: tools[name].annotations for name in ("create_case", "delete_case")}
    assert [one and one.destructive_hint for one in hints.values()] == [False, True]


def test_forms_come_from_describe(host: Host) -> None:
    """Types, lengths, values, what is required; what nobody may write is not there."""
    tools = host.tools()
    case = tools["create_case"].input_schema["properties"]["fields"]
    assert case["properties"]["Subject"] == {"type": "string", "maxLength": 255}
    assert case["properties"]["Severity__c"]["enum"] == ["S1", "S2", "S3", "S4"]
    assert "values: New" in case["properties"]["Status"]["description"]
    assert "CaseNumber" not in case["properties"]
    assert case["additionalProperties"] is False
    comment = tools["create_case_comment"].input_schema["properties"]["fields"]
    assert "ParentId" in comment["required"]
    assert comment["properties"]["ParentId"]["description"] == "id of Case"
    changed = tools["update_case"].input_schema
    assert changed["required"] == ["record_id", "fields"]
    assert changed["properties"]["fields"]["properties"]["Severity__c"]["enum"][-1] is None
    assert len(host.do(lambda client: client.list_tools()).model_dump_json()) < 100_000


def test_forms_of_wide_objects_are_bounded() -> None:
    """Three hundred fields and a picklist of five hundred values stay readable, and usable."""
    values = tuple(PicklistValue(value=f"v{n}") for n in range(500))
    fields = [
        FieldDescribe(name=f"F{n}__c", type="string", length=10, createable=True, nillable=n > 2)
        for n in range(300)
    ]
    picklist = FieldDescribe(
        name="P__c",
        type="picklist",
        createable=True,
        nillable=True,
        restricted_picklist=True,
        picklist_values=values,
    )
    describe = Describe(name="Wide__c", fields=(*fields, picklist))
    schema = fields_schema(Op.CREATE, describe, ("P__c", "F200__c"))
    assert list(schema["properties"])[:5] == ["F0__c", "F1__c", "F2__c", "P__c", "F200__c"]
    assert len(schema["properties"]) == MOST_FIELDS
    assert "261 more fields" in schema["description"]
    assert "one of 500 values" in schema["properties"]["P__c"]["description"]
    good = {"F0__c": "x", "F1__c": "x", "F2__c": "x", "F299__c": "x"}
    assert Checks(schema).problems(good) == []


@pytest.mark.parametrize(
    ("name", "given", "said"),
    [
        ("create_case", {"fields": {"Subjct": "x"}}, "did you mean Subject?"),
        ("create_case", {"fields": {"CaseNumber": "1"}}, "is no field that can be written here"),
        ("create_case", {"fields": {"Severity__c": "S9"}}, "is not one of S1, S2, S3, S4"),
        ("create_case", {"fields": {"Subject": "x" * 256}}, "at most 255 fit"),
        ("create_case", {"fields": {"IsEscalated": "yes"}}, "is not of type boolean"),
        ("create_case", {"fields": {}}, "at least one field is needed"),
        ("create_case", {}, "fields is missing"),
        ("create_case_comment", {"fields": {"CommentBody": "x"}}, "fields.ParentId is missing"),
        ("create_case_comment", {"fields": {"ParentId": "5", "CommentBody": "x"}}, "record id"),
        ("update_case", {"record_id": CASE, "fields": {"Status": 1}}, "is not of type string"),
        ("update_case", {"record_id": CASE, "field": {}}, "field: did you mean fields?"),
        ("delete_case", {"record_id": "1"}, "15 or 18 letters and digits"),
        ("list_cases", {"limit": 5000}, "maximum of 200"),
        ("list_cases", {"source": "cache"}, "is not one of org, store"),
        ("list_cases", {"where": ["Statsu=New"]}, "did you mean Status?"),
        ("list_cases", {"where": ["IsClosed=maybe"]}, "no flag value"),
        ("list_cases", {"limit": 200, "page": 12}, 'ask with source "store"'),
        ("get_case", {"record_id": CASE, "fields": ["Nam__c"]}, "has no such field"),
        ("search_cases", {"term": "x"}, "is too short"),
        ("get_command", {"command_id": "no id"}, "there is no command"),
        ("describe_object", {"sobject": "Account"}, "is not one of"),
    ],
)
def test_a_bad_call_is_refused_before_any_call(
    host: Host, place: Place, name: str, given: dict[str, object], said: str
) -> None:
    """With the remedy; nothing is stored, and the org hears nothing."""
    before = place.org.requests()["total"], place.counts()
    assert said in host.refusal(name, **given)
    assert (place.org.requests()["total"], place.counts()) == before


def test_what_the_profile_does_not_enable_is_not_there(org: Emulator, sqlite_url: str) -> None:
    """Neither listed nor done, and refused by its name, which the audit notes with who asked."""
    parts = App(settings_for(org, sqlite_url, actions=("get_*", "list_cases")))
    with closing(parts), within(parts) as host:
        tools = host.tools()
        reads = {name for name in ACTIONS if name.startswith("get_")} | {"list_cases"}
        assert set(tools) & set(ACTIONS) == reads
        assert "get_command" not in tools
        calls = org.requests()["total"]
        said = host.refusal("create_case", fields={"Subject": "No"})
        assert "ACTION_DISABLED: the action create_case is not enabled" in said
        assert "did you mean create_case" in host.refusal("create_cases")
        assert org.requests()["total"] == calls
        with parts.store.read() as tx:
            (noted,) = audit.latest(tx, limit=9)
        asked = (noted.operator, noted.act, noted.subject)
        assert asked == ("local", "action.refused", "create_case")


@contextmanager
def changes(host: Host, mode: str) -> Iterator[Callable[[], None]]:
    """Listen as clients of either time do; hand out a way to wait for news of the tools."""
    if mode == "legacy":
        yield lambda: host.wait(lambda: "ToolListChangedNotification" in host.heard)
        return
    listening = host.client.listen(tools_list_changed=True)
    with host.portal.wrap_async_context_manager(listening) as events:

        async def heard() -> object:
            return await anext(aiter(events))

        def wait() -> None:
            assert isinstance(host.portal.start_task_soon(heard).result(PATIENCE), ToolsListChanged)

        yield wait


@pytest.mark.parametrize("mode", ["auto", "legacy"])
def test_a_change_of_the_profile_is_told_at_once(
    org: Emulator, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, mode: str
) -> None:
    """While it runs: those who are connected hear of it, and what was enabled is refused."""
    config = tmp_path / "scsync.toml"
    config.write_text('actions = ["*"]\n')
    for name in ("login_url", "client_id", "client_secret", "refresh_token"):
        given = org.url if name == "login_url" else getattr(org, name)
        monkeypatch.setenv(f"SCSYNC_{name.upper()}", given)
    monkeypatch.setenv("SCSYNC_DATABASE_URL", f"sqlite:///{tmp_path / 'store.db'}")
    parts = App(load(config))
    with closing(parts), within(parts, mode=mode) as host, changes(host, mode) as changed:
        assert "create_case" in host.tools()
        config.write_text('actions = ["get_*"]\n')
        changed()
        assert "create_case" not in host.tools()
        assert "is not enabled" in host.refusal("create_case", fields={"Subject": "No"})


def test_an_object_that_the_org_lacks_has_no_tools(sqlite_url: str) -> None:
    """An org without Knowledge; a call by name says so."""
    with Emulator(cases=5, without=("Knowledge__kav",)) as org:
        parts = App(settings_for(org, sqlite_url))
        with closing(parts), within(parts) as host:
            assert not [name for name in host.tools() if "knowledge" in name]
            said = host.refusal("create_knowledge_article", fields={"Title": "x"})
            assert "this org has no Knowledge__kav" in said


def test_fields_of_an_object_are_named_page_by_page(host: Host) -> None:
    """All of them in the end, each once; or those that match."""
    page, names = 1, []
    while page:
        told = host.told("describe_object", sobject="Case", page=page)
        names += [one["name"] for one in told["fields"]]
        page = told["next_page"]
    assert len(names) == told["total"] == len(set(names))
    (one,) = host.told("describe_object", sobject="Case", search="severity")["fields"]
    assert one["values"] == ["S1", "S2", "S3", "S4"]
    body = host.told("describe_object", sobject="CaseComment", search="ParentId")["fields"][0]
    assert body["required_to_create"] is True
