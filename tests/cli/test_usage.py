"""What everybody may rely on: help, exit codes, one line per error, JSON on stdout alone."""

import os

import pytest

from cli.main import program
from tests.cli.conftest import PATIENCE, Desk


def verbs() -> list[tuple[str, ...]]:
    app = program()
    found = [((one.name or one.callback.__name__).rstrip("_"),) for one in app.registered_commands]
    for group in app.registered_groups:
        inner = group.typer_instance.registered_commands
        found += [(group.name, (one.name or one.callback.__name__)) for one in inner]
    return found


def command_of(words: tuple[str, ...]):
    import typer.main  # noqa: PLC0415 - the tree that typer builds

    command = typer.main.get_command(program())
    for word in words:
        command = command.commands[word]
    return command


@pytest.mark.parametrize("words", verbs(), ids=" ".join)
def test_every_verb_has_an_example_and_json(words: tuple[str, ...]) -> None:
    """Help ends with a line to copy, and machines are served, by every verb alike."""
    command = command_of(words)
    if words == ("emulator",):
        return  # its options are the emulator's own
    assert f"scsync {' '.join(words)}" in (command.epilog or "")
    assert any("--json" in param.opts for param in command.params)


def test_help_groups_the_verbs_and_fits_80_columns(bare: Desk) -> None:
    """The first thing a stranger types says where to begin and is not folded."""
    done = bare.run("--help")
    assert done.code == 0
    assert [word for word in ("Try it", "Connect", "Sync", "Look") if word not in done.out] == []
    assert "Begin with: scsync demo" in done.out
    assert max(map(len, done.out.splitlines())) <= 80


def test_the_version_is_told(bare: Desk) -> None:
    """Without a verb, settings or a store."""
    assert bare.run("--version").out.startswith("scsync 0.")


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("bogus",), "No such command 'bogus'"),
        (("pull", "--bogus"), "No such option: --bogus"),
        (("--config", "nope.toml", "status"), "file 'nope.toml' does not exist"),
        (("commands", "list", "--state", "lost"), "'lost' is not one of"),
    ],
)
def test_wrong_usage_is_said_in_a_line_and_exits_2(
    bare: Desk, words: tuple[str, ...], said: str
) -> None:
    """A typing error costs no traceback."""
    done = bare.run(*words)
    assert (done.code, done.out) == (2, "")
    assert said in " ".join(done.err.replace("│", " ").split())


def test_debug_shows_where_it_happened_wherever_it_stands(bare: Desk) -> None:
    """The flag is added at the end of the line that has just failed."""
    done = bare.run("pull", "--debug")
    assert done.code == 2
    assert "Traceback" in done.err
    assert "scsync: SCSYNC_CLIENT_ID is not set" in done.err


def test_a_pipe_that_closes_early_is_no_error(desk: Desk) -> None:
    """`scsync schema | head -1` is quiet."""
    reader, writer = os.pipe()
    os.close(reader)  # before there is anything to read, however late we are
    with os.fdopen(writer, "w") as gone:
        process = desk.start("schema", stdout=gone)
    _, said = process.communicate(timeout=PATIENCE)
    assert "Traceback" not in said
    assert "BrokenPipe" not in said
