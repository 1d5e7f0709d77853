"""The verdict: what is not well is said, on the page, by the command line and to other programs."""

from collections.abc import Iterator
from contextlib import closing
from datetime import datetime, timedelta

import pytest
from cryptography.fernet import Fernet
from sqlalchemy import text

from console import gauges
from console.pages.frame import standing
from models import by_name
from models.backfill import BackfillMode
from models.incident import IncidentKind
from models.outbox import CommandState
from models.run import RunOutcome
from pipelines import health, link
from pipelines.vault import Cipher
from pipelines.verdict import Verdict, judge
from store import backfills, findings, incidents, runs, watermarks
from store.backfills import Span
from tests.console.ground import Bench

SLOW = "QUERY_TIMEOUT: Your query request was running for too long."
OBJECTS = "Case,CaseMilestone,User"


@pytest.fixture
def desk(sqlite_store_url: str) -> Iterator[Bench]:
    """A linked account that has read everything but milestones a moment ago.

    Its clock moves on demand alone: what is said of minutes does not hang on the machine.
    """
    bench = Bench(sqlite_store_url, objects=OBJECTS)
    with closing(bench.app), bench.clock.stopped():
        with bench.app.store.begin() as tx:
            tx.exec_driver_sql(
                "INSERT INTO scsync_accounts (name, state, login_url, version, grant_kind)"
                " VALUES ('default', 'linked', 'https://login.example', 1, 'refresh_token')"
            )
        read(bench, "Case", "User")
        yield bench


def read(desk: Bench, *sobjects: str) -> None:
    """Have objects read as far as the store can tell."""
    now = desk.clock()
    with desk.app.store.begin() as tx:
        for name in sobjects:
            watermarks.take(tx, name, owner="x", now=now)
            watermarks.close_window(tx, name, since=now, read_until=now, owner="x", now=now)
            watermarks.release(tx, name, owner="x", now=now)


def fail(desk: Bench, sobject: str) -> None:
    """Have a pull fail, as one does that the org answers too slowly."""
    now = desk.clock()
    with desk.app.store.begin() as tx:
        watermarks.take(tx, sobject, owner="x", now=now)
        run_id = runs.start(tx, sobject, now=now)
        runs.finish(tx, run_id, outcome=RunOutcome.FAILED, error_message=SLOW, finished_at=now)
        watermarks.release(tx, sobject, owner="x", now=now)


def verdict(desk: Bench) -> Verdict:
    return judge(desk.app.overview())


def seal(desk: Bench, cipher: Cipher) -> None:
    """Have the account hold a token that this cipher has encrypted."""
    sealed = cipher.encrypt(b"token").decode()
    with desk.app.store.begin() as tx:
        tx.execute(text("UPDATE scsync_accounts SET refresh_token = :it"), {"it": sealed})


def test_a_key_that_does_not_open_the_tokens_needs_a_person(desk: Bench) -> None:
    """No call can be made, and no run has failed for it yet."""
    seal(desk, desk.app.cipher)
    assert verdict(desk).is_ready
    seal(desk, Fernet(Fernet.generate_key()))
    (reason,) = verdict(desk).reasons
    assert "another key has encrypted them" in reason
    assert "scsync link" in reason
    assert desk.client(is_loopback=True).get("/readyz").json()["ready"] is False


def silent(desk: Bench) -> dict[str, str]:
    """Look for silence as the scheduler does, and give the findings of it."""
    app = desk.app
    health.look(app.models, store=app.store, interval=app.interval_of, now=app.clock())
    with app.store.read() as tx:
        return {one.sobject: one.message for one in findings.every(tx) if one.kind == "silence"}


def test_what_was_never_read_is_not_well(desk: Bench) -> None:
    """It is named from the start; after as long as any other object it is silence."""
    assert verdict(desk).cautions == ("1 of 3 objects was never read: CaseMilestone",)
    assert verdict(desk).sentence.startswith("2 of 3 objects were read within the last ")
    fail(desk, "CaseMilestone")
    assert (verdict(desk).is_ready, silent(desk)) == (True, {})
    for _ in range(4):
        desk.clock.advance(minutes=5)
        read(desk, "Case", "User")
        fail(desk, "CaseMilestone")
    (reason,) = verdict(desk).reasons
    assert reason == f"no good run of CaseMilestone for 20 min: {SLOW}"
    assert "never read to its end" in silent(desk)["CaseMilestone"]
    with desk.app.store.read() as tx:
        assert [one.kind for one in incidents.still_open(tx)] == [IncidentKind.SILENCE]
    read(desk, "CaseMilestone")
    assert (silent(desk), verdict(desk).is_ready) == ({}, True)


