"""Messages become work once, whatever the queue does to them."""

import json
from typing import Any

import dramatiq
import pytest
from dramatiq.brokers.redis import RedisBroker
from dramatiq.brokers.stub import StubBroker
from redis import Redis

from tests.pipelines.push.ground import create, update
from tests.worker.conftest import Crew, eventually
from worker.actors import COMMANDS, PUSHES
from worker.bells import Bells


def message(*args: Any, **more: Any) -> dramatiq.Message[None]:
    """What a program that knows only the contract puts into the queue."""
    fields = {"queue_name": COMMANDS, "actor_name": "submit_command", "args": args}
    return dramatiq.Message(**{**fields, "kwargs": {}, "options": {}, **more})


def dead_letters(crew: Crew, redis_url: str | None) -> int:
    if isinstance(crew.broker, StubBroker):
        return len(crew.broker.dead_letters)
    assert redis_url
    with Redis.from_url(redis_url) as client:
        return int(client.zcard(f"dramatiq:{COMMANDS}.XQ"))


def test_a_message_of_another_program_is_applied_once(crew: Crew) -> None:
    """The JSON form, delivered twice, is one command; it is sent without anybody ringing."""
    case = crew.place.case()
    delivered = message(update(case, Priority="High"))
    crew.broker.enqueue(delivered)
    crew.broker.enqueue(delivered)
    with crew.working():
        eventually(lambda: crew.place.counts() == {"applied": 1})
        crew.broker.join(COMMANDS)
    assert crew.place.counts() == {"applied": 1}
    assert [entry["id"] for entry in crew.place.writes("Case")] == [case]


def test_one_key_in_two_messages_is_one_command(crew: Crew) -> None:
    """Two messages that bear one idempotency key are one command."""
    form = {**create(Subject="x"), "idempotency_key": "order-7"}
    for _ in range(2):
        crew.broker.enqueue(message(form))
    with crew.working():
        crew.broker.join(COMMANDS)
        eventually(lambda: crew.place.counts() == {"applied": 1})
    assert len(crew.place.writes("Case")) == 1


def test_the_key_of_another_command_goes_to_the_dead_letters(
    crew: Crew, request: pytest.FixtureRequest
) -> None:
    """It is not taken for a repeat, nor tried for ever."""
    redis_url = request.getfixturevalue("broker_url")
    for subject in ("x", "y"):
        crew.broker.enqueue(message({**create(Subject=subject), "idempotency_key": "order-7"}))
    with crew.working():
        eventually(lambda: dead_letters(crew, redis_url) == 1)
        eventually(lambda: crew.place.counts() == {"applied": 1})


UNREADABLE: list[tuple[Any, ...]] = [
    ("not an object",),
    ({"op": "explode", "sobject": "Case"},),
    ({"op": "create", "sobject": "Case", "fields": {"Subject": "a\0b"}},),
    (),
    ({"op": "create", "sobject": "Case"}, "one too many"),
]


@pytest.mark.parametrize("args", UNREADABLE, ids=["text", "op", "NUL", "nothing", "two"])
def test_an_unreadable_message_goes_to_the_dead_letters(
    args: tuple[Any, ...], crew: Crew, request: pytest.FixtureRequest
) -> None:
    """What is no command is set aside where a person finds it, not tried for ever."""
    redis_url = request.getfixturevalue("broker_url")
    crew.broker.enqueue(message(*args))
    crew.broker.enqueue(message(create(Subject="behind it")))
    with crew.working():
        eventually(lambda: dead_letters(crew, redis_url) == 1)
        eventually(lambda: crew.place.counts() == {"applied": 1})


def test_a_command_is_accepted_while_the_org_is_away(crew: Crew) -> None:
    """Accepting needs the store alone: with the org down the command is kept and waits."""
    crew.place.org.fault(match={"path": "/"}, every=1, do={"drop": "before"})
    crew.broker.enqueue(message(create(Subject="x")))
    with crew.working():
        crew.broker.join(COMMANDS)  # accepted, and announced
        crew.broker.join(PUSHES)  # tried, in vain
        assert crew.place.counts() == {"pending": 1}
        assert crew.place.org.faults()[0]["hits"] > 0
        crew.place.org.clear_faults()
        crew.place.clock.advance(minutes=1)
        crew.broker.enqueue(message(create(Subject="y")))
        eventually(lambda: crew.place.counts() == {"applied": 2})


def test_another_program_needs_redis_and_the_contract_alone(
    crew: Crew, request: pytest.FixtureRequest
) -> None:
    """A plain dramatiq broker on the same Redis reaches us by queue and actor name."""
    url = request.getfixturevalue("broker_url")
    if not url.startswith("redis"):
        return
    theirs = RedisBroker(url=url)  # type: ignore[no-untyped-call]
    theirs.enqueue(message(json.loads(json.dumps(create(Subject="theirs")))))
    theirs.close()
    with crew.working():
        eventually(lambda: crew.place.counts() == {"applied": 1})


def test_a_drain_is_started_by_a_bell(crew: Crew) -> None:
    """The bell's message makes a worker drain the outbox."""
    crew.place.submit(create(Subject="x"), create(Subject="y"))
    Bells(crew.place.app).ring(crew.actors.push.send)
    with crew.working():
        eventually(lambda: crew.place.counts() == {"applied": 2})
