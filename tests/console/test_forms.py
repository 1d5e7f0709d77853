"""Forms in a real browser: what it sends of a form that nobody has touched, and of one that was refused."""

import json
from collections.abc import Iterator
from contextlib import closing
from typing import Any

import pytest
from playwright.sync_api import Browser, Page
from sqlalchemy import text

from emulator.server import Emulator
from models import by_name
from store import descriptions
from tests.console.browsing import pull
from tests.console.chromium import opened
from tests.console.conftest import served
from tests.pipelines.push.ground import Place

KINDS = (
    "boolean",
    "picklist",
    "multipicklist",
    "string",
    "textarea",
    "double",
    "date",
    "reference",
)
UNLIKE = """() => {
  const data = new FormData(document.querySelector("#propose form"));
  const names = [...data.keys()].filter((name) => name.startsWith("was.")).map((name) => name.slice(4));
  return [names.length, names.filter((name) => data.get(`field.${name}`) !== data.get(`was.${name}`))];
}"""
"""Names the fields that a browser would send as something else than the page showed."""


@pytest.fixture(scope="module")
def place(
    org: Emulator, tmp_path_factory: pytest.TempPathFactory, migrated_sqlite: Any
) -> Iterator[Place]:
    path = tmp_path_factory.mktemp("forms") / "store.db"
    path.write_bytes(migrated_sqlite.read_bytes())
    place = Place(org, f"sqlite:///{path}")
    with closing(place.app):
        place.app.link_from_settings()
        pull(place)
        yield place


@pytest.fixture(scope="module")
def base(place: Place) -> Iterator[str]:
    with served(place) as client:
        yield str(client.base_url)


@pytest.fixture
def page(chromium: Browser) -> Iterator[Page]:
    with opened(chromium) as context:
        yield context.new_page()


@pytest.fixture(scope="module")
def cases(place: Place) -> list[str]:
    with place.app.store.read() as tx:
        return list(tx.exec_driver_sql("SELECT id FROM cases ORDER BY id LIMIT 9").scalars())


def retype(place: Place, kind: str) -> None:
    """Have every field of cases be of one kind from now on, as far as the org says."""
    with place.app.store.begin() as tx:
        kept = descriptions.read(tx, "Case")
        assert kept
        body = json.loads(kept.body or "")
        for field in body["fields"]:
            field |= {"type": kind, "picklistValues": [{"value": "Phone", "active": True}]}
        descriptions.keep(tx, "Case", json.dumps(body), fetched_at=place.clock())


@pytest.mark.parametrize("kind", KINDS)
def test_a_form_that_nobody_touched_changes_nothing(
    place: Place, base: str, page: Page, cases: list[str], kind: str
) -> None:
    """Whatever is stored, nothing at all included, in a field that has become of another kind."""
    retype(place, kind)
    odd, bare = cases[:2]
    with place.app.store.begin() as tx:
        given = {"odd": '\n two\rlines, "quoted" & <b>  ', "id": odd}
        tx.execute(text("UPDATE cases SET subject = :odd, origin = 'a\nb' WHERE id = :id"), given)
        columns = [one.column for one in by_name("Case").fields() if one.column not in _KEPT]
        nothing = ", ".join(f"{name} = NULL" for name in columns)
        tx.execute(text(f"UPDATE cases SET {nothing} WHERE id = :id"), {"id": bare})  # noqa: S608
    for record_id in (odd, bare):
        page.goto(f"{base}/records/Case/{record_id}")
        number, unlike = page.evaluate(UNLIKE)
        assert number > 5
        assert unlike == []


_KEPT = frozenset({"id", "system_modstamp", "is_deleted", "created_date", "last_modified_date"})
