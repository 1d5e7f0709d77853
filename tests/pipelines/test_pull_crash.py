"""A crash costs a page read twice, never a page lost, and ties of any size are no danger."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from datetime import timedelta
from pathlib import Path

import pytest

from emulator.server import Emulator
from pipelines.pull import Stopped
from pipelines.walk import Progress
from store import watermarks
from store.engine import Store
from tests.pipelines.comparing import differences
from tests.pipelines.reading import Reader, after_pages


@pytest.fixture(scope="module")
def desk() -> Iterator[Emulator]:
    """A desk of some pages."""
    with Emulator(cases=5_000) as org:
        yield org


def test_a_crash_between_pages_repeats_no_page(reader: Reader) -> None:
    """Stopped after two pages, the next pull begins right after the last row stored."""
    reader.later(60)
    with pytest.raises(Stopped):
        reader.pull(stopping=after_pages(2))
    left = reader.mark()
    assert (reader.count(), left.position_id is not None) == (4_000, True)
    result = reader.pull()
    assert (result.rows_read, result.rows_written) == (1_000, 1_000)
    assert (reader.mark().until, differences(reader.org, reader.store, "Case")) == (None, [])


class Killed(BaseException):
    """As sudden as a signal: nothing of ours catches it."""


def test_a_death_within_a_page_loses_neither_rows_nor_place(reader: Reader) -> None:
    """Whoever dies leaves what was committed; after his lease another goes on from there."""

    def die(progress: Progress) -> None:
        if progress.rows == 4_000:
            raise Killed

    with pytest.raises(Killed):
        reader.pull(on_progress=die)
    assert reader.count() == 4_000
    reader.clock.ahead = 2 * watermarks.LEASE
    assert reader.pull().outcome == "ok"
    assert differences(reader.org, reader.store, "Case") == []


@pytest.mark.parametrize(
    "deed",
    [
        {"drop": "before"},
        {"drop": "after"},
        {"cut": 900},
        {"status": 503, "html": True},
        {"status": 500, "code": "UNKNOWN_EXCEPTION"},
        {"status": 403, "code": "REQUEST_LIMIT_EXCEEDED"},
    ],
    ids=["dropped", "unanswered", "cut", "html", "500", "limit"],
)
def test_trouble_at_a_page_is_healed_by_the_next_cycle(sqlite_reader: Reader, deed: dict) -> None:
    """The run fails with a code and its counts; what was stored stands, and so does the place."""
    reader = sqlite_reader
    reader.org.fault(match={"path": "/queryAll.*FROM Case "}, do=deed, nth=3)
    result = reader.pull()
    run = reader.run()
    assert (result.outcome, run.outcome, bool(run.error_code)) == ("failed", "failed", True)
    assert (run.pages, run.rows_read, reader.count()) == (2, 4_000, 4_000)
    assert (reader.mark().owner, reader.mark().since.year) == (None, 1970)
    assert reader.pull().rows_read < 4_000
    assert reader.verify().differences == []


def test_a_session_that_expires_midway_is_renewed(sqlite_reader: Reader) -> None:
    """A 401 at the third page costs a refresh, not a page."""
    match = {"path": "/queryAll.*FROM Case "}
    sqlite_reader.org.fault(match=match, do={"expire": "session"}, nth=3)
    result = sqlite_reader.pull()
    assert (result.outcome, sqlite_reader.verify().differences) == ("ok", [])


def test_a_slow_answer_is_waited_for(sqlite_reader: Reader) -> None:
    """Delays change nothing but the time."""
    sqlite_reader.org.fault(match={"path": "/queryAll.*FROM Case "}, do={"delay": 0.3}, times=2)
    assert sqlite_reader.pull().outcome == "ok"
    assert sqlite_reader.verify().differences == []


@pytest.mark.parametrize("flood", [1_999, 2_000, 2_001, 4_500])
def test_a_flood_with_one_stamp_is_read_whole(sqlite_reader: Reader, flood: int) -> None:
    """Thousands of equal stamps over several pages, a page boundary within them or right after."""
    reader = sqlite_reader
    reader.pull()
    reader.later(60)
    reader.pull()
    ids = reader.org.act("burst", sobject="Case", n=flood)
    result = reader.pull()
    assert (len(ids), result.rows_written) == (flood, flood)
    assert result.rows_read == flood
    assert reader.verify().differences == []


def test_a_crash_amid_equal_stamps_resumes_by_id(reader: Reader) -> None:
    """The place inside a flood is the Id: the rest of it is read, on either database."""
    reader.pull()
    reader.later(60)
    reader.pull()
    reader.org.act("burst", sobject="Case", n=4_500)
    with pytest.raises(Stopped):
        reader.pull(stopping=after_pages(1))
    assert reader.pull().rows_written == 2_500
    assert reader.verify().differences == []


def _kill_midway(command: list[str], env: dict[str, str], stored: Callable[[], int]) -> None:
    process = subprocess.Popen(command, env=env, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
    deadline = time.monotonic() + 60
    while stored() < 2_000:
        assert process.poll() is None, process.communicate()[1].decode()[-2_000:]
        assert time.monotonic() < deadline
        time.sleep(0.005)
    process.send_signal(signal.SIGKILL)
    process.communicate()
    assert process.returncode == -signal.SIGKILL


def test_a_killed_process_loses_nothing(desk: Emulator, store: Store, tmp_path: Path) -> None:
    """`kill -9` of a real `scsync pull` between its pages: the next one goes on from there."""
    with closing(Reader(desk, store, settle=timedelta(seconds=5))) as reader:
        settings = {
            "SCSYNC_DATABASE_URL": store.url.render_as_string(hide_password=False),
            "SCSYNC_LOGIN_URL": desk.url,
            "SCSYNC_CLIENT_ID": desk.client_id,
            "SCSYNC_CLIENT_SECRET": desk.client_secret,
            "SCSYNC_SECRET_KEY": reader.key,
        }
        # Slow enough a page that on any machine the kill comes before it.
        desk.fault(match={"path": "/queryAll.*FROM Case "}, do={"delay": 110}, nth=3)
        scsync = str(Path(sys.executable).with_name("scsync"))
        command = ["env", "-C", str(tmp_path), scsync, "pull", "Case"]
        _kill_midway(command, {**os.environ, **settings}, reader.count)
        killed_at = reader.count()
        assert 2_000 <= killed_at < 5_000
        assert reader.pull().outcome is None  # the dead one's lease runs on
        reader.clock.ahead = 2 * watermarks.LEASE
        result = reader.pull()
        assert result.rows_written + killed_at == reader.count()
        assert reader.verify().differences == []
    desk.clear_faults()
