"""The documents: what they name exists, what they show runs."""

import ast
import re
import shlex
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import dramatiq
import pytest
import typer.main
from redis import Redis
from sqlalchemy import create_engine, text

from cli.main import program
from config.settings import Settings
from models import CATALOG
from models.command import Command
from store import migrate
from store.engine import Store
from tests.test_demo import HEADINGS
from worker.actors import COMMANDS

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text()
DOCUMENTS = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]
SETTINGS = [f"SCSYNC_{name.upper()}" for name in Settings.model_fields if name != "object_settings"]


def blocks(language: str, documents: list[Path] | None = None) -> list[str]:
    """The code blocks of a language in the README, or elsewhere."""
    texts = [path.read_text() for path in documents or [ROOT / "README.md"]]
    return [
        block
        for one in texts
        for block in re.findall(rf"^```{language}\n(.*?)^```", one, re.MULTILINE | re.DOTALL)
    ]


def shown_commands() -> Iterator[str]:
    """Every `scsync …` that the documents show, in a block of a shell's or within a sentence."""
    for path in DOCUMENTS:
        for line in re.findall(r"`(scsync [a-z][^`]*)`", path.read_text()):
            yield line.partition("…")[0]
    for block in blocks("sh", DOCUMENTS):
        for line in block.splitlines():
            if line.startswith("scsync "):
                yield line
    for path in (ROOT / "docker-compose.yml", *(ROOT / "deploy/systemd").glob("*.service")):
        found = re.findall(r'command: \["(scsync.*)"\]|ExecStart=\S+/(scsync .*)', path.read_text())
        for listed, started in found:
            yield started or listed.replace('", "', " ")


def commands() -> dict[str, Any]:
    found: dict[str, Any] = typer.main.get_command(program()).commands  # type: ignore[attr-defined]
    return found


@pytest.mark.parametrize("line", sorted(set(shown_commands())))
def test_every_shown_command_parses(line: str) -> None:
    """Verb, options and their values are what the program takes; nothing is run."""
    words = shlex.split(line, comments=True)[1:]
    command = commands()[words.pop(0)]
    while words and hasattr(command, "commands"):
        command = command.commands[words.pop(0)]
    if not hasattr(command, "commands") and words:
        command.make_context("scsync", words)


@pytest.mark.parametrize("verb", sorted(commands()))
def test_every_verb_stands_in_the_readme(verb: str) -> None:
    """A verb that nobody reads of does not exist."""
    assert f"`scsync {verb}" in README


@pytest.mark.parametrize("name", SETTINGS)
def test_every_setting_stands_in_the_readme_with_its_default(name: str) -> None:
    """The table and the program say the same."""
    row = re.search(rf"^\| `{name}` \| (.*?) \|", README, re.MULTILINE)
    assert row
    default = Settings.model_fields[name.removeprefix("SCSYNC_").lower()].default
    if isinstance(default, int | str) and default:
        assert row[1] == f"`{default}`"


def test_every_setting_that_is_named_anywhere_exists() -> None:
    """No document, and no deployment file, names a setting of an earlier thought."""
    paths = [*DOCUMENTS, ROOT / "docker-compose.yml", ROOT / ".env.example"]
    named = {name for path in paths for name in re.findall(r"SCSYNC_\w+", path.read_text())}
    assert named - {*SETTINGS, "SCSYNC_CONFIG", "SCSYNC_TEST_SERVICES"} == set()


def test_every_table_stands_in_the_readme() -> None:
    """By its name in SQL."""
    assert [
        model.table().name for model in CATALOG if f"`{model.table().name}`" not in README
    ] == []


def test_the_first_screen_shows_the_two_commands() -> None:
    """Each alone in a block of its own, to be copied."""
    assert blocks("sh")[:2] == ["./dev demo --once\n", "./dev test\n"]


def test_the_demo_output_shown_is_of_the_present_form() -> None:
    """Every heading shown is one that the tour prints, under its number."""
    shown = re.findall(r"^(\d)/5 ([^:]+): ", blocks("text")[0], re.MULTILINE)
    assert len(shown) == 3
    assert [title for number, title in shown] == [HEADINGS[int(n) - 1] for n, _ in shown]


def test_the_sql_runs_on_a_store(database_url: str) -> None:
    """Reports and inserts, on both databases as they stand in the README."""
    store = Store(database_url)
    migrate.upgrade(store)
    store.close()
    engine = create_engine(database_url)
    with engine.begin() as tx:
        for block in blocks("sql"):
            tx.execute(text(block.replace(":", "\\:")))
        assert tx.execute(text("SELECT count(*) FROM scsync_commands")).scalar() == 1
    engine.dispose()


def test_the_ndjson_shown_is_two_commands() -> None:
    """The second refers to the first."""
    first, second = (Command.from_json(ast.literal_eval(b)) for b in blocks("json")[0].splitlines())
    assert second.references() == (first.id,)


def test_the_dramatiq_example_sends_what_the_worker_takes(redis_url: str) -> None:
    """Run as it stands, against a real Redis."""
    exec(blocks("python")[0].replace("redis://localhost:6379/0", redis_url), {})  # noqa: S102
    with Redis.from_url(redis_url) as server:
        (stored,) = server.hgetall(f"dramatiq:{COMMANDS}.msgs").values()
    message = dramatiq.Message.decode(stored)
    assert message.actor_name == "submit_command"
    assert Command.from_json(*message.args).op == "create"


def test_the_toml_shown_is_read(tmp_path: Path) -> None:
    """With settings of its own for an object, each of which stands in the table below it."""
    from config.settings import load  # noqa: PLC0415 - the one test that reads settings

    (tmp_path / "scsync.toml").write_text(blocks("toml")[0])
    settings = load(tmp_path / "scsync.toml")
    assert settings.interval_of("Case") == 10
    assert settings.objects[0] == "Account"
    own = settings.object_settings["Case"]
    for name, info in type(own).model_fields.items():
        assert getattr(own, name) != info.default, f"{name} is not shown"
        assert re.search(rf"^\| `{name}` \|", README, re.MULTILINE)


def test_the_profiles_shown_are_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each account by its own; every key that a table may have is named beside them."""
    from config.settings import load  # noqa: PLC0415 - like the one above
    from config.tables import AccountTable, Profile  # noqa: PLC0415

    page = ROOT / "docs" / "connections.md"
    (tmp_path / "scsync.toml").write_text(blocks("toml", [page])[0])
    (tmp_path / "reporting.secret").touch(mode=0o600)
    (tmp_path / "reporting.secret").write_text("hush")
    monkeypatch.setenv("SUPPORT_SECRET", "hush")
    assert load(tmp_path / "scsync.toml").allows("update_case")
    assert load(tmp_path / "scsync.toml", account="acme").objects == ("Account", "Case")
    for table in (Profile, AccountTable):
        assert [name for name in table.model_fields if f"`{name}`" not in page.read_text()] == []


def test_links_lead_somewhere() -> None:
    """Every relative link of every document."""
    for path in DOCUMENTS:
        for target in re.findall(r"\]\((?!http)([^)#]+)", path.read_text()):
            assert (path.parent / target).exists(), f"{path.name}: {target}"
