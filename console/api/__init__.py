"""The HTTP API: commands, actions, objects and reports for programs."""

from starlette.routing import BaseRoute

from console.api import commands
from worker.app import App


def routes(parts: App) -> list[BaseRoute]:
    """Give every address of the API."""
    return [*commands.routes(parts)]
