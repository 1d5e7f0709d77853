"""Runs `scsync` in processes that are killed in the middle of it, forked from one that imported it.

A request a line: what `tests.cli.forks` takes, and `after`, the seconds until SIGKILL (null: never).
"""

import json
import os
import signal
import sys
import time

from tests.cli.forks import prepare, run


def serve() -> None:
    """Answer each request with the exit code; -9 for a child that was killed."""
    prepare()
    for line in sys.stdin:
        request = json.loads(line)
        child = os.fork()
        if child == 0:
            run(request)
        sys.stdout.write(f"{_ended(child, request['after'])}\n")
        sys.stdout.flush()


def _ended(child: int, after: float | None) -> int:
    deadline = None if after is None else time.monotonic() + after
    while deadline is not None:
        found, status = os.waitpid(child, os.WNOHANG)
        if found:
            return os.waitstatus_to_exitcode(status)
        if time.monotonic() >= deadline:
            os.kill(child, signal.SIGKILL)
            break
        time.sleep(0.001)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])


if __name__ == "__main__":
    serve()
