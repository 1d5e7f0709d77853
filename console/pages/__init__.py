"""The pages that people look at, each with its own file."""

from starlette.routing import BaseRoute

from console.pages import overview
from worker.app import App


def routes(parts: App) -> list[BaseRoute]:
    """Give every page's address."""
    return [*overview.routes(parts)]
