"""Runs one server and takes it down, with its directory, when whoever asked for it is gone.

A process of its own, standard library only: the asker holds the other end of stdin, so the end of
that stream is the asker's death, however it died, on Linux and on macOS alike. Until then each byte
is a signal number to pass on.
"""

import json
import os
import select
import shutil
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

PATIENCE = 30.0  # seconds between asking an orphan to stop and killing it
POLL = 0.05  # seconds until the server's own end is noticed


def main() -> int:
    spec = json.loads(sys.argv[1])
    server = launch(spec)
    if not watch(server):
        bury(server, spec)
    return 0


def launch(spec: dict[str, Any]) -> "subprocess.Popen[bytes]":
    privileges = {} if spec["user"] is None else drop(spec["user"], spec["group"])
    with Path(spec["log"]).open("ab") as log:
        return subprocess.Popen(
            spec["command"],
            cwd=spec["directory"],
            env=os.environ | {"LC_ALL": "C"},  # without a locale PostgreSQL does not start on macOS
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
            start_new_session=True,
            **privileges,
        )


def drop(user: int, group: int) -> dict[str, Any]:
    return {"user": user, "group": group, "extra_groups": []}


def watch(server: "subprocess.Popen[bytes]") -> bool:
    """Pass signals on until the server ends (true) or the asker does (false)."""
    stdin = sys.stdin.fileno()
    while server.poll() is None:
        if select.select([stdin], [], [], POLL)[0]:
            sent = os.read(stdin, 1)
            if not sent:
                return False
            server.send_signal(sent[0])
    return True


def bury(server: "subprocess.Popen[bytes]", spec: dict[str, Any]) -> None:
    server.send_signal(spec["stop_signal"])
    try:
        server.wait(PATIENCE)
    except subprocess.TimeoutExpired:
        server.kill()
        server.wait()
    # What a killed server has started leaves a moment after it, and may write until then.
    for _ in range(round(PATIENCE / POLL)):
        shutil.rmtree(spec["directory"], ignore_errors=True)
        if not Path(spec["directory"]).exists():
            return
        time.sleep(POLL)


if __name__ == "__main__":
    sys.exit(main())
