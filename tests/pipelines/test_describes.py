"""Describes are asked for seldom, remembered in the store, and renewed when they may have aged."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import pytest

from pipelines.describes import FRESH, Describes
from tests.pipelines.reading import Reader


def _asked(reader: Reader) -> list[int]:
    recent = reader.org.requests()["recent"]
    return [entry["status"] for entry in recent if entry["path"].endswith("/describe")]


def test_a_fresh_describe_costs_no_call(reader: Reader) -> None:
    """Asked once, it is answered from the store, in another process as well."""
    first = reader.describes.get("Case")
    asked = len(_asked(reader))
    other = Describes(client=None, store=reader.store, clock=reader.clock)
    assert first == reader.describes.get("Case") == other.get("Case")
    assert len(_asked(reader)) == asked


def test_an_aged_describe_is_asked_for_by_date(reader: Reader) -> None:
    """After an hour the org is asked again; if nothing changed it sends no body."""
    reader.later(5)
    first = reader.describes.get("Contact")
    reader.clock.ahead += FRESH + timedelta(seconds=1)
    assert reader.describes.get("Contact") == first
    assert _asked(reader)[-1] == 304
    asked = len(_asked(reader))
    assert reader.describes.get("Contact") == first
    assert len(_asked(reader)) == asked


def test_a_change_in_the_very_second_of_a_describe_is_seen(
    reader_of: Callable[..., Reader],
) -> None:
    """Conditional headers have whole seconds: a field added right afterwards is not lost."""
    now = datetime.now(UTC)
    reader = reader_of(cases=20, clock=lambda: now)
    reader.describes.get("Asset")
    field = {"name": "Mood__c", "type": "string", "length": 40}
    reader.org.control("POST", "fields", {"sobject": "Asset", "add": field})
    found = reader.describes.get("Asset", max_age=timedelta(0))
    assert found is not None
    assert found.field("Mood__c")


def test_an_object_that_the_org_lacks_is_remembered_as_lacking(sqlite_reader: Reader) -> None:
    """None is an answer, too, and is not asked for again within the hour."""
    assert sqlite_reader.describes.get("Nonsense__c") is None
    asked = len(_asked(sqlite_reader))
    assert sqlite_reader.describes.get("Nonsense__c") is None
    assert len(_asked(sqlite_reader)) == asked


def test_without_the_org_only_what_is_known_is_answered(sqlite_reader: Reader) -> None:
    """Offline, an object never described is a lookup error, not a guess."""
    offline = Describes(client=None, store=sqlite_reader.store, clock=sqlite_reader.clock)
    with pytest.raises(LookupError, match="not been described"):
        offline.get("Case")
