"""The clock: one of several acts, nothing is asked for twice, trouble passes."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import text

from models import by_name
from models.linked_account import LinkedAccount
from models.watermark import Watermark
from pipelines import alive, link
from store import accounts, feeds, findings, watermarks
from tests.pipelines.push.ground import Place, create
from tests.services import Server
from tests.worker.conftest import Crew, eventually
from worker.actors import CYCLES, PULLS, PUSHES
from worker.schedule import LEASE, Schedule
from worker.turns import Feed, Turns

DAY = 24 * 60  # minutes


@pytest.fixture
def broker_url() -> str:
    return "memory://"


@pytest.fixture
def still(crew: Crew) -> Iterator[None]:
    """Let time pass only where a test says so."""
    with crew.place.clock.stopped():
        yield


def waiting(crew: Crew, queue: str) -> int:
    return int(crew.broker.queues[queue].qsize())  # type: ignore[attr-defined]


@pytest.mark.usefixtures("still")
def test_one_of_two_leads_and_the_other_takes_over(crew: Crew) -> None:
    """While the leader's lease lasts the other does nothing; when it ends, the other acts."""
    crew.place.submit(create(Subject="x"))
    first, second = (Schedule(crew.place.app, crew.actors) for _ in range(2))
    first.run(lambda: None)
    second.run(second.sweep)
    assert waiting(crew, PUSHES) == 0
    crew.place.clock.advance(seconds=LEASE.total_seconds() + 1)
    second.run(second.sweep)
    assert waiting(crew, PUSHES) == 1
    first.run(lambda: pytest.fail("two lead"))


def test_a_leader_that_stops_is_followed_at_once(crew: Crew) -> None:
    """An orderly stop gives the lead back: no lease has to run out."""
    first, second = (Schedule(crew.place.app, crew.actors) for _ in range(2))
    acted: list[int] = []
    first.start()
    first.run(lambda: None)
    first.stop()
    first.run(lambda: pytest.fail("it has left"))  # a tick that was under way
    second.run(lambda: acted.append(1))
    assert acted == [1]


def read_once(crew: Crew) -> None:
    """Have everything read as far as the store can tell."""
    now = crew.place.clock()
    with crew.place.app.store.begin() as tx:
        for model in crew.place.app.models:
            assert watermarks.take(tx, model.sobject, owner="first", now=now)
            watermarks.begin_at(tx, model.sobject, now, owner="first", now=now)
            watermarks.release(tx, model.sobject, owner="first", now=now)


@pytest.mark.usefixtures("still")
def test_first_loads_are_asked_for_once_each_by_itself(crew: Crew) -> None:
    """Tick after tick one pull of each object waits; while it runs none is asked for either."""
    assert crew.place.app.link_from_settings()
    schedule = Schedule(crew.place.app, crew.actors)
    objects = len(crew.place.app.models)
    schedule.cycle()
    crew.place.clock.advance(seconds=30)
    schedule.cycle()
    assert (waiting(crew, PULLS), waiting(crew, CYCLES)) == (objects, 0)
    with crew.place.app.store.begin() as tx:
        assert watermarks.take(tx, "Case", owner="a worker", now=crew.place.clock())
    crew.place.clock.advance(seconds=20)
    schedule.cycle()
    assert waiting(crew, PULLS) == objects


@pytest.mark.usefixtures("still")
def test_what_was_read_before_is_asked_for_in_one_message(crew: Crew) -> None:
    """All that is due goes into one cycle; nothing is asked for again before it is due."""
    assert crew.place.app.link_from_settings()
    read_once(crew)
    schedule = Schedule(crew.place.app, crew.actors)
    schedule.cycle()
    assert waiting(crew, CYCLES) == 0
    crew.place.clock.advance(seconds=61)
    schedule.cycle()
    schedule.cycle()
    assert (waiting(crew, PULLS), waiting(crew, CYCLES)) == (0, 1)


