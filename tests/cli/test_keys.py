"""`scsync keys`: made and shown once, listed without themselves, revoked."""

from contextlib import closing

import pytest

from store import audit, keys
from store.engine import Store
from tests.cli.conftest import Desk


def test_a_key_is_shown_once(place: Desk) -> None:
    """The key alone on stdout, to be piped; the list knows its name, scopes and age."""
    done = place.run("keys", "make", "bot", "--scopes", "read, submit", "--expires", "52w")
    key = done.out.strip()
    assert (done.code, key.startswith("scsync_")) == (0, True)
    assert "not shown again" in done.said
    secret = key.split("_", 2)[2]
    assert secret not in done.err
    listed = place.run("keys", "list", "--json")
    (one,) = listed.document()
    assert (one["name"], one["scopes"], one["revoked_at"]) == ("bot", "read,submit", None)
    assert one["expires_at"]
    shown = place.run("keys", "list").out
    assert "good" in shown
    assert secret not in listed.out + shown
    with closing(Store(place.settings["DATABASE_URL"])) as store, store.read() as tx:
        assert keys.every(tx)[0].digest not in listed.out


def test_a_revoked_key_is_listed_as_such(place: Desk) -> None:
    """Exit 2 for one that is none; both acts are in the audit."""
    made = place.run("keys", "make", "bot", "--json").document()
    assert made["scopes"] == ["read"]
    assert place.run("keys", "revoke", "bot").code == 0
    assert "revoked" in place.run("keys", "list").out
    again = place.run("keys", "revoke", "bot")
    assert (again.code, "no key in use is named bot" in again.said) == (2, True)
    with closing(Store(place.settings["DATABASE_URL"])) as store, store.read() as tx:
        acts = [(one.act, one.subject) for one in audit.latest(tx, limit=9)]
        last, first = audit.latest(tx, limit=9)
    assert first.detail == {"scopes": ["read"]}
    assert acts == [("key.revoke", "bot"), ("key.make", "bot")]
    assert last.operator.endswith(" at a shell")
    assert "choose another name" in place.run("keys", "make", "bot").said


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("local",), "cannot name a key"),
        (("a b",), "cannot name a key"),
        (("bot", "--scopes", "write"), "read, submit, operate"),
        (("bot", "--scopes", ""), "read, submit, operate"),
        (("bot", "--expires", "soon"), "no age"),
    ],
)
def test_what_makes_no_key_is_said(desk: Desk, words: tuple[str, ...], said: str) -> None:
    """Exit 2, and no key."""
    done = desk.run("keys", "make", *words)
    assert done.code == 2
    assert said in done.err
    assert "there is no key" in desk.run("keys", "list").out
