"""A folder with settings in it, and the console script run there against an emulated org."""

import json
import os
import re
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any

import pytest

from emulator.server import Emulator
from tests import leaks
from tests.services import free_port

SCSYNC = str(Path(sys.executable).with_name("scsync"))
PATIENCE = 120.0  # s: bounds a wait that ends as soon as what it waits for is there


@dataclass(frozen=True)
class Done:
    """What a process left behind."""

    code: int
    out: str
    err: str

    @property
    def said(self) -> str:
        """The lines for a person, without what was logged beside them."""
        return "\n".join(line for line in self.err.splitlines() if not line.startswith('{"'))

    @property
    def logs(self) -> list[dict[str, Any]]:
        return [json.loads(line) for line in self.err.splitlines() if line.startswith("{")]

    def document(self) -> Any:
        """The one JSON document that stdout holds."""
        return json.loads(self.out)

    def objects(self) -> list[Any]:
        """The JSON objects that stdout holds, one a line."""
        return [json.loads(line) for line in self.out.splitlines()]


class Forks:
    """Short verbs in processes of their own, without the time it takes to import them each time."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._out, self._err = folder / "out", folder / "err"
        self._server = subprocess.Popen(
            [sys.executable, "-m", "tests.cli.forks"],
            cwd=Path(__file__).parents[2],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    def run(self, words: Sequence[str], *, cwd: Path, env: dict[str, str], given: str) -> Done:
        given_file = self._folder / "in"
        given_file.write_text(given)
        self._begin(words, cwd, env, given_file)
        return self._end()

    def converse(
        self,
        words: Sequence[str],
        *,
        cwd: Path,
        env: dict[str, str],
        question: str,
        answer: Callable[[str], str],
    ) -> Done:
        """Run a verb that asks something on stderr, and answer it by one line."""
        pipe = self._folder / "pipe"
        pipe.unlink(missing_ok=True)
        os.mkfifo(pipe)
        self._begin(words, cwd, env, pipe)
        try:
            with pipe.open("w") as stdin:
                stdin.write(answer(self._asked(question)) + "\n")
        finally:
            done = self._end()
        return done

    def _asked(self, question: str) -> str:
        until = time.monotonic() + PATIENCE
        while time.monotonic() < until:
            if found := re.search(question, self._err.read_text()):
                return found[0]
            time.sleep(0.01)
        raise AssertionError(f"it never said {question}, but {self._err.read_text()}")

    def _begin(self, words: Sequence[str], cwd: Path, env: dict[str, str], given: Path) -> None:
        self._verb = words[0] if words else ""
        for stream in (self._out, self._err):
            stream.write_text("")
        streams = [str(given), str(self._out), str(self._err)]
        request = {"words": words, "folder": str(cwd), "env": env, "streams": streams}
        assert self._server.stdin
        self._server.stdin.write(json.dumps(request) + "\n")
        self._server.stdin.flush()

    def _end(self) -> Done:
        assert self._server.stdout
        code = int(self._server.stdout.readline())
        done = Done(code, self._out.read_text(), self._err.read_text())
        if self._verb != "emulator":
            leaks.note(f"the output of scsync {self._verb}", done.out, done.err)
        return done

    def close(self) -> None:
        self._server.communicate()


@pytest.fixture(scope="session")
def forks(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Forks]:
    found = Forks(tmp_path_factory.mktemp("forks"))
    yield found
    found.close()


@dataclass
class Desk:
    """A folder, its settings, and `scsync` in it."""

    folder: Path
    forks: Forks
    settings: dict[str, str] = field(default_factory=dict)

    def run(self, *words: str, given: str = "") -> Done:
        done = self.forks.run(words, cwd=self.folder, env=self.env(), given=given)
        assert "Traceback" not in done.err or "--debug" in words, done.err
        return done

    def converse(self, *words: str, question: str, answer: Callable[[str], str]) -> Done:
        """Run a verb that waits for a line: what it asks, and what it is told."""
        return self.forks.converse(
            words, cwd=self.folder, env=self.env(), question=question, answer=answer
        )

    def run_after(self, before: Callable[[], None], *words: str) -> Done:
        """Run the console script itself, in a process prepared like that."""
        done = subprocess.run(
            [SCSYNC, *words],
            cwd=self.folder,
            env=self.env(),
            capture_output=True,
            text=True,
            timeout=PATIENCE,
            check=False,
            preexec_fn=before,
        )
        assert "Traceback" not in done.stderr, done.stderr
        return Done(done.returncode, done.stdout, done.stderr)

    def start(self, *words: str, stdout: IO[str]) -> "subprocess.Popen[str]":
        return subprocess.Popen(
            [SCSYNC, *words],
            cwd=self.folder,
            env=self.env(),
            stdout=stdout,
            stderr=subprocess.PIPE,
            text=True,
        )

    def env(self) -> dict[str, str]:
        kept = {name: value for name, value in os.environ.items() if not name.startswith("SCSYNC_")}
        named = {f"SCSYNC_{name}": value for name, value in self.settings.items()}
        return {**kept, "COLUMNS": "80", **named}


def login(org: Emulator) -> dict[str, str]:
    return {
        "LOGIN_URL": org.url,
        "CLIENT_ID": org.client_id,
        "CLIENT_SECRET": org.client_secret,
        "REFRESH_TOKEN": org.refresh_token,
    }


@pytest.fixture(scope="module")
def org() -> Iterator[Emulator]:
    """One org for a module: its tests change different records."""
    with Emulator(cases=200) as emulator:
        yield emulator


@pytest.fixture
def own_org() -> Iterator[Emulator]:
    """An org to be spoilt."""
    with Emulator(cases=200) as emulator:
        yield emulator


@pytest.fixture
def port() -> int:
    """A loopback port that nobody else is given."""
    return free_port()


@pytest.fixture
def bare(tmp_path: Path, forks: Forks) -> Desk:
    """A folder in which nothing is set."""
    return Desk(tmp_path, forks)


@pytest.fixture
def place(bare: Desk, store_url: str) -> Desk:
    """A desk with a store, on SQLite and on PostgreSQL; no org."""
    bare.settings["DATABASE_URL"] = store_url
    return bare


@pytest.fixture
def desk(tmp_path: Path, forks: Forks, org: Emulator, migrated_sqlite: Path) -> Desk:
    """A folder whose settings name the org, and a store without a row in it."""
    shutil.copy(migrated_sqlite, tmp_path / "scsync.db")
    return Desk(tmp_path, forks, login(org))


@pytest.fixture
def empty_desk(tmp_path: Path, forks: Forks, org: Emulator) -> Desk:
    """A folder whose settings name the org, without a store."""
    return Desk(tmp_path, forks, login(org))


@pytest.fixture
def case_ids(org: Emulator) -> list[str]:
    """Open cases of the org."""
    rows = org.run(lambda it: it.query_rows("SELECT Id FROM Case WHERE IsClosed = false"))
    return [row["Id"] for row in rows]
