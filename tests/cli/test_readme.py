"""What the README shows of commands, done."""

import json
import subprocess
import sys

from models.command import Command
from tests.cli.conftest import Desk
from tests.test_docs import blocks


def test_the_python_shown_submits(desk: Desk) -> None:
    """Run as it stands, in a folder with settings; the id it prints is a command's."""
    done = subprocess.run(
        [sys.executable, "-c", blocks("python")[1]],
        cwd=desk.folder,
        env=desk.env(),
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    shown = desk.run("commands", "show", done.stdout.split()[-1], "--json").document()
    assert (shown["state"], shown["fields"]["Subject"]) == ("pending", "No power")


def test_the_options_shown_are_a_commands() -> None:
    """Every line of the second block of JSON is one."""
    lines = [Command.from_json(json.loads(line)) for line in blocks("json")[1].splitlines()]
    assert [line.op for line in lines] == ["update", "create", "publish", "archive"]
    assert [line.on_conflict for line in lines] == ["merge", None, None, None]
    assert lines[1].auto_assign == "true"
