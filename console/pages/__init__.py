"""The pages that people look at, each with its own file."""

from starlette.routing import BaseRoute

from console.answers import Answers
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

_PAGES = (overview, objects, commands, command, record, accounts, linking, doctor)


def routes(parts: App, answers: Answers) -> list[BaseRoute]:
    """Give every page's address."""
    simple = [address for page in _PAGES for address in page.routes(parts)]
    return [*simple, *reports.routes(parts, answers)]
