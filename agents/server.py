"""The server: what is asked of it is answered by the parts of one account."""

import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from importlib.metadata import version
from typing import Any, TypeVar

import anyio
import anyio.to_thread
import mcp_types as types
import structlog
from mcp.server import NotificationOptions, Server, ServerRequestContext
from mcp.server.models import InitializationOptions
from mcp.server.subscriptions import InMemorySubscriptionBus, ListenHandler
from mcp.shared.exceptions import MCPError

from agents import writing
from agents.changes import Changes
from agents.describing import described
from agents.fields import DESCRIBE_TOOL
from agents.forms import WAIT
from agents.guard import caller_of, holder
from agents.reading import Arguments, Reading
from agents.reports import PREFIX, REPORT_TOOL, Reports
from agents.results import answered, document, refused
from agents.sending import Sending
from agents.status import STATUS, status
from agents.toolbox import COMMAND_TOOL, Tool, Toolbox
from agents.wording import INSTRUCTIONS
from config.settings import ConfigError
from console.access.door import Caller
from models.action import Action
from models.api_key import Scope
from models.command import InvalidCommand
from pipelines.actions import ActionRefused
from pipelines.receipts import Receipt
from salesforce.errors import SalesforceError
from store.errors import StoreError
from store.reports import BadQuestion
from worker.app import App

Context = ServerRequestContext[Any, Any]
T = TypeVar("T")

LAST_CALL = 8.0
"""Seconds for what is in flight, once we are told to end."""
_LOOK_EVERY = 0.1  # s, at a command that somebody waits for
_SAID = (
    ActionRefused,
    BadQuestion,
    ConfigError,
    InvalidCommand,
    SalesforceError,
    StoreError,
    writing.WriteRefused,
)
_UNFORESEEN = "this was not foreseen; the server's log says more"

log = structlog.get_logger()


