"""`scsync console`, and the console beside a daemon: where they are served, and who may ask."""

import json
import signal
import socket
import subprocess

import httpx
import pytest

from tests.cli.conftest import PATIENCE, SCSYNC, Desk
from tests.cli.test_daemon import running


def test_other_machines_need_a_token(desk: Desk) -> None:
    """Exit 2 before the port opens."""
    done = desk.run("console", "--host", "0.0.0.0", "--port", "0")  # noqa: S104 - refused
    assert done.code == 2
    assert "scsync keys make" in done.said


def test_the_verb_serves_until_told(desk: Desk) -> None:
    """It says where, answers, and ends with 0."""
    with subprocess.Popen(
        [SCSYNC, "console", "--port", "0", "--json"],
        cwd=desk.folder,
        env=desk.env(),
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    ) as process:
        assert process.stdout
        url = json.loads(process.stdout.readline())["url"]
        assert httpx.get(f"{url}/healthz", timeout=PATIENCE).text == "ok\n"
        process.send_signal(signal.SIGTERM)
        assert process.wait(timeout=PATIENCE) == 0


@pytest.mark.parametrize("words", [("console",), ("mcp", "--http")])
def test_systemd_hears_that_it_listens(desk: Desk, words: tuple[str, ...]) -> None:
    """Not before: whatever is started after it may ask at once."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as systemd:
        systemd.bind(str(desk.folder / "notify"))
        systemd.settimeout(PATIENCE)
        with subprocess.Popen(
            [SCSYNC, *words, "--port", "0", "--json"],
            cwd=desk.folder,
            env=desk.env() | {"NOTIFY_SOCKET": str(desk.folder / "notify")},
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
        ) as process:
            try:
                assert systemd.recv(64) == b"READY=1"
                assert process.stdout
                url = json.loads(process.stdout.readline())["url"]
                assert httpx.get(url, timeout=PATIENCE).status_code < 500
            finally:
                process.send_signal(signal.SIGTERM)
            assert process.wait(timeout=PATIENCE) == 0


def test_the_daemon_serves_it_too(desk: Desk, port: int) -> None:
    """And goes without where the port is taken, saying so."""
    desk.settings |= {"CONSOLE_PORT": str(port), "INTERVAL": "1", "OBJECTS": "User"}
    with socket.create_server(("127.0.0.1", port)), running(desk, "up", "--json") as wait:
        wait(lambda line: line["event"] == "pull.finished")
        assert "console.not_served" in (desk.folder / "log").read_text()
    with running(desk, "up", "--json") as wait:
        wait(lambda line: line["event"] == "pull.finished")
        ready = httpx.get(f"http://127.0.0.1:{port}/readyz", timeout=PATIENCE)
        assert ready.status_code == 200
