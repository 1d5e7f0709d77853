"""Tells those who are connected when the profile enables or disables actions."""

from collections.abc import Callable
from typing import Any

import anyio
import mcp_types as types
import structlog
from mcp.server import ServerRequestContext
from mcp.server.subscriptions import (
    InMemorySubscriptionBus,
    ResourcesListChanged,
    ServerEvent,
    ToolsListChanged,
)

LOOK_EVERY = 1.0  # s; a look is one stat of each file of settings

log = structlog.get_logger()


class Changes:
    """Watches the names of what is enabled, and spreads the word."""

    def __init__(self, enabled: Callable[[], list[str]], bus: InMemorySubscriptionBus) -> None:
        self._enabled = enabled
        self._bus = bus

    async def watch(self) -> None:
        """Look again and again, until the server ends."""
        known = self._enabled()
        while True:
            await anyio.sleep(LOOK_EVERY)
            if (now := self._enabled()) != known:
                log.info("tools.changed", before=len(known), now=len(now))
                known = now
                await self._bus.publish(ToolsListChanged())
                await self._bus.publish(ResourcesListChanged())

    async def tell(
        self, context: ServerRequestContext[Any, Any], _params: types.NotificationParams
    ) -> None:
        """Serve one connection of the handshake's time for as long as it lasts.

        Later clients ask for such news by themselves (`subscriptions/listen`).
        """
        send, receive = anyio.create_memory_object_stream[None](1)

        def deliver(event: ServerEvent) -> None:
            # One that is not read yet says it all.
            if isinstance(event, ToolsListChanged) and not send.statistics().current_buffer_used:
                send.send_nowait(None)

        unsubscribe = self._bus.subscribe(deliver)
        try:
            async for _ in receive:
                await context.session.send_tool_list_changed()
                await context.session.send_resource_list_changed()
        finally:
            unsubscribe()
            send.close()
            receive.close()
