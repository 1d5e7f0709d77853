"""The search for secrets in outputs finds what it seeks, wherever a test lets it out."""

import os
import subprocess
import sys
from pathlib import Path

from emulator.grants import new_refresh_token
from emulator.instance import new_secret
from emulator.server import Emulator
from tests import leaks

CONFTEST = """
import pytest
from tests import leaks

@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item):
    report = yield
    leaks.judge(item, report)
    return report
"""
TESTS = """
import subprocess, sys
from tests import leaks

TOKEN = "5Aep861" + "x" * 80

def test_prints(): print(TOKEN)
def test_leaves_a_log(tmp_path): (tmp_path / "0-up.log").write_text(f"so: {TOKEN}")
def test_starts_a_process():
    with leaks.watching():
        subprocess.run([sys.executable, "-c", f"print('{TOKEN}')"], capture_output=True)
def test_keeps_it(tmp_path): (tmp_path / "scsync.toml").write_text(TOKEN)
"""


def test_a_test_that_lets_a_secret_out_fails(tmp_path: Path) -> None:
    """By print, by a log, by a process; what is kept where it belongs is no leak."""
    (tmp_path / "conftest.py").write_text(CONFTEST)
    (tmp_path / "test_leaky.py").write_text(TESTS)
    words = [
        "-m",
        "pytest",
        "-q",
        "-p",
        "no:cacheprovider",
        "--rootdir",
        str(tmp_path),
        str(tmp_path),
    ]
    root = Path(__file__).parents[1]
    done = subprocess.run(
        [sys.executable, *words],
        cwd=root,
        env=os.environ | {"PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"},
        capture_output=True,
        text=True,
        check=False,
    )
    failed = {
        line.split("::")[1].split()[0] for line in done.stdout.splitlines() if "FAILED" in line
    }
    assert failed == {"test_prints", "test_leaves_a_log", "test_starts_a_process"}
    assert "3 failed, 1 passed" in done.stdout
    assert "secrets in outputs: a refresh token in 0-up.log" in done.stdout
    leaks.taken()  # what the inner run printed of itself is no leak of ours


def test_the_shapes_are_those_of_the_emulator() -> None:
    """What it issues is known by its shape; ordinary words and digests are not."""
    with Emulator(cases=1) as org:
        assert leaks.found_in(f"so {org.refresh_token}.") == ["a refresh token"]
        assert leaks.found_in(org.client_secret) == ["a consumer secret"]
        assert leaks.found_in(org.client_id) == []
    assert leaks.found_in(f"{new_refresh_token()} {new_secret()}") == [
        "a refresh token",
        "a consumer secret",
    ]
    assert (
        leaks.found_in("a" * 64 + " 500000000000001AAA 0b7c9a52-6f0e-4f0e-9d0e-2f6f4a1b7c3d") == []
    )
