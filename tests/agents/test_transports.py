"""The program as hosts run it: over pipes, over HTTP, and where it can't run."""

import json
import shutil
import signal
import socket
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, closing, contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import anyio
import httpx
import httpx2
import pytest
from mcp.client.streamable_http import streamable_http_client

from agents.forms import LONGEST_WAIT
from agents.guard import Guard
from agents.serving import Serving
from cli import mcp
from cli.context import Context
from cli.main import main
from config.settings import ConfigError
from console.access.door import Door
from console.serving import PortTaken
from emulator.server import Emulator
from models.api_key import Scope
from store import audit, keys
from store.engine import Store
from tests.agents.hosts import SCSYNC, Host, by_pipes, connected
from tests.cli.conftest import Desk, login
from tests.pipelines.push.ground import Place
from tests.receiver import receiving
from tests.worker.conftest import eventually

TOKEN = "open sesame"
PATIENCE = 60.0  # s; a bound, not a measure


@pytest.fixture
def desk(tmp_path: Path, org: Emulator, migrated_sqlite: Path) -> Desk:
    """A folder whose settings name the org, and a store without a row in it."""
    shutil.copy(migrated_sqlite, tmp_path / "scsync.db")
    return Desk(tmp_path, None, login(org))  # type: ignore[arg-type]


def journey(host: Host) -> dict[str, Any]:
    """List the tools, create a case, read it back: what any host does."""
    assert {"create_case", "get_case", "list_cases"} <= set(host.tools())
    made = host.told("create_case", fields={"Subject": "By a host"}, wait=LONGEST_WAIT)
    read = host.told("get_case", record_id=made["record_id"], fields=["Subject", "CaseNumber"])
    assert read["record"]["Subject"] == "By a host"
    return made


def test_a_host_works_over_pipes(desk: Desk, org: Emulator) -> None:
    """By a client that others made; the audit says who started it, and no output holds a secret."""
    with by_pipes(desk.folder, desk.env()) as host:
        made = journey(host)
        said = host.refusal("create_case", fields={"Subject": "x" * 300})
        assert "at most 255 fit" in said
    log = (desk.folder / "log").read_text()
    assert '"event": "command.settled"' in log
    assert "Traceback" not in log
    assert "agents.told_to_end" not in log  # the end of input was the end
    rows = org.run(lambda it: it.query_rows("SELECT Id FROM Case WHERE Subject = 'By a host'"))
    assert made["record_id"] in {row["Id"] for row in rows}
    for secret in (org.client_secret, org.refresh_token):
        assert secret not in log + json.dumps(made)
    with closing(Store(f"sqlite:///{desk.folder / 'scsync.db'}")) as store, store.read() as tx:
        assert {one.operator for one in audit.latest(tx, limit=9)} == {Context().operator}


