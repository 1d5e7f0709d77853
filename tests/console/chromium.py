"""A real browser, looked at by axe; nothing that it asks for may lie beyond this machine."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, BrowserContext, Page, expect

PATIENCE = 120_000  # ms: bounds a wait that ends as soon as what it waits for is there
_GRAVE = frozenset({"serious", "critical"})

expect.set_options(timeout=PATIENCE)


@dataclass
class Visitor:
    """One window, and what went wrong in it."""

    base: str
    context: BrowserContext
    page: Page = field(init=False)
    troubles: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.page = self.context.new_page()
        self.page.on("console", lambda said: self._hear(said.type, said.text))
        self.page.on("pageerror", lambda error: self._hear("error", str(error)))
        self.context.on("request", lambda asked: self._see(asked.url))

    def go(self, path: str) -> Page:
        answer = self.page.goto(self.base + path)
        assert answer is not None
        assert answer.status == 200, path
        return self.page

    def faults(self) -> list[str]:
        """Ask axe what keeps somebody from using this page."""
        violations = (
            Axe().run(self.page, options={"resultTypes": ["violations"]}).response["violations"]
        )
        return [
            f"{self.page.url}: {one['id']} at {one['nodes'][0]['html'][:200]}"
            for one in violations
            if one["impact"] in _GRAVE
        ]

    def _hear(self, kind: str, text: str) -> None:
        if kind in {"error", "warning"}:
            self.troubles.append(f"{self.page.url}: {kind}: {text}")

    def _see(self, address: str) -> None:
        parts = urlsplit(address)
        if parts.scheme not in {"data", "blob"} and parts.hostname != "127.0.0.1":
            self.troubles.append(f"asked for {address}")


@contextmanager
def opened(browser: Browser, **more: Any) -> Iterator[BrowserContext]:
    """Open a browser without cookies, which waits as long as a busy machine takes."""
    context = browser.new_context(**more)
    context.set_default_timeout(PATIENCE)
    try:
        yield context
    finally:
        context.close()


@contextmanager
def visiting(browser: Browser, base: str, *, width: int, scheme: str) -> Iterator[Visitor]:
    view = {"width": width, "height": 900}
    with opened(browser, viewport=view, color_scheme=scheme) as context:
        visitor = Visitor(base, context)
        yield visitor
    assert visitor.troubles == []
