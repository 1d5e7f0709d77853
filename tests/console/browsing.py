"""A console without a socket over a store that has seen something; and pages read as a person does."""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from html import unescape
from html.parser import HTMLParser
from typing import Any

from starlette.testclient import TestClient

from console.app import console
from pipelines.cycle import Cycle
from tests.pipelines.push.ground import Place, update

HERE = "http://127.0.0.1:8484"
BROWSER = {"accept": "text/html", "sec-fetch-site": "same-origin", "origin": HERE}
_VOID = frozenset({"meta", "link", "input", "br", "path", "img", "hr", "wbr"})


class Page(HTMLParser):
    """A page's elements, each closed that was opened."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.open: list[str] = []
        self.texts: dict[str, str] = {}
        self._named: list[str | None] = []
        self.feed(text)
        assert self.open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))
        if tag not in _VOID:
            self.open.append(tag)
            self._named.append(dict(attrs).get("id"))

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag
        self._named.pop()

    def handle_data(self, data: str) -> None:
        """Keep what stands in elements that have an id."""
        for name in filter(None, self._named):
            self.texts[name] = self.texts.get(name, "") + data

    def all(self, tag: str) -> list[dict[str, str | None]]:
        return [attrs for name, attrs in self.elements if name == tag]

    @property
    def landmarks(self) -> list[tuple[str, str | None]]:
        """Role and name of what leads a listener through the page."""
        roles = {"section": "region", "nav": "navigation", "form": "form"}
        return [
            (
                attrs.get("role") or roles[tag],
                attrs.get("aria-label") or self.texts.get(attrs.get("aria-labelledby") or ""),
            )
            for tag, attrs in self.elements
            if attrs.get("role") == "region" or tag in roles
        ]

    @property
    def links(self) -> list[str]:
        return [str(one["href"]) for one in self.all("a") if one.get("href")]


class Browser:
    """Somebody at the console, who follows redirects and sends forms as pages make them."""

    def __init__(self, client: TestClient) -> None:
        self.client = client

    def see(self, path: str, status: int = 200) -> str:
        answer = self.client.get(path)
        assert answer.status_code == status, f"{path}: {answer.text}"
        return answer.text

    def do(self, path: str, page: str = "/accounts", *, status: int = 200, **given: Any) -> str:
        """Send a form, with the token that a page of ours carries."""
        (token, *_) = re.findall(r'name="csrf" value="(\w+)"', self.see(page)) or [""]
        answer = self.client.post(path, data={"csrf": token, **given})
        assert answer.status_code == status, answer.text
        return unescape(answer.text)


@contextmanager
def browsing(place: Place, **more: Any) -> Iterator[Browser]:
    with TestClient(console(place.app, **more), base_url=HERE, headers=BROWSER) as client:
        yield Browser(client)


def pull(place: Place) -> None:
    """Read everything that the org has."""
    Cycle(puller=place.app.puller()).run(place.app.models)


def misspelt(place: Place, record_ids: list[str]) -> list[str]:
    """Have another program insert what cannot be applied, each with a message of its own."""
    ids = [
        place.insert(op="update", sobject="Case", record_id=one, fields='{"Priorty": "High"}')
        for one in record_ids
    ]
    place.drain()
    return ids


def applied(place: Place, record_id: str, **fields: Any) -> str:
    (command_id,) = place.submit(update(record_id, **fields))
    place.drain()
    return command_id
