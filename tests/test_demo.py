"""`scsync demo`: the tour ends in proof, and what it advertises works from another terminal."""

import json
import os
import re
import shlex
import signal
import socket
import stat
import subprocess
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import IO

import httpx

from config.settings import Settings
from tests.system.processes import PATIENCE, SCSYNC

HEADINGS = ["An org", "First pull", "Agents work", "Commands", "Proof"]
USUAL_PORT: int = Settings.model_fields["console_port"].default
STEP = re.compile(r"^(\d)/5 ([^:]+): ", re.MULTILINE)


def demo(folder: Path, *words: str) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        [SCSYNC, "demo", "--cases", "200", *words],
        cwd=folder,
        env={**os.environ, "COLUMNS": "80", "SCSYNC_OBJECTS": "Csae"},
        capture_output=True,
        text=True,
        timeout=PATIENCE,
        check=False,
    )


def test_the_tour_takes_five_steps_and_ends_in_proof(tmp_path: Path) -> None:
    """Whatever the environment sets for another org: the demo is by itself."""
    done = demo(tmp_path, "--once", "--json")
    assert done.returncode == 0, done.stderr
    verdict = json.loads(done.stdout)
    assert (verdict["agree"], set(verdict["commands"])) == (True, {"applied"})
    assert [title for _, title in STEP.findall(done.stderr)] == HEADINGS
    assert "did you mean Priority?" in done.stderr
    assert "org and store agree on all " in done.stderr
    for name in (".env", "scsync.key"):
        assert stat.S_IMODE((tmp_path / "scsync-demo" / name).stat().st_mode) == 0o600


def test_a_folder_that_no_demo_made_is_left_alone(tmp_path: Path) -> None:
    """The folder is made anew each time, so it has to be ours."""
    kept = tmp_path / "scsync-demo" / "thesis.txt"
    kept.parent.mkdir()
    kept.touch()
    done = demo(tmp_path, "--once")
    assert (done.returncode, "choose another with --dir" in done.stderr) == (2, True)
    assert kept.exists()


@contextmanager
def running_demo(folder: Path) -> Iterator["subprocess.Popen[str]"]:
    process = subprocess.Popen(
        [SCSYNC, "demo", "--cases", "200"], cwd=folder, stdout=subprocess.PIPE, text=True
    )
    try:
        yield process
    finally:
        process.send_signal(signal.SIGINT)
        assert process.wait(PATIENCE) == 0
        assert process.stdout
        process.stdout.close()


def test_what_the_demo_advertises_works_while_it_runs(tmp_path: Path) -> None:
    """Every line to copy, copied: status, submit and commands list; Ctrl-C ends it all.

    The console that is named is the demo's own, though another program has the usual port.
    """
    with usual_port_taken(), running_demo(tmp_path) as process:
        assert process.stdout
        *offered, console = copied_lines(process.stdout)
        assert len(offered) == 3
        url, _, why = console.removeprefix("In a browser: ").partition(" ")
        told = f"(another program has port {USUAL_PORT})"
        assert why == ("" if url.endswith(f":{USUAL_PORT}") else told)
        assert httpx.get(f"{url}/v1/status").json()["account"]["state"] == "linked"
        for line in offered:
            done = subprocess.run(
                ["sh", "-c", line], cwd=tmp_path, capture_output=True, text=True, check=False
            )
            assert done.returncode == 0, (line, done.stderr)
        update = shlex.split(offered[1])
        assert update[4:7] == ["submit", "update", "Case"]


@contextmanager
def usual_port_taken() -> Iterator[None]:
    """Sit on the console's port, unless somebody does, who may leave it at any time."""
    with ExitStack() as stack:
        with suppress(OSError):
            stack.enter_context(socket.create_server(("127.0.0.1", USUAL_PORT)))
        yield


def copied_lines(output: IO[str]) -> Iterator[str]:
    """Read up to the last word of the tour; give the lines to copy, and where the console is."""
    for line in output:
        if line.startswith(("  cd ", "In a browser: ")):
            yield line.strip()
        if line.startswith("Ctrl-C"):
            return
    raise AssertionError("the demo ended by itself")
