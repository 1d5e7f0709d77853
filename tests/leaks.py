"""No secret in any output: what tests print, log, or have processes print is searched for them.

The emulator's tokens and secrets bear a shape of their own, so that those of an org in another
process are known, too; `conftest.py` has every test's output looked through.
"""

import re
import subprocess
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

SHAPES = {
    "an access token": re.compile(r"00D\w{12,15}!AQ[\w-]{60,}"),
    "a refresh token": re.compile(r"5Aep861[\w-]{60,}"),
    "a consumer secret": re.compile(r"(?<![0-9A-F])[0-9A-F]{64}(?![0-9A-F])"),
    "a key of the store": re.compile(r"(?<![\w-])[\w-]{43}=(?![\w=-])"),
    "a private key": re.compile(r"-----BEGIN [A-Z ]*PRIVATE KEY-----"),
}
OUTPUTS = ("log", "*.log", "out", "err", "*.out", "*.err")
"""Files of a test's folder that processes write to."""
_TELLS = "emulator"  # tells what it takes for its own, to whoever starts it

_noted: list[str] = []


def found_in(text: str) -> list[str]:
    """Name the kinds of secrets in a text, never the secrets."""
    return [kind for kind, shape in SHAPES.items() if shape.search(text)]


def note(place: str, *texts: Any) -> None:
    """Take down what kinds of secrets a process printed."""
    for text in texts:
        said = text.decode(errors="replace") if isinstance(text, bytes) else text or ""
        _noted.extend(f"{kind} in {place}" for kind in found_in(said))


def taken() -> list[str]:
    """Give what was noted since, once."""
    found = list(dict.fromkeys(_noted))
    _noted.clear()
    return found


@contextmanager
def watching() -> Iterator[None]:
    """Look through what every process of the suite gives back when it is waited for."""
    communicate = subprocess.Popen.communicate

    def noting(process: "subprocess.Popen[Any]", *given: Any, **named: Any) -> Any:
        outputs = communicate(process, *given, **named)
        words = [process.args] if isinstance(process.args, str) else list(process.args)  # type: ignore[arg-type]
        if _TELLS not in words:
            note(f"the output of {Path(str(words[0])).name} {words[1:2]}", *outputs)
        return outputs

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(subprocess.Popen, "communicate", noting)
        yield


def files(folder: Path) -> Iterable[Path]:
    """List the outputs that processes left in a test's folder."""
    return (
        path
        for pattern in OUTPUTS
        for path in folder.glob(pattern)
        if path.is_file() and _TELLS not in path.name
    )


def judge(item: pytest.Item, report: pytest.TestReport) -> None:
    """Fail a test whose output bears a secret, and say of what kind, and where."""
    note("what the test printed or logged", report.capstdout, report.capstderr, report.caplog)
    if report.when == "call" and (folder := getattr(item, "funcargs", {}).get("tmp_path")):
        for path in files(folder):
            note(path.name, path.read_bytes())
    if leaks := taken():
        report.outcome = "failed"
        report.longrepr = f"secrets in outputs: {'; '.join(leaks)}"
