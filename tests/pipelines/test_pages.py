"""Pages end where the org says, and a peer that writes instants otherwise loses nothing."""

import re
from contextlib import closing
from datetime import datetime, timedelta
from typing import Any

import pytest

from emulator.server import Emulator
from store.engine import Store
from tests.pipelines.comparing import differences
from tests.pipelines.reading import Reader
from tests.pipelines.relay import relay

STAMP = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.000\+0000")


@pytest.mark.parametrize("zone", ["Z", "+00:00", "shorter", "+02:00"])
def test_instants_in_another_dress_are_the_same_instants(
    desk: Emulator, store: Store, zone: str
) -> None:
    """A peer that prints Z, +00:00, no milliseconds or another zone gives the same rows."""

    def dress(stamp: str) -> str:
        match zone:
            case "shorter":
                return f"{stamp[:19]}Z"
            case "+02:00":
                return f"{_later(stamp)}.000+02:00"
        return stamp[:23] + zone

    def rewrite(path: str, document: Any) -> Any:
        for record in document["records"] if "FROM Case " in path else ():
            for name, value in record.items():
                if isinstance(value, str) and STAMP.fullmatch(value):
                    record[name] = dress(value)
        return document

    with relay(desk.url, rewrite) as url, closing(Reader(desk, store, login_url=url)) as reader:
        assert reader.pull().outcome == "ok"
        assert differences(desk, store, "Case") == []


def _later(stamp: str) -> str:
    moment = datetime.fromisoformat(stamp) + timedelta(hours=2)
    return f"{moment:%Y-%m-%dT%H:%M:%S}"


def test_short_pages_are_not_the_end(desk: Emulator, store: Store) -> None:
    """An org that gives 50 rows at a time, with a cursor, is read to its end by key."""

    def shorten(path: str, document: Any) -> Any:
        if "FROM Case " in path and len(document["records"]) > 50:
            more = {"done": False, "nextRecordsUrl": "/services/data/v67.0/query/01g-50"}
            return {**document, **more, "records": document["records"][:50]}
        return document

    with relay(desk.url, shorten) as url, closing(Reader(desk, store, login_url=url)) as reader:
        result = reader.pull()
        assert (result.outcome, result.pages >= 4) == ("ok", True)
        assert differences(desk, store, "Case") == []


def test_an_empty_page_that_is_not_the_last_is_an_error(
    desk: Emulator, sqlite_store: Store
) -> None:
    """Rather a failed run than a walk that never ends."""

    def empty(path: str, document: Any) -> Any:
        more = {"done": False, "nextRecordsUrl": "/services/data/v67.0/query/01g-0"}
        return {**document, **more, "records": []} if "FROM Case " in path else document

    with (
        relay(desk.url, empty) as url,
        closing(Reader(desk, sqlite_store, login_url=url)) as reader,
    ):
        assert reader.pull().error_code == "EMPTY_PAGE"
        assert reader.mark().finished_at is None


def test_without_the_servers_time_nothing_is_read(desk: Emulator, sqlite_store: Store) -> None:
    """No Date, no window: our own clock is never taken for the server's."""
    with (
        relay(desk.url, lambda _, document: document, dated=False) as url,
        closing(Reader(desk, sqlite_store, login_url=url)) as reader,
    ):
        assert reader.pull().error_code == "NO_DATE"
        assert (reader.count(), reader.mark().until) == (0, None)


@pytest.mark.parametrize(
    "value", ["a\0b", "\U0001d518 Grüße", "line\nbreak 'quoted'", "漢" * 30_000]
)
def test_texts_of_any_kind_come_through_the_wire(desk: Emulator, store: Store, value: str) -> None:
    """What stands in the answer stands in the store, but for U+0000 on PostgreSQL."""

    def write(path: str, document: Any) -> Any:
        for record in document["records"] if "FROM Case " in path else ():
            record["Description"] = value
        return document

    with relay(desk.url, write) as url, closing(Reader(desk, store, login_url=url)) as reader:
        assert reader.pull().outcome == "ok"
        query = "SELECT DISTINCT description FROM cases"
        with store.read() as tx:
            found = tx.exec_driver_sql(query).scalars().all()
        assert found == [value if store.is_sqlite else value.replace("\0", "")]
