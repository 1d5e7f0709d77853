"""The program on a terminal, as a person runs it."""

import os
import pty

from tests.cli.conftest import SCSYNC, Desk


def on_a_terminal(desk: Desk, *words: str, answer: str = "") -> tuple[int, str]:
    """Run it, type an answer at once, and give its exit code and all that was shown."""
    pid, terminal = pty.fork()
    if pid == 0:  # pragma: no cover - the child is the program
        os.chdir(desk.folder)
        os.execve(SCSYNC, [SCSYNC, *words], {**desk.env(), "TERM": "xterm"})  # noqa: S606 - it is the test
    os.write(terminal, answer.encode())
    shown = _read_all(terminal)
    return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]), shown


def _read_all(terminal: int) -> str:
    shown = b""
    try:
        while chunk := os.read(terminal, 65536):
            shown += chunk
    except OSError:  # how Linux says that the other end has gone
        pass
    return shown.decode()