def test_what_is_quiet_is_asked_less_often_and_no_less_than_promised(crew: Crew) -> None:
    """An object that did not change for a day waits its freshness, not its interval."""
    app = crew.place.app
    case, now = by_name("Case"), app.clock()
    mark = Watermark(sobject="Case", changed_at=now)
    assert app.interval_of(case, mark, now) == timedelta(seconds=60)
    assert app.interval_of(case, mark, now + timedelta(hours=1)) == timedelta(minutes=3)
    assert app.interval_of(case, mark, now + timedelta(days=1)) == case.freshness


def test_a_pull_that_nobody_began_is_asked_for_again(crew: Crew) -> None:
    """A lost message costs two minutes, not the object."""
    assert crew.place.app.link_from_settings()
    schedule = Schedule(crew.place.app, crew.actors)
    objects = len(crew.place.app.models)
    schedule.cycle()
    crew.place.clock.advance(minutes=3)
    schedule.cycle()
    assert waiting(crew, PULLS) == 2 * objects


def test_an_unknown_record_hastens_its_object(crew: Crew) -> None:
    """A case of an account that has not come yet makes accounts due at once."""
    app = crew.place.app
    assert app.link_from_settings()
    for name in ("Account", "Case"):
        app.puller().pull(by_name(name))
    org = crew.place.org
    org.skew(30)
    account = org.act("create", sobject="Account", fields={"Name": "New"})
    org.act("create", sobject="Case", fields={"Subject": "New", "AccountId": account})
    crew.place.clock.advance(seconds=30)
    org.skew(60)
    app.puller().pull(by_name("Case"))
    with app.store.read() as tx:
        marks = watermarks.every(tx)
    assert (marks["Account"].ended_at, marks["Case"].ended_at is None) == (None, False)
    org.skew(0)


@pytest.mark.usefixtures("still")
def test_slow_feeds_have_their_own_pace_and_one_turn_at_a_time(crew: Crew) -> None:
    """Each feed of each object is asked for once; when it was tended, not before it is due."""
    app = crew.place.app
    assert app.link_from_settings()
    read_once(crew)
    turns, rung = Turns(app), []
    turns.ring_feeds(lambda *bell: rung.append(bell))
    turns.ring_feeds(lambda *bell: rung.append(bell))
    assert len(rung) == len(Feed) * len(app.models)
    feed, sobject, bell = next(one for one in rung if one[:2] == ("deletes", "Case"))
    turns.tend(feed, sobject, bell)
    crew.place.clock.advance(seconds=app.settings.deletes_every - 1)
    rung.clear()
    turns.ring_feeds(lambda *bell: rung.append(bell))
    assert (feed, sobject) not in {one[:2] for one in rung}
    crew.place.clock.advance(seconds=2)
    turns.ring_feeds(lambda *bell: rung.append(bell))
    assert (feed, sobject) in {one[:2] for one in rung}


def test_a_comparison_that_is_asked_for_does_not_wait_for_its_day(crew: Crew) -> None:
    """A gap in the delete log has org and store compared at the next tick, once."""
    app = crew.place.app
    assert app.link_from_settings()
    read_once(crew)
    turns, rung = Turns(app), []
    turns.ring_feeds(lambda *bell: rung.append(bell))
    turns.tend(*next(one for one in rung if one[:2] == ("verify", "Case")))
    rung.clear()
    turns.ring_feeds(lambda *bell: rung.append(bell))
    assert rung == []
    with app.store.begin() as tx:
        feeds.ask_for_comparison(tx, "Case")
    for _ in range(2):
        turns.ring_feeds(lambda *bell: rung.append(bell))
    assert [one[:2] for one in rung] == [("verify", "Case")]


def test_a_shorter_pace_counts_from_the_next_start(crew: Crew) -> None:
    """What rests by the pace of an earlier start does not rest longer than this one's."""
    app = crew.place.app
    assert app.link_from_settings()
    read_once(crew)
    turns, rung = Turns(app), []
    turns.ring_feeds(lambda *bell: rung.append(bell))
    turns.tend(*next(one for one in rung if one[:2] == ("verify", "Case")))
    app.settings = app.settings.model_copy(update={"verify_every": 600.0})
    rung.clear()
    Turns(app).ring_feeds(lambda *bell: rung.append(bell))
    assert [one[:2] for one in rung] == [("verify", "Case")]


