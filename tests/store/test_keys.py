"""API keys and the audit on both databases: what is kept, and what is given out."""

import contextlib
import re
from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime, timedelta

import pytest

from models.api_key import EVERY_SCOPE, Scope
from store import audit, keys
from store.engine import Store

NOW = datetime(2026, 1, 31, 9, tzinfo=UTC)


@pytest.fixture
def store(store_url: str) -> Iterator[Store]:
    with closing(Store(store_url)) as store:
        yield store


def make(store: Store, name: str = "bot", **more: object) -> str:
    with store.begin() as tx:
        return keys.make(tx, name, EVERY_SCOPE, now=NOW, **more)  # type: ignore[arg-type]


def test_a_key_is_known_by_its_digest(store: Store) -> None:
    """What is kept does not contain it; any other text opens nothing."""
    text = make(store)
    assert re.fullmatch(r"scsync_[0-9a-f]{12}_[\w-]{43}", text)
    key = keys.shown(store, text, now=NOW)
    assert key
    assert (key.name, key.allows) == ("bot", EVERY_SCOPE)
    assert text.split("_", 2)[2] not in repr(key.model_dump())
    for wrong in ("", "scsync", text[:-1], f"{text}x", text.upper(), f"scsync_{key.id}_"):
        assert keys.shown(store, wrong, now=NOW) is None


def test_a_key_ends_by_its_time_or_by_a_person(store: Store) -> None:
    """To the instant; a second revocation finds nothing to do."""
    brief = make(store, "brief", expires_at=NOW + timedelta(hours=1))
    bot = make(store)
    assert keys.shown(store, brief, now=NOW + timedelta(minutes=59))
    assert keys.shown(store, brief, now=NOW + timedelta(hours=1)) is None
    with store.begin() as tx:
        assert keys.revoke(tx, "bot", now=NOW)
        assert not keys.revoke(tx, "bot", now=NOW)
    assert keys.shown(store, bot, now=NOW) is None


def test_a_name_is_given_once(store: Store) -> None:
    """Also where its key is revoked: the audit means one holder by it."""
    make(store)
    with store.begin() as tx:
        keys.revoke(tx, "bot", now=NOW)
    with pytest.raises(keys.NameTaken, match="choose another"):
        make(store)


def test_the_last_use_is_kept_once_a_minute(store: Store) -> None:
    """Reading must not become writing."""
    text = make(store)
    for seconds, noted in ((0, 0), (59, 0), (60, 60), (90, 60)):
        now = NOW + timedelta(seconds=seconds)
        key = keys.shown(store, text, now=now)
        assert key
        keys.note_use(store, key, now=now)
        with store.read() as tx:
            (kept,) = keys.every(tx)
        assert kept.last_used_at == NOW + timedelta(seconds=noted)


def test_scopes_are_kept_as_they_were_given(store: Store) -> None:
    """And none beside them."""
    with store.begin() as tx:
        keys.make(tx, "bot", [Scope.SUBMIT, Scope.READ], now=NOW)
        (kept,) = keys.every(tx)
    assert kept.allows == {Scope.READ, Scope.SUBMIT}


def test_an_act_is_noted_with_what_it_did_or_not_at_all(store: Store) -> None:
    """One transaction: what is rolled back has not happened."""
    with store.begin() as tx:
        audit.note(tx, operator="ada", act="command.retry", subject="c1", now=NOW)
        audit.note_all(tx, ["c1", "c2"], operator="bob", act="x" * 99, now=NOW, detail={"n": 1})
        audit.note_all(tx, [], operator="bob", act="nothing", now=NOW)
    with contextlib.suppress(ZeroDivisionError), store.begin() as tx:
        audit.note(tx, operator="eve", act="command.retry", subject="c3", now=NOW)
        raise ZeroDivisionError
    with store.read() as tx:
        found = audit.latest(tx, limit=10)
        assert [(one.operator, one.subject) for one in found] == [
            ("bob", "c2"),
            ("bob", "c1"),
            ("ada", "c1"),
        ]
        assert (found[0].act, found[0].detail, found[2].detail) == ("x" * 60, {"n": 1}, None)
        assert [one.operator for one in audit.latest(tx, limit=9, subject="c1")] == ["bob", "ada"]
        assert [one.subject for one in audit.latest(tx, limit=9, operator="ada")] == ["c1"]
        assert [one.seq for one in audit.latest(tx, limit=9, before=found[1].seq)] == [found[2].seq]
