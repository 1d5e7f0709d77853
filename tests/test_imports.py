"""Imports run in one direction, and the check that says so can fail."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
ROOMS = (
    "agents",
    "cli",
    "config",
    "console",
    "emulator",
    "models",
    "pipelines",
    "salesforce",
    "store",
    "worker",
)


def lint_imports(tree: Path) -> "subprocess.CompletedProcess[str]":
    """Run import-linter's own program, which puts the current folder first on its path."""
    return subprocess.run(
        [str(Path(sys.executable).with_name("lint-imports")), "--no-cache"],
        cwd=tree,
        env=os.environ | {"PYTHONPATH": str(tree), "COLUMNS": "200"},
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    """The rooms and their rules, to be spoilt."""
    shutil.copy(ROOT / "pyproject.toml", tmp_path)
    for room in ROOMS:
        shutil.copytree(ROOT / room, tmp_path / room, ignore=shutil.ignore_patterns("__pycache__"))
    return tmp_path


def test_every_arrow_points_the_right_way() -> None:
    """The tree as it stands keeps every contract of pyproject.toml."""
    done = lint_imports(ROOT)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "0 broken" in done.stdout


@pytest.mark.parametrize(
    ("room", "wrong"),
    [
        ("models", "store"),
        ("models", "salesforce"),
        ("salesforce", "models"),
        ("salesforce", "store"),
        ("config", "models"),
        ("store", "config"),
        ("store", "salesforce"),
        ("store", "pipelines"),
        ("pipelines", "config"),
        ("pipelines", "worker"),
        ("worker", "cli"),
        ("worker", "console"),
        ("console", "agents"),
        ("agents", "emulator"),
        ("console", "emulator"),
        ("worker", "emulator"),
        ("emulator", "salesforce"),
    ],
)
def test_a_wrong_arrow_fails_by_name(copy: Path, room: str, wrong: str) -> None:
    """One wrong import is enough, and the message names both ends."""
    (copy / room / "astray.py").write_text(f'"""Goes astray."""\n\nimport {wrong}  # noqa: F401\n')
    done = lint_imports(copy)
    assert done.returncode != 0
    assert f"{room}.astray -> {wrong}" in done.stdout


def test_every_room_is_under_the_rules() -> None:
    """A new top-level package is one the rules know of."""
    packages = {path.parent.name for path in ROOT.glob("*/__init__.py")}
    assert packages - {"tests", "benchmarks"} == set(ROOMS)