def test_silence_is_found_and_cleared(crew: Crew) -> None:
    """Without a good run for five intervals an object is a finding, until the next good one."""
    app = crew.place.app
    assert app.link_from_settings()
    app.puller().pull(by_name("Case"))
    schedule = Schedule(app, crew.actors)
    schedule.weigh()
    assert _findings(crew) == []
    crew.place.clock.advance(hours=1)
    schedule.weigh()
    assert _findings(crew) == [("Case", "silence")]
    app.puller().pull(by_name("Case"))
    schedule.weigh()
    assert _findings(crew) == []


def _findings(crew: Crew) -> list[tuple[str, str]]:
    with crew.place.app.store.read() as tx:
        return [(one.sobject, one.kind) for one in findings.every(tx)]


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
    assert waiting(crew, PUSHES) == 1


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
    assert (waiting(crew, PULLS), waiting(crew, PUSHES)) == (len(app.models), 1)


def test_a_suspended_grant_is_kept_alive_without_a_call(crew: Crew) -> None:
    """Once a week, at the login host alone; the account stays suspended, and says why."""
    app, org, schedule = crew.place.app, crew.place.org, Schedule(crew.place.app, crew.actors)
    assert app.client.versions()
    assert link.stop(app.store, app.name)
    for days, refreshes in ((0, 0), (8, 1), (1, 0), (7, 1)):
        crew.place.clock.advance(days=days)
        org.control("DELETE", "requests")
        schedule.keep()
        counts = org.requests()["counts"]
        assert counts == ({"oauth.token": refreshes} if refreshes else {})
    with app.store.read() as tx:
        account = accounts.get(tx, app.name)
    assert account
    assert (account.state, account.reason) == ("suspended", "suspended by an operator")


@pytest.mark.parametrize(
    ("policy", "minutes", "due"),
    [
        (None, 6 * DAY, []),
        (None, 7 * DAY, ["suspended"]),
        ("until revoked", 7 * DAY, ["suspended"]),
        ("after 4 days", 2 * DAY, []),
        ("unused 4 days", 2 * DAY - 1, []),
        ("unused 4 days", 2 * DAY, ["suspended", "linked"]),
        ("unused 60 days", 7 * DAY, ["suspended"]),
        ("unused 90 minutes", 44, []),
        ("unused 90 minutes", 45, ["suspended", "linked"]),
    ],
)
def test_a_short_policy_shortens_the_pause(
    policy: str | None, minutes: int, due: list[str]
) -> None:
    """Half of what the org allows; a suspended token a week at most, a dead one is not tried."""
    now = datetime.now(UTC)
    since = now - timedelta(minutes=minutes)
    accounts = [
        LinkedAccount(name="a", state=state, login_url="", refreshed_at=since)
        for state in ("suspended", "linked", "dead")
    ]
    assert [one.state for one in accounts if alive.is_due(one, policy, now)] == due


def test_a_working_token_is_used_before_disuse_ends_it(crew: Crew) -> None:
    """A session in use never asks for it: half of what the policy allows is the longest pause."""
    app, org, schedule = crew.place.app, crew.place.org, Schedule(crew.place.app, crew.actors)
    app.settings = app.settings.model_copy(update={"refresh_policy": "unused 90 minutes"})
    assert app.client.versions()
    for minutes, refreshes in ((44, 0), (1, 1), (44, 0), (1, 1)):
        crew.place.clock.advance(minutes=minutes)
        org.control("DELETE", "requests")
        schedule.keep()
        assert org.requests()["counts"].get("oauth.token", 0) == refreshes
    with app.store.read() as tx:
        account = accounts.get(tx, app.name)
    assert account
    assert account.state == "linked"