class Agents:
    """Answers for one account, whoever asks and by whatever transport."""

    def __init__(self, parts: App, here: Caller | None = None) -> None:
        self._parts = parts
        self._here = here or holder()
        self._reading = Reading(parts)
        self._reports = Reports(parts.store, parts.allows)
        self._toolbox = Toolbox(parts, self._reports)
        self._sending = Sending(parts)
        self._threads = anyio.CapacityLimiter(parts.settings.threads)
        self._bus = InMemorySubscriptionBus()
        self._changes = Changes(lambda: [one.name for one in self._toolbox.enabled()], self._bus)

    def server(self) -> Server[None]:
        """Make the server that a transport runs."""
        server = _Server(
            "scsync",
            version=version("scsync"),
            title="scsync",
            instructions=INSTRUCTIONS,
            lifespan=self._life,
            on_list_tools=self._list_tools,
            on_call_tool=self._call_tool,
            on_list_resources=self._list_resources,
            on_list_resource_templates=self._list_templates,
            on_read_resource=self._read_resource,
            on_subscriptions_listen=ListenHandler(self._bus),
        )
        server.add_notification_handler(
            "notifications/initialized", types.NotificationParams, self._changes.tell
        )
        return server

    def stop(self) -> None:
        """Finish or hand back what is in flight."""
        self._sending.stop(LAST_CALL)

    @asynccontextmanager
    async def _life(self, _: Server[None]) -> AsyncIterator[None]:
        self._sending.start()
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(self._changes.watch)
            yield
            tasks.cancel_scope.cancel()

    async def _list_tools(
        self, context: Context, _params: types.PaginatedRequestParams | None
    ) -> types.ListToolsResult:
        scopes = caller_of(context, self._here).scopes
        tools = await self._aside(self._toolbox.every)
        return types.ListToolsResult(tools=[one.listed() for one in tools if one.scope in scopes])

    async def _list_resources(
        self, _context: Context, _params: types.PaginatedRequestParams | None
    ) -> types.ListResourcesResult:
        return types.ListResourcesResult(resources=[STATUS, *self._reports.resources()])

    async def _list_templates(
        self, _context: Context, _params: types.PaginatedRequestParams | None
    ) -> types.ListResourceTemplatesResult:
        return types.ListResourceTemplatesResult(resource_templates=[self._reports.template()])

    async def _read_resource(
        self, context: Context, params: types.ReadResourceRequestParams
    ) -> types.ReadResourceResult:
        def read() -> dict[str, Any]:
            self._refuse_without(Scope.READ, context, params.uri)
            if params.uri == STATUS.uri:
                return status(self._parts.overview())
            if not params.uri.startswith(PREFIX):
                raise BadQuestion(f"there is no resource {params.uri}: list them")
            return self._reports.read(params.uri)

        try:
            return document(params.uri, await self._aside(read))
        except (ActionRefused, BadQuestion) as error:
            raise MCPError(types.INVALID_PARAMS, str(error)) from None
        except StoreError as error:
            raise MCPError(types.INTERNAL_ERROR, str(error)) from None
        except Exception as error:
            log.exception("resource.failed", uri=params.uri)
            self._parts.watch.unforeseen(error)
            raise MCPError(types.INTERNAL_ERROR, _UNFORESEEN) from None

    async def _call_tool(
        self, context: Context, params: types.CallToolRequestParams
    ) -> types.CallToolResult:
        """Do it; whatever goes wrong is told to the agent, which may then mend it."""
        try:
            return await self._called(context, params.name, params.arguments or {})
        except _SAID as error:
            return refused(str(error))
        except Exception as error:
            log.exception("tool.failed", tool=params.name)
            self._parts.watch.unforeseen(error)
            return refused(_UNFORESEEN)

    async def _called(self, context: Context, name: str, given: Arguments) -> types.CallToolResult:
        operator = caller_of(context, self._here).operator
        tool = await self._aside(lambda: self._toolbox.find(name, operator))
        self._refuse_without(tool.scope, context, name)
        if problems := tool.checks.problems(given):
            raise ActionRefused(f"{'; '.join(problems)} (nothing was sent)")
        log.info("tool.called", tool=name)
        if name == DESCRIBE_TOOL:
            return answered(await self._aside(lambda: described(self._parts.describes, given)))
        if name == REPORT_TOOL:
            return answered(await self._aside(lambda: self._reports.answer(given)))
        if name == COMMAND_TOOL:
            return await self._awaited(context, given["command_id"], given.get("wait", 0))
        return await self._done(context, tool, given)

    async def _done(self, context: Context, tool: Tool, given: Arguments) -> types.CallToolResult:
        action = tool.action
        if action is None:
            raise LookupError(f"nobody answers {tool.name}")
        if not action.verb.writes:
            return answered(await self._aside(lambda: self._reading.answer(action, given)))
        return await self._written(context, action, given)

    async def _written(
        self, context: Context, action: Action, given: Arguments
    ) -> types.CallToolResult:
        def hand_in() -> Receipt:
            operator = caller_of(context, self._here).operator
            receipt = writing.submit(self._parts, action, given, operator)
            self._sending.take(receipt.id)
            return receipt

        # A cancellation waits for this: else nobody would know whether it was stored.
        receipt = await anyio.to_thread.run_sync(hand_in, limiter=self._threads)
        wait = given.get("wait", WAIT)
        return await self._awaited(context, receipt.id, wait, repeated=receipt.repeated)

    async def _awaited(
        self, context: Context, command_id: str, wait: float, **more: Any
    ) -> types.CallToolResult:
        """Look at a command until it is finished, or the time is up; it goes on in any case."""
        begun = time.monotonic()
        while True:
            entry = await self._aside(lambda: writing.look(self._parts, command_id))
            passed = time.monotonic() - begun
            if writing.is_finished(entry) or passed >= wait:
                break
            await context.session.report_progress(round(passed, 1), wait, entry.state)
            await anyio.sleep(min(_LOOK_EVERY, wait - passed))
        told = writing.life(entry, await self._aside(self._sending.prospects))
        return answered({**told, **more}, is_error=writing.has_failed(entry))

    def _refuse_without(self, scope: Scope, context: Context, what: str) -> None:
        if scope not in caller_of(context, self._here).scopes:
            raise ActionRefused(f"{what} needs an API key with the scope {scope}")

    async def _aside(self, work: Callable[[], T]) -> T:
        """Wait for the store or the org in a thread; who cancels need not wait for its end."""
        return await anyio.to_thread.run_sync(work, abandon_on_cancel=True, limiter=self._threads)


class _Server(Server[None]):
    """Says, in whatever way it is asked, that its list of tools may change."""

    def create_initialization_options(
        self,
        notification_options: NotificationOptions | None = None,
        experimental_capabilities: dict[str, dict[str, Any]] | None = None,
        extensions: dict[str, dict[str, Any]] | None = None,
    ) -> InitializationOptions:
        changes = notification_options or NotificationOptions(
            tools_changed=True, resources_changed=True
        )
        return super().create_initialization_options(changes, experimental_capabilities, extensions)
