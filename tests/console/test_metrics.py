"""The scrape: which format, what it asks of the store, and what is counted over processes."""

from collections.abc import Iterator
from contextlib import closing
from datetime import timedelta

import pytest
from prometheus_client.parser import text_string_to_metric_families
from sqlalchemy import event

from console import metrics
from emulator.server import Emulator
from models.outbox import CommandState
from models.process import Role
from store import processes
from tests.pipelines.push.ground import Place, create

QUERIES = 60
"""What one scrape may ask of the store with fourteen objects, however much there is."""


@pytest.fixture(scope="module")
def org() -> Iterator[Emulator]:
    with Emulator(cases=20) as emulator:
        yield emulator


@pytest.fixture
def place(org: Emulator, store_url: str) -> Iterator[Place]:
    place = Place(org, store_url)
    with closing(place.app):
        assert place.app.link_from_settings()
        yield place


def figures(place: Place) -> dict[tuple[str, ...], float]:
    """Every sample of the account by its name and the values of its other labels."""
    text = metrics.exposition(place.app)[0].decode()
    return {
        (
            sample.name,
            *(of for name, of in sample.labels.items() if name != "account"),
        ): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
        if sample.labels["account"] == place.app.name
    }


def test_every_sample_bears_the_account(place: Place) -> None:
    """The store's and the process's, of any account: one Prometheus may watch several."""
    place.app.settings = place.app.settings.model_copy(update={"account": "acme"})
    text = metrics.exposition(place.app)[0].decode()
    samples = [one for one in text.splitlines() if not one.startswith("#")]
    assert len(samples) > 100
    assert [one for one in samples if 'account="acme"' not in one] == []


def test_the_figures_are_those_of_the_store(place: Place) -> None:
    """Depth and age of the oldest by state, processes that live, tokens; on both databases."""
    with place.clock.stopped():
        (first, *_) = place.submit(create(Subject="One", Origin="Web"), create(Subject="Two"))
        (taken,) = place.seize(limit=1)
        assert taken.id == first
        with place.app.store.begin() as tx:
            for process, ago in (("alive", 5), ("killed", 300)):
                beat = place.clock() - timedelta(seconds=ago)
                processes.beat(tx, process, Role.WORKER, started_at=beat, now=beat)
        place.clock.advance(hours=1)
        with place.app.store.begin() as tx:
            processes.beat(tx, "alive", Role.WORKER, started_at=place.clock(), now=place.clock())
        found = figures(place)
    assert found["scsync_commands", "pending"] == found["scsync_commands", "sending"] == 1
    for state in (CommandState.PENDING, CommandState.SENDING):
        assert found["scsync_commands_oldest_seconds", state] == pytest.approx(3600, abs=0.01)
    assert found["scsync_commands_oldest_seconds", "dead"] == 0
    assert found["scsync_processes", "worker"] == 1
    assert found["scsync_process_beat_age_seconds", "killed", "worker"] > 3600
    assert found["scsync_token_refreshes_total",] >= 1
    assert found["scsync_account_state", "linked"] == 1


def test_a_scrape_asks_a_bounded_number_of_questions(place: Place) -> None:
    """And none that changes anything."""
    figures(place)
    asked: list[str] = []
    event.listen(
        place.app.store.engine, "before_cursor_execute", lambda *given: asked.append(given[2])
    )
    figures(place)
    assert len(asked) < QUERIES
    assert [one for one in asked if not one.startswith(("SELECT", "BEGIN"))] == []


def test_the_format_is_the_one_that_is_asked_for(place: Place) -> None:
    """OpenMetrics for who asks for it; the text format for the others."""
    _, plain = metrics.exposition(place.app)
    body, modern = metrics.exposition(place.app, "application/openmetrics-text; version=1.0.0")
    assert plain == "text/plain; version=0.0.4; charset=utf-8"
    assert modern.startswith("application/openmetrics-text")
    assert body.endswith(b"# EOF\n")
