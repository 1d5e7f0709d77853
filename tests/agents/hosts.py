"""A host of agents, made by others: the SDK's own client, driven from a test's thread."""

import json
import sys
import time
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

import mcp_types as types
import pytest
from anyio.from_thread import BlockingPortal, start_blocking_portal
from mcp import Client
from mcp.client import stdio
from mcp.client.stdio import StdioServerParameters, stdio_client

from agents.server import Agents
from worker.app import App

T = TypeVar("T")
PATIENCE = 60.0  # s; a bound, not a measure
SCSYNC = str(Path(sys.executable).with_name("scsync"))


@dataclass
class Host:
    """One connection to a server."""

    client: Client
    portal: BlockingPortal
    heard: list[str] = field(default_factory=list)

    def do(self, act: Callable[[Client], Awaitable[T]]) -> T:
        return self.portal.call(act, self.client)

    def tools(self) -> dict[str, types.Tool]:
        found = self.do(lambda client: client.list_tools(cache_mode="bypass")).tools
        return {one.name: one for one in found}

    def call(self, name: str, **given: Any) -> types.CallToolResult:
        return self.do(lambda client: client.call_tool(name, given))

    def wait(self, is_so: Callable[[], bool]) -> None:
        """Wait until it is so, while the connection lives."""
        until = time.monotonic() + PATIENCE
        while not is_so():
            assert time.monotonic() < until, "it did not come"
            time.sleep(0.05)

    def told(self, name: str, **given: Any) -> dict[str, Any]:
        """Call, and give the document of an answer that went well."""
        result = self.call(name, **given)
        assert not result.is_error, result.content
        assert isinstance(result.structured_content, dict)
        assert json.loads(text(result)) == result.structured_content
        return result.structured_content

    def refusal(self, name: str, **given: Any) -> str:
        """Call, and give the words of an answer that did not."""
        result = self.call(name, **given)
        assert result.is_error, result.content
        return text(result)


def text(result: types.CallToolResult) -> str:
    (block,) = result.content
    assert isinstance(block, types.TextContent)
    return block.text


@contextmanager
def connected(target: Any, *, mode: str = "auto") -> Iterator[Host]:
    """Connect to whatever the client takes: a server, a URL, a program to start."""
    heard: list[str] = []

    async def hear(message: Any) -> None:
        heard.append(type(message).__name__)

    with start_blocking_portal() as portal:
        client = Client(target, mode=mode, message_handler=hear)
        with portal.wrap_async_context_manager(client):
            yield Host(client, portal, heard)


@contextmanager
def within(parts: App, *, mode: str = "auto") -> Iterator[Host]:
    """Serve an account in this process."""
    agents = Agents(parts)
    with connected(agents.server(), mode=mode) as host:
        yield host
    agents.stop()


@contextmanager
def by_pipes(folder: Path, env: dict[str, str], *, mode: str = "auto") -> Iterator[Host]:
    """Start the program as a host would; what it logs goes to a file in its folder."""
    program = StdioServerParameters(command=SCSYNC, args=["mcp"], env=env, cwd=folder)
    with pytest.MonkeyPatch.context() as patch, (folder / "log").open("a") as log:
        # The SDK tells a program to end that has not ended two seconds after its input.
        patch.setattr(stdio, "PROCESS_TERMINATION_TIMEOUT", PATIENCE)
        with connected(stdio_client(program, log), mode=mode) as host:
            yield host