def test_figures_to_alert_on_are_there_from_the_first_attempt(desk: Bench) -> None:
    """A figure without a sample alerts nobody; what is left out is nobody's business."""
    fail(desk, "CaseMilestone")
    desk.clock.advance(hours=1)
    found = {one.name: dict(one.samples) for one in gauges.read(desk.app)}
    milestone = ("CaseMilestone",)
    for name in ("freshness", "verified_age", "silent"):
        assert found[f"scsync_{name}_seconds"][milestone] == pytest.approx(3600, abs=60), name
    with desk.app.store.begin() as tx:
        watermarks.take(tx, *milestone, owner="x", now=desk.clock())
        watermarks.skip(tx, *milestone, "hidden", owner="x", now=desk.clock())
    found = {one.name: dict(one.samples) for one in gauges.read(desk.app)}
    assert milestone not in found["scsync_verified_age_seconds"]


def test_a_backfill_is_silent_when_it_does_not_get_on(desk: Bench) -> None:
    """Planned and never begun: like any object; under way: twenty-five minutes without a step."""
    sobject, app = "CaseMilestone", desk.app

    def step(change: timedelta) -> None:
        desk.clock.ahead += change
        read(desk, "Case", "User")

    with app.store.begin() as tx:
        backfills.plan(tx, sobject, "first load", now=app.clock())
    step(timedelta(minutes=6))
    assert list(silent(desk)) == [sobject]
    with app.store.begin() as tx:
        backfills.lead(tx, sobject, owner="x", now=app.clock())
        spans = [Span(after_id="a", until_id="b"), Span(after_id="b", until_id="c")]
        backfills.share(tx, sobject, BackfillMode.REST, spans, owner="x")
    step(timedelta(minutes=10))
    assert silent(desk) == {}
    with app.store.begin() as tx:
        part = backfills.take(tx, sobject, owner="x", now=app.clock())
        assert part
        backfills.advance(tx, part, owner="x", done_at=app.clock(), rows_read=9)
    step(timedelta(minutes=24))
    assert silent(desk) == {}
    step(timedelta(minutes=2))
    assert list(silent(desk)) == [sobject]
    assert "no good run of CaseMilestone" in verdict(desk).reasons[0]


def test_a_suspended_account_wants_a_look(desk: Bench) -> None:
    """Nobody is called for it, and nobody is told that all is well."""
    read(desk, "CaseMilestone")
    assert verdict(desk).headline == "All is well."
    assert link.stop(desk.app.store, "default")
    desk.clock.advance(minutes=7)
    found = verdict(desk)
    assert (found.is_ready, found.headline) == (True, "One thing wants a look.")
    assert found.cautions == (
        "account default is suspended, nothing is read or sent: scsync accounts resume",
    )
    overview = desk.app.overview()
    assert {standing(one, overview) for one in overview.objects} == {"suspended"}


def test_rejected_commands_want_a_look(desk: Bench) -> None:
    """Until somebody retries, edits or discards them; so does a last run that failed."""
    read(desk, "CaseMilestone")
    fail(desk, "Case")
    with desk.app.store.begin() as tx:
        for _ in range(2):
            tx.execute(
                text(
                    "INSERT INTO scsync_commands (op, sobject, fields, state)"
                    " VALUES ('create', 'Case', '{}', :state)"
                ),
                {"state": CommandState.REJECTED},
            )
    assert verdict(desk).cautions == (
        "nothing is lost, but the last run failed of: Case",
        "2 commands are rejected: scsync commands list --state rejected --by-cause",
    )


def test_what_reports_lack_wants_a_look(desk: Bench) -> None:
    """A hidden field makes figures of them wrong; an object that the org lacks makes none."""
    read(desk, "CaseMilestone")
    with desk.app.store.begin() as tx:
        for field in ("ClosedDate", "EntitlementId"):
            tx.execute(
                text(
                    "INSERT INTO scsync_fields (sobject, api_name, column_name, kind, status, since)"
                    " VALUES ('Case', :field, 'x', 'text', 'frozen', '2026-01-31T09:00:00.000Z')"
                ),
                {"field": field},
            )
    told = "figures of reports hang on what cannot be read, Case.ClosedDate{}: scsync doctor"
    assert verdict(desk).cautions == (told.format(", Case.EntitlementId"),)
    with desk.app.store.begin() as tx:
        watermarks.take(tx, "Entitlement", owner="x", now=desk.clock())
        watermarks.skip(tx, "Entitlement", "not there", owner="x", now=desk.clock())
    assert verdict(desk).cautions == (told.format(""),)


def test_a_worker_that_is_missed_wants_a_look(desk: Bench) -> None:
    """An open incident that nothing else tells of is not well either."""
    read(desk, "CaseMilestone")
    with desk.app.store.begin() as tx:
        incidents.open_(tx, IncidentKind.NO_WORKER, "nobody was heard of", now=desk.clock())
    assert verdict(desk).cautions[0].startswith("No worker is alive: Start scsync worker")


def test_first_attempts_are_sought_only_where_they_matter(desk: Bench) -> None:
    """The question is asked every five seconds: what was read and verified needs none."""
    models = [by_name(name) for name in ("Case", "User")]
    fail(desk, "Case")
    with desk.app.store.begin() as tx:
        for model in models:
            watermarks.verified(tx, model, datetime.now().astimezone())
        assert health.signs(tx, models).tried == {}
