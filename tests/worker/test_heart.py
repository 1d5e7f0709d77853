"""Who is alive: told by heartbeats, missed when they stop, and known to systemd."""

import socket
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import httpx
import pytest

from models.process import Role
from pipelines import troubles
from store import events, incidents, processes
from tests.pipelines.push.ground import Place
from tests.services import free_port
from tests.worker.conftest import PATIENCE, eventually
from worker import metrics, supervisor
from worker.heart import Heart


def roles(place: Place) -> list[str]:
    with place.app.store.read() as tx:
        return [one.role for one in processes.every(tx)]


@contextmanager
def beating(place: Place) -> Iterator[None]:
    """A process whose heart beats a hundred times a second."""
    heart = Heart(place.app, Role.DAEMON, every=0.01)
    heart.start()
    try:
        yield
    finally:
        heart.stop()


def beats_on(place: Place) -> None:
    """See that beats still come, now that something has happened."""
    since = place.clock()

    def is_heard() -> bool:
        with place.app.store.read() as tx:
            return all(one.beat_at >= since for one in processes.every(tx))

    eventually(is_heard)


def open_incidents(place: Place) -> dict[str, int]:
    troubles.look(store=place.app.store, account=None, budget=None, now=place.clock())
    with place.app.store.read() as tx:
        return incidents.open_by_kind(tx)


def test_a_process_is_known_until_it_leaves(place: Place) -> None:
    """Whoever ends as it should takes its row along."""
    heart = Heart(place.app, Role.WORKER)
    heart.start()
    assert roles(place) == ["worker"]
    heart.stop()
    assert roles(place) == []


def test_a_worker_that_falls_silent_is_missed_once(place: Place) -> None:
    """A minute after its last beat; it is over with the next one, and its row with the hour."""
    heart = Heart(place.app, Role.WORKER)
    heart.beat()
    assert open_incidents(place) == {}
    place.clock.advance(seconds=troubles.SILENT.total_seconds() + 1)
    assert open_incidents(place) == {"no_worker": 1}
    assert open_incidents(place) == {"no_worker": 1}
    heart.beat()
    assert open_incidents(place) == {}
    with place.app.store.read() as tx:
        assert sum(events.counts(tx).values()) == 2
    place.clock.advance(hours=2)
    place.app.process = "another"
    Heart(place.app, Role.SCHEDULER).beat()
    assert roles(place) == ["scheduler"]


def test_systemd_hears_that_we_are_ready_and_that_we_leave(
    place: Place, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """By datagrams to the socket that it names."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as systemd:
        systemd.bind(str(tmp_path / "notify"))
        monkeypatch.setenv("NOTIFY_SOCKET", str(tmp_path / "notify"))
        heart = Heart(place.app, Role.DAEMON)
        heart.start()
        heart.stop()
        assert [systemd.recv(64) for _ in range(2)] == [b"READY=1", b"STOPPING=1"]


def test_a_supervisor_that_does_not_answer_stops_nothing(
    place: Place,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """Never there, gone later, or not reading: it is said once, and we live on."""
    address = str(tmp_path / "notify")
    monkeypatch.setenv("NOTIFY_SOCKET", address)
    with beating(place):
        beats_on(place)
    assert capsys.readouterr().out.count("supervisor.unheard") == 1
    with closing(socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)) as systemd:
        systemd.bind(address)
        with beating(place):
            assert systemd.recv(64) == b"READY=1"
            assert systemd.recv(64) == b"WATCHDOG=1"
            systemd.close()
            beats_on(place)
    Path(address).unlink()
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as deaf:
        deaf.bind(address)
        while "timed out" not in capsys.readouterr().out:
            supervisor.tell("WATCHDOG=1")


def test_an_error_that_nobody_foresaw_does_not_stop_the_heart(
    place: Place, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """It is counted, and the next beat comes all the same."""
    assert place.app.figures
    with beating(place):
        with monkeypatch.context() as broken:
            broken.setattr(processes, "forget", lambda *_: 1 / 0)
            count = place.app.figures.registry.get_sample_value
            name, labels = "scsync_unforeseen_errors_total", {"account": "default"}
            eventually(lambda: bool(count(name, labels)))
        beats_on(place)
    assert "ZeroDivisionError" in capsys.readouterr().out


def test_a_worker_serves_its_own_figures(place: Place, capsys: pytest.CaptureFixture[str]) -> None:
    """On a port of its own, on this machine alone; one that is taken is said, and no more."""
    port = free_port()
    place.app.settings = place.app.settings.model_copy(update={"metrics_port": port})
    metrics.serve(place.app)
    place.app.watch.count("pulls", object="Case", outcome="ok")
    found = httpx.get(f"http://127.0.0.1:{port}/metrics", timeout=PATIENCE).text
    assert 'scsync_pulls_total{account="default",object="Case",outcome="ok"} 1.0' in found
    metrics.serve(place.app)
    assert "metrics.not_served" in capsys.readouterr().out
