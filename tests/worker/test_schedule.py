"""The clock: one of several acts, nothing is asked for twice, trouble passes."""

from datetime import timedelta

import pytest
from sqlalchemy import text

from pipelines import link
from store import watermarks
from tests.pipelines.push.ground import Place, create
from tests.services import Server
from tests.worker.conftest import Crew, eventually
from worker.actors import PULLS, PUSHES
from worker.bells import SLOTS
from worker.schedule import LEASE, Schedule


@pytest.fixture
def broker_url() -> str:
    return "memory://"


def waiting(crew: Crew, queue: str) -> int:
    return int(crew.broker.queues[queue].qsize())  # type: ignore[attr-defined]


def test_one_of_two_leads_and_the_other_takes_over(crew: Crew) -> None:
    """While the leader's lease lasts the other does nothing; when it ends, the other acts."""
    crew.place.submit(create(Subject="x"))
    first, second = (Schedule(crew.place.app, crew.actors) for _ in range(2))
    first.run(lambda: None)
    second.run(second.sweep)
    assert waiting(crew, PUSHES) == 0
    crew.place.clock.advance(seconds=LEASE.total_seconds() + 1)
    second.run(second.sweep)
    assert waiting(crew, PUSHES) == SLOTS
    first.run(lambda: pytest.fail("two lead"))


def test_a_leader_that_stops_is_followed_at_once(crew: Crew) -> None:
    """An orderly stop gives the lead back: no lease has to run out."""
    first, second = (Schedule(crew.place.app, crew.actors) for _ in range(2))
    acted: list[int] = []
    first.start()
    first.run(lambda: None)
    first.stop()
    second.run(lambda: acted.append(1))
    assert acted == [1]


def test_a_pull_is_asked_for_once_until_it_has_run(crew: Crew) -> None:
    """Tick after tick one pull of each object waits; while it runs none is asked for either."""
    assert crew.place.app.link_from_settings()
    schedule = Schedule(crew.place.app, crew.actors)
    objects = len(crew.place.app.models)
    schedule.cycle()
    crew.place.clock.advance(seconds=30)
    schedule.cycle()
    assert waiting(crew, PULLS) == objects
    with crew.place.app.store.begin() as tx:
        assert watermarks.take(tx, "Case", owner="a worker", now=crew.place.clock())
    crew.place.clock.advance(seconds=45)
    schedule.cycle()
    assert waiting(crew, PULLS) == objects


def test_a_pull_that_nobody_began_is_asked_for_again(crew: Crew) -> None:
    """A lost message costs two minutes, not the object."""
    assert crew.place.app.link_from_settings()
    schedule = Schedule(crew.place.app, crew.actors)
    objects = len(crew.place.app.models)
    schedule.cycle()
    crew.place.clock.advance(minutes=3)
    schedule.cycle()
    assert waiting(crew, PULLS) == 2 * objects


def test_a_failing_store_is_one_line_and_the_next_tick_works(
    crew: Crew, capsys: pytest.CaptureFixture[str]
) -> None:
    """A tick that meets a store in trouble says so once; the next one acts."""
    schedule = Schedule(crew.place.app, crew.actors)
    crew.place.submit(create(Subject="x"))
    capsys.readouterr()
    with crew.place.app.store.engine.connect() as connection:
        connection.execute(text("ALTER TABLE scsync_leases RENAME TO away"))
        connection.commit()
        schedule.run(schedule.sweep)
        connection.execute(text("ALTER TABLE away RENAME TO scsync_leases"))
        connection.commit()
    assert capsys.readouterr().out.count("schedule.held_up") == 1
    schedule.run(schedule.sweep)
    assert waiting(crew, PUSHES) == SLOTS


def test_redis_that_is_away_is_one_line_and_the_next_tick_works(
    place: Place, own_redis: Server, capsys: pytest.CaptureFixture[str]
) -> None:
    """A tick without Redis says so once; when it is back, what was announced in vain is again."""
    settings = place.app.settings.model_copy(update={"broker_url": own_redis.url})
    place.app.settings = settings
    crew = Crew(place)
    schedule = Schedule(place.app, crew.actors)
    place.submit(create(Subject="x"))
    own_redis.stop()
    capsys.readouterr()
    schedule.run(schedule.sweep)
    assert capsys.readouterr().out.count("schedule.held_up") == 1
    own_redis.start()
    place.clock.advance(seconds=timedelta(minutes=1).total_seconds())
    with crew.working():
        schedule.run(schedule.sweep)
        eventually(lambda: place.counts() == {"applied": 1})
    crew.broker.close()


def test_an_account_that_rests_is_left_in_peace_until_it_works_again(crew: Crew) -> None:
    """Nothing is rung for a suspended account or a dead grant; afterwards everything due is."""
    crew.place.submit(create(Subject="x"))
    app, schedule = crew.place.app, Schedule(crew.place.app, crew.actors)
    assert link.stop(app.store, app.name)
    schedule.cycle()
    schedule.sweep()
    assert (waiting(crew, PULLS), waiting(crew, PUSHES)) == (0, 0)
    assert link.resume(app.store, app.name)
    schedule.cycle()
    schedule.sweep()
    assert (waiting(crew, PULLS), waiting(crew, PUSHES)) == (len(app.models), SLOTS)