def test_standard_output_is_the_protocols_alone(desk: Desk) -> None:
    """Every line is a message of it, whatever is logged; told to end it ends, while a host waits."""
    client = {"name": "a host", "version": "1"}
    hello = {"protocolVersion": "2025-06-18", "capabilities": {}, "clientInfo": client}
    with subprocess.Popen(
        [SCSYNC, "mcp"],
        cwd=desk.folder,
        env=desk.env(),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdin
        assert process.stdout

        def ask(number: int, method: str, **params: Any) -> dict[str, Any]:
            sent = {"jsonrpc": "2.0", "id": number, "method": method, "params": params}
            process.stdin.write(json.dumps(sent) + "\n")  # type: ignore[union-attr]
            process.stdin.flush()  # type: ignore[union-attr]
            answer = json.loads(process.stdout.readline())  # type: ignore[union-attr]
            assert (answer["jsonrpc"], answer["id"]) == ("2.0", number)
            found: dict[str, Any] = answer["result"]
            return found

        assert ask(1, "initialize", **hello)["serverInfo"]["name"] == "scsync"
        process.stdin.write('{"jsonrpc":"2.0","method":"notifications/initialized"}\n')
        assert len(ask(2, "tools/list")["tools"]) > 34
        assert ask(3, "tools/call", name="list_cases", arguments={"limit": 1})["isError"] is False
        process.send_signal(signal.SIGTERM)  # a read of standard input can't be called off
        assert process.wait(timeout=PATIENCE) == 0
        rest, log = process.communicate()
        assert rest == ""
        assert "tool.called" in log


def test_a_server_that_is_told_to_end_sends_its_traces_first(desk: Desk) -> None:
    """Though it leaves from under the read of standard input."""
    client = {"name": "a host", "version": "1"}
    hello = {"protocolVersion": "2025-06-18", "capabilities": {}, "clientInfo": client}
    asked = [
        {"id": 1, "method": "initialize", "params": hello},
        {"method": "notifications/initialized"},
        {
            "id": 2,
            "method": "tools/call",
            "params": {
                "name": "create_case",
                "arguments": {"fields": {"Subject": "Traced"}, "wait": 0},
            },
        },
    ]
    with (
        receiving() as collector,
        subprocess.Popen(
            [SCSYNC, "mcp"],
            cwd=desk.folder,
            # What is kept until it is sent is not sent by itself.
            env={
                **desk.env(),
                "SCSYNC_OTLP_ENDPOINT": collector.url,
                "OTEL_BSP_SCHEDULE_DELAY": "3600000",
            },
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        ) as process,
    ):
        assert process.stdin
        assert process.stdout
        for one in asked:
            process.stdin.write(json.dumps({"jsonrpc": "2.0", **one}) + "\n")
            process.stdin.flush()
        answers = [json.loads(process.stdout.readline()) for _ in range(2)]
        assert answers[1]["result"]["isError"] is False
        process.send_signal(signal.SIGTERM)
        assert process.wait(timeout=PATIENCE) == 0
        # On a busy machine the collector may answer too late for whoever leaves, and still hears.
        eventually(lambda: any(b"command.submit" in one.body for one in collector.at("/v1/traces")))


@contextmanager
def served(desk: Desk, *words: str) -> Iterator[str]:
    """Run `scsync mcp --http`; it says where, and ends with 0 when told."""
    with (
        (desk.folder / "log").open("w") as log,
        subprocess.Popen(
            [SCSYNC, "mcp", "--http", "--port", "0", "--json", *words],
            cwd=desk.folder,
            env=desk.env(),
            stdout=subprocess.PIPE,
            stderr=log,
            text=True,
        ) as process,
    ):
        try:
            assert process.stdout
            yield json.loads(process.stdout.readline())["url"]
        finally:
            process.send_signal(signal.SIGTERM)
            assert process.wait(timeout=PATIENCE) == 0


@asynccontextmanager
async def with_key(url: str, key: str) -> AsyncIterator[Any]:
    headers = {"Authorization": f"Bearer {key}"}
    async with (
        httpx2.AsyncClient(headers=headers, timeout=PATIENCE) as http,
        streamable_http_client(url, http_client=http) as streams,
    ):
        yield streams


def test_a_host_works_over_http(desk: Desk) -> None:
    """Both times of the protocol in one process; everybody shows a key, which says what he may."""
    desk.settings |= {"CONSOLE_TOKEN": TOKEN, "ACTIONS": "[!d]*"}
    store = Store(f"sqlite:///{desk.folder / 'scsync.db'}")
    with store.begin() as tx:
        reader = keys.make(tx, "reader", {Scope.READ}, now=datetime.now(UTC))
    with served(desk) as url:
        for mode in ("auto", "legacy"):
            with connected(with_key(url, TOKEN), mode=mode) as host:
                journey(host)
            with connected(with_key(url, reader), mode=mode) as host:
                assert "list_cases" in host.tools()
                assert "create_case" not in host.tools()
                assert host.told("list_cases", limit=1)["records"]
                said = host.refusal("create_case", fields={"Subject": "No"})
                assert said == "create_case needs an API key with the scope submit"
                assert "delete_case is not enabled" in host.refusal("delete_case")
        with store.read() as tx:
            acts = {(one.operator, one.act) for one in audit.latest(tx, limit=9)}
        assert ("token", "command.submit") in acts
        assert ("reader", "action.refused") in acts
        store.close()
        for header in ({}, {"Authorization": "Bearer guess"}, {"Authorization": TOKEN}):
            refused = httpx.post(url, json={}, headers=header, timeout=PATIENCE)
            assert (refused.status_code, refused.json()["title"]) == (401, "Unauthorized")
    log = (desk.folder / "log").read_text()
    assert [secret for secret in (TOKEN, reader) if secret in log] == []


def test_without_the_library_one_line_names_it(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Exit 2."""
    monkeypatch.setattr(mcp, "find_spec", lambda _: None)
    monkeypatch.setattr(sys, "argv", ["scsync", "mcp"])
    with pytest.raises(SystemExit) as end:
        main()
    assert end.value.code == 2
    said = capsys.readouterr()
    assert said.out == ""
    assert (
        said.err == "scsync: scsync mcp needs the library mcp, 2.3 or newer: install scsync[mcp]\n"
    )


def test_a_strangers_name_for_this_machine_is_not_answered(place: Place) -> None:
    """A page elsewhere, whose name points here, would reach the open door by the user's browser.

    So would anybody by a proxy on this machine.
    """

    async def nobody(_scope: Any, _receive: Any, send: Any) -> None:
        await send({"type": "http.response.start", "status": 204, "headers": []})
        await send({"type": "http.response.body"})

    app = Guard(nobody, door=Door(place.app, is_loopback=True))

    async def ask(host: str, headers: dict[str, str]) -> int:
        async with httpx.AsyncClient(transport=httpx.ASGITransport(app)) as http:
            return (await http.post(f"http://{host}/mcp", headers=headers)).status_code

    assert anyio.run(ask, "evil.example:8485", {}) == 421
    assert anyio.run(ask, "127.0.0.1:8485", {}) == 204
    assert anyio.run(ask, "127.0.0.1:8485", {"X-Forwarded-For": "203.0.113.5"}) == 403


def test_other_machines_need_a_token(place: Place) -> None:
    """Refused before the port opens."""
    with pytest.raises(ConfigError, match="set SCSYNC_CONSOLE_TOKEN"):
        Serving(place.app, host="0.0.0.0", port=0)  # noqa: S104 - refused


def test_a_port_that_is_taken_is_named(place: Place) -> None:
    with (
        socket.create_server(("127.0.0.1", 0)) as other,
        pytest.raises(PortTaken, match="cannot listen on 127"),
    ):
        Serving(place.app, port=other.getsockname()[1])
