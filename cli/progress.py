"""Progress of long work: a bar on a terminal, plain lines elsewhere."""

import time
from collections.abc import Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import BarColumn, Progress, TaskID, TextColumn, TimeRemainingColumn

from pipelines import pull

_EVERY = 10.0  # s between plain lines


@contextmanager
def shown(console: Console) -> Iterator["Shown"]:
    """Show what pulls report while the block runs."""
    if console.is_terminal:
        with _bars(console) as bars:
            yield Bars(bars)
    else:
        yield Lines(console)


class Shown:
    """Somewhere to report to."""

    def report(self, progress: pull.Progress) -> None:
        raise NotImplementedError


class Bars(Shown):
    """One bar for each sObject: rows, rate, time left."""

    def __init__(self, bars: Progress) -> None:
        self._bars = bars
        self._tasks: dict[str, TaskID] = {}
        self._started: dict[str, float] = {}

    def report(self, progress: pull.Progress) -> None:
        if progress.sobject not in self._tasks:
            self._started[progress.sobject] = time.monotonic()
            self._tasks[progress.sobject] = self._bars.add_task(
                progress.sobject, total=progress.total, rate=""
            )
        seconds = time.monotonic() - self._started[progress.sobject]
        rate = f"{progress.rows / seconds:,.0f}/s" if seconds > 1 else ""
        self._bars.update(
            self._tasks[progress.sobject],
            completed=progress.rows,
            total=progress.total,
            rate=rate,
        )


class Lines(Shown):
    """A line now and then, for logs."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._told: dict[str, float] = {}
        self._started: dict[str, float] = {}

    def report(self, progress: pull.Progress) -> None:
        now = time.monotonic()
        started = self._started.setdefault(progress.sobject, now)
        if now - self._told.setdefault(progress.sobject, now) < _EVERY:
            return
        self._told[progress.sobject] = now
        of = f" of {progress.total:,}" if progress.total else ""
        rate = progress.rows / (now - started)
        self._console.print(f"{progress.sobject}: {progress.rows:,}{of} rows, {rate:,.0f}/s")


def _bars(console: Console) -> Progress:
    return Progress(
        TextColumn("{task.description:<20}"),
        BarColumn(bar_width=24),
        TextColumn("{task.completed:>9,} rows {task.fields[rate]:>10}"),
        TimeRemainingColumn(),
        console=console,
        transient=True,
    )
