"""The pages that people look at, each with its own file."""

from starlette.routing import BaseRoute

from console.pages import (
    accounts,
    command,
    commands,
    doctor,
    linking,
    objects,
    overview,
    record,
    reports,
)
from worker.app import App

_PAGES = (overview, objects, commands, command, reports, record, accounts, linking, doctor)


def routes(parts: App) -> list[BaseRoute]:
    """Give every page's address."""
    return [address for page in _PAGES for address in page.routes(parts)]
