"""What is tried again, what is not, and what is nobody's fault: faults come from the org itself."""

from datetime import timedelta
from typing import Any

import httpx
import pytest

from emulator.server import Emulator
from models.outbox import OPEN, CommandState
from pipelines import retry
from pipelines.retry import MOST_FAILURES
from pipelines.vault import AccountVault
from salesforce.client import Client
from salesforce.errors import LimitExceeded, Unavailable
from tests.pipelines.push.ground import Place, create, delete, update
from tests.services import free_port

LOCKED = {"lock": True}
SPENT = {"limit": "spent"}


def test_the_waits_grow_to_two_minutes() -> None:
    """The curve is the one that is written down."""
    waits = [retry.wait(failures).total_seconds() for failures in range(9)]
    assert waits == [1, 2, 4, 8, 16, 32, 64, 120, 120]


def test_the_org_may_ask_for_more_patience() -> None:
    """Retry-After counts up to a minute; a spent limit is left alone for a minute anyway."""
    minute = timedelta(minutes=1)
    assert retry.pause(Unavailable("busy")) == timedelta(seconds=5)
    assert retry.pause(Unavailable("busy", retry_after=timedelta(seconds=20))).seconds == 20
    assert retry.pause(Unavailable("busy", retry_after=timedelta(days=1))) == minute
    assert retry.pause(LimitExceeded("spent")) == minute


class Broken(httpx.HTTPTransport):
    """A client with a bug, which strikes at one record."""

    def __init__(self, record_id: str) -> None:
        super().__init__()
        self.record_id = record_id

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        sent = request.method == "PATCH"
        if sent and self.record_id in f"{request.url.path} {request.read().decode()}":
            raise RuntimeError("a bug of ours")
        return super().handle_request(request)


def test_a_bug_of_ours_strikes_one_command_and_ends(place: Place) -> None:
    """The others of its batch are sent alone and applied; it is tried again, then is dead."""
    cases = [place.case() for _ in range(3)]
    ids = place.submit(*(update(case, Subject="x") for case in cases))
    app = place.app
    vault = AccountVault(app.store, app.name, cipher=app.cipher, clock=place.clock)
    with Client(vault=vault, app=app.credentials, transport=Broken(cases[0])) as client:
        place.drain(client=client)
        states = [place.state(command) for command in ids]
        for _ in range(MOST_FAILURES):
            place.clock.advance(seconds=300)
            place.drain(client=client)
    assert states == ["unclear"] * 3
    assert (place.state(ids[0]), place.entry(ids[0]).error_code) == ("dead", "UNEXPECTED")
    assert [place.state(command) for command in ids[1:]] == ["applied", "applied"]
    assert [entry["id"] for entry in place.writes("Case")] == cases[1:]


def test_a_locked_row_is_tried_again_alone(place: Place) -> None:
    """Two locks are two failures, after waits that grow; other records are not held up."""
    locked, free = place.case(), place.case()
    place.org.fault(match={"method": "PATCH", "path": "/composite/sobjects"}, do={"lock": 1})
    place.org.fault(match={"method": "PATCH", "path": locked}, do=LOCKED)
    first, second = place.submit(update(locked, Priority="High"), update(free, Priority="Low"))
    place.drain()
    assert (place.state(first), place.state(second)) == ("pending", "applied")
    assert place.entry(first).error_code == "UNABLE_TO_LOCK_ROW"
    place.drain_patiently(lambda: place.state(first) == "applied")
    outcomes = [(a.outcome, a.error_code) for a in place.attempts(first)]
    assert outcomes == [*[("pending", "UNABLE_TO_LOCK_ROW")] * 2, ("applied", None)]
    assert place.entry(first).error_code is None
    assert [e["id"] for e in place.writes("Case")] == [free, locked]


def test_a_lock_for_ever_ends_dead_with_its_history(small: Place) -> None:
    """At the cap the command is dead: every attempt is on record, and no other follows."""
    case = small.case()
    small.org.fault(match={"path": case}, every=1, do=LOCKED)
    (command,) = small.submit(update(case, Priority="High"))
    small.drain_patiently(lambda: small.state(command) == "dead")
    tries = small.attempts(command)
    assert [a.number for a in tries] == list(range(1, retry.MOST_FAILURES + 1))
    assert {a.error_code for a in tries} == {"UNABLE_TO_LOCK_ROW"}
    small.clock.advance(days=1)
    assert small.drain().total == 0


def test_what_salesforce_refuses_is_rejected_at_once_in_its_words(place: Place) -> None:
    """A validation rule's code and message reach the row; there is one attempt."""
    case = place.case()
    refusal = {"code": "FIELD_CUSTOM_VALIDATION_EXCEPTION", "message": "Say who calls."}
    place.org.fault(match={"path": case}, do={"status": 400, **refusal})
    (command,) = place.submit(update(case, Priority="High"))
    place.drain()
    entry = place.entry(command)
    assert (entry.state, entry.attempts) == ("rejected", 1)
    assert entry.error_code == "FIELD_CUSTOM_VALIDATION_EXCEPTION"
    assert "Say who calls." in (entry.error_message or "")


