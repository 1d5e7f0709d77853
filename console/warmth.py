"""What takes long to find out is found out before anybody looks: the desk, reports, row counts."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from threading import Event, Thread

import structlog

from console.answers import Answer, Answers
from console.pages import desk
from console.pages.charted import charts_of
from store.errors import StoreError
from store.reports import CATALOG, Conditions
from worker.app import App

_SHARE = 100
"""So many times as long as a round took, the next one waits: a hundredth of a core at most."""
_REST = 60.0  # s, at least
_PATIENCE = 5.0  # s, for a round that is under way when the console ends

log = structlog.get_logger()


@contextmanager
def kept(parts: App, answers: Answers) -> Iterator[None]:
    """Go round in a thread of its own until the context is left."""
    ending = Event()
    thread = Thread(target=_keep, args=(parts, answers, ending), name="warmth", daemon=True)
    thread.start()
    try:
        yield
    finally:
        ending.set()
        thread.join(_PATIENCE)


def _keep(parts: App, answers: Answers, ending: Event) -> None:
    while not ending.is_set():
        begun = time.monotonic()
        try:
            _go_round(parts, answers, ending)
            log.debug("console.warmed", seconds=round(time.monotonic() - begun, 3))
        except StoreError as error:
            log.warning("console.not_warmed", why=str(error))
        except Exception as error:
            # Pages show it to whoever opens them; that they are warmed goes on.
            parts.watch.unforeseen(error)
            log.error("console.not_warmed", exc_info=error)
        rest = max(_REST, (time.monotonic() - begun) * _SHARE)
        answers.shown_for = max(answers.shown_for, 2 * rest)
        ending.wait(rest)


def _go_round(parts: App, answers: Answers, ending: Event) -> None:
    def ask(name: str, where: Conditions, *, tally: str | None = None) -> Answer:
        return answers.renew(name, where, tally=tally)

    parts.overview(parts.counts)
    for found in (desk.tiles(ask, parts.clock()), desk.charts(ask)):
        for _ in found:
            if ending.is_set():
                return
    for name, report in CATALOG.items():
        if ending.is_set():
            return
        ask(name, ())
        for _ in charts_of(report, (), ask):
            pass
