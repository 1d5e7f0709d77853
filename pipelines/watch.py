"""Who looks on while work is done: figures are kept of it, traces where somebody asked for them.

Each piece of work is a deed, named once around the work. What a deed is told of it (its facts) are
counts, names and outcomes: never a field's value, an address or a token.
"""

import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import Protocol

from pipelines import purpose

Fact = str | int | float
Traces = tuple[str, ...]
"""The traces a deed belongs to, each as a W3C `traceparent`; none: to the one under way."""

_REFUSED = 400


class Deed:
    """One piece of work: its name, and what is known of it, more as it goes on."""

    __slots__ = ("facts", "name", "traces")

    def __init__(self, name: str, traces: Traces, facts: dict[str, Fact]) -> None:
        self.name = name
        self.traces = traces
        self.facts = facts

    def add(self, **facts: Fact) -> None:
        self.facts |= facts


class Figures(Protocol):
    """What counts and measures."""

    def ended(self, deed: Deed, seconds: float) -> None: ...
    def count(self, name: str, number: int = 1, **labels: str) -> None: ...


class Tracer(Protocol):
    """What writes spans."""

    def span(self, deed: Deed) -> AbstractContextManager[object]:
        """Open a span for a deed, the current one while the context is open."""

    def past(self, deed: Deed, seconds: float) -> None:
        """Write a span for a deed that has just ended."""

    def context(self) -> str | None:
        """Give the current span as a `traceparent`."""


class Watch:
    """Passes on what is done; by itself it does nothing."""

    def __init__(
        self,
        *,
        tracer: Tracer | None = None,
        report: Callable[[BaseException], None] | None = None,
    ) -> None:
        self._figures: Figures | None = None
        self._tracer = tracer
        self._report = report

    def keep(self, figures: Figures) -> None:
        """Have figures kept from now on."""
        self._figures = figures

    @contextmanager
    def doing(self, name: str, traces: Traces = (), **facts: Fact) -> Iterator[Deed]:
        """Look on while something is done; an error that ends it is its outcome."""
        deed = Deed(name, traces, facts)
        began = time.perf_counter()
        try:
            if self._tracer is None:
                yield deed
            else:
                with self._tracer.span(deed):
                    yield deed
        except BaseException as error:
            deed.facts.setdefault("outcome", type(error).__name__)
            raise
        finally:
            if self._figures:
                self._figures.ended(deed, time.perf_counter() - began)

    def done(self, name: str, seconds: float, traces: Traces = (), **facts: Fact) -> None:
        """Take note of something that has just been done, and took so long."""
        deed = Deed(name, traces, facts)
        if self._tracer:
            self._tracer.past(deed, seconds)
        if self._figures:
            self._figures.ended(deed, seconds)

    @contextmanager
    def request(self, kind: str, method: str) -> Iterator[Callable[[int], None]]:
        """Look on at one request to the org, as `Client(watch=)` wants it."""
        errand = purpose.current()
        facts: dict[str, Fact] = {"purpose": str(errand.purpose), "object": errand.sobject}
        with self.doing("org.request", (), kind=kind, method=method, **facts) as deed:
            yield lambda status: deed.add(
                status=status, outcome="refused" if status >= _REFUSED else "ok"
            )

    @contextmanager
    def refresh(self) -> Iterator[None]:
        """Look on at one refresh of the token, as `Client(watch_refresh=)` wants it."""
        with self.doing("token.refresh"):
            yield

    def count(self, name: str, number: int = 1, **labels: str) -> None:
        """Count something that happened."""
        if self._figures:
            self._figures.count(name, number, **labels)

    def traces(self, found: Iterable[str | None]) -> Traces:
        """Choose the traces that something belongs to; none where nobody traces."""
        if self._tracer is None:
            return ()
        return tuple(dict.fromkeys(one for one in found if one))

    def context(self) -> str | None:
        """Give the trace under way, to be kept with what is to be done later."""
        return self._tracer.context() if self._tracer else None

    def unforeseen(self, error: BaseException) -> None:
        """Take note of an error that nobody had thought of."""
        self.count("unforeseen")
        if self._report:
            self._report(error)


NOBODY = Watch()