def test_a_record_that_is_gone_is_a_rejection(small: Place) -> None:
    """An update of a deleted record is refused by the org, and so is the command."""
    case = small.case()
    (command,) = small.submit(update(case, Priority="High"))
    small.org.act("delete", sobject="Case", id=case)
    small.drain()
    entry = small.entry(command)
    assert (entry.state, entry.error_code) == ("rejected", "ENTITY_IS_DELETED")


def test_a_record_that_somebody_changed_is_left_alone(small: Place) -> None:
    """With expected_modstamp an update or delete does not overwrite what came in between."""
    case = small.case()
    seen = (small.clock() - timedelta(hours=1)).isoformat()
    forms: list[dict[str, Any]] = [
        update(case, Priority="High"),
        {"op": "delete", "sobject": "Case", "record_id": case},
    ]
    ids = small.submit(*({**form, "expected_modstamp": seen} for form in forms))
    small.drain()
    assert [small.state(command) for command in ids] == ["rejected", "rejected"]
    assert small.writes("Case") == []


TROUBLES: dict[str, dict[str, Any]] = {
    "a short outage": {"status": 503, "code": "SERVER_UNAVAILABLE", "message": "Soon."},
    "a spent limit": {
        "status": 403,
        "code": "REQUEST_LIMIT_EXCEEDED",
        "message": "TotalRequests Limit exceeded.",
    },
    "an API switched off": {"status": 403, "code": "API_DISABLED_FOR_ORG", "message": "Off."},
}


@pytest.mark.parametrize("trouble", TROUBLES)
def test_trouble_of_the_org_is_no_fault_of_a_command(trouble: str, place: Place) -> None:
    """The drain stops at the first such answer; nothing fails, nothing is sent meanwhile."""
    cases = [place.case() for _ in range(4)]
    place.org.fault(match={"method": "PATCH"}, nth=2, do=TROUBLES[trouble])
    forms = [update(case, Priority="High") for case in cases[:3]]
    forms[1]["auto_assign"] = forms[2]["auto_assign"] = True  # travels in a parcel of its own
    ids = place.submit(*forms, delete(cases[3]))
    done = place.drain()
    assert done.held_up is not None
    assert done.settled[CommandState.APPLIED] == 1
    kept = [place.entry(command) for command in ids[1:]]
    assert [(e.state in OPEN, e.failures, e.lease_owner) for e in kept] == [(True, 0, None)] * 3
    assert (kept[2].attempts, place.attempts(ids[3])) == (0, [])
    place.clock.advance(minutes=2)
    place.drain()
    assert place.counts() == {"applied": 4}
    assert sorted(e["id"] for e in place.writes("Case")) == sorted(cases)


def test_maintenance_in_html_is_waited_for(small: Place) -> None:
    """A page instead of an answer leaves doubt: the command is looked up when the org is back."""
    case = small.case()
    (command,) = small.submit(update(case, Priority="High"))
    small.org.fault(match={"path": case}, times=15, do={"status": 503, "html": True})
    small.drain_patiently(lambda: small.state(command) == "applied")
    assert (small.entry(command).failures, len(small.writes("Case"))) == (0, 1)


def test_an_expired_session_is_renewed_in_passing(small: Place) -> None:
    """The first call meets a 401, the token is renewed, the command knows nothing of it."""
    (command,) = small.submit(update(small.case(), Priority="High"))
    small.org.expire_sessions()
    assert small.drain().settled == {CommandState.APPLIED: 1}
    assert small.entry(command).attempts == 1


def test_a_dead_grant_keeps_the_commands_for_the_next_link(small: Place) -> None:
    """With the grant revoked nothing more is sent; linked anew, work goes on by itself."""
    ids = small.submit(update(small.case(), Priority="High"), update(small.case(), Priority="Low"))
    small.org.revoke_grants()
    assert small.drain().held_up is not None
    sent = sum(small.org.requests()["counts"].values())
    small.clock.advance(minutes=2)
    small.drain()
    assert sum(small.org.requests()["counts"].values()) == sent
    assert [small.state(command) for command in ids] == ["pending", "pending"]


def test_an_org_that_is_away_is_waited_for(sqlite_store_url: str) -> None:
    """With the org gone commands are kept, uncounted; when it is back they are applied in order."""
    port = free_port()  # of those that nobody is given by chance while the org is away
    with Emulator(cases=200, port=port) as org:
        place = Place(org, sqlite_store_url)
        first = place.submit(create(Subject="before"))
        place.drain()
        options = {"port": port, "refresh_token": org.refresh_token}
        secrets = {"client_id": org.client_id, "client_secret": org.client_secret}
    later = place.submit(create(Subject="one"), create(Subject="two"))
    for _ in range(3):
        assert place.drain().held_up is not None
        place.clock.advance(minutes=1)
    assert [place.entry(command).failures for command in later] == [0, 0]
    with Emulator(cases=200, **options, **secrets) as org:
        place.org, place.start = org, 0
        place.clock.advance(minutes=1)
        place.drain()
        assert {place.state(command) for command in first + later} == {"applied"}
        subjects = [e["fields"]["Subject"] for e in place.writes("Case")]
    place.app.close()
    assert sorted(subjects) == ["one", "two"]
