"""One case in one process: how long it took, what it cost, how high its memory rose."""

import json
import resource
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec

MEBI = 1024


class Spec(msgspec.Struct):
    """What a case is told on stdin."""

    org: str
    token: str
    """A session, for those that do not log in by themselves."""
    login: dict[str, str]
    soql_fields: list[tuple[str, str, str]]
    """(API name, column, kind): what the product asks this org's Cases for."""
    database: str
    until: str
    """End of the window, as SOQL writes it: the second after the org's stopped clock."""
    sobject: str = "Case"
    times: int = 1


class Figures(msgspec.Struct):
    """What a case says on stdout."""

    rows: int = 0
    seconds: float = 0
    cpu: float = 0
    start_mb: float = 0
    """Resident before the work: the interpreter and what it imported."""
    peak_mb: float = 0
    more: dict[str, float] = {}

    @property
    def rate(self) -> float:
        return self.rows / self.seconds


@contextmanager
def measured(figures: Figures) -> Iterator[None]:
    """Fill in wall seconds, CPU seconds of this process, and its memory's high-water mark."""
    figures.start_mb = peak()
    cpu, wall = time.process_time(), time.perf_counter()
    yield
    figures.seconds = time.perf_counter() - wall
    figures.cpu = time.process_time() - cpu
    figures.peak_mb = peak()


def peak() -> float:
    """Read the most that was ever resident, in MiB."""
    status = Path("/proc/self/status")
    if status.exists():  # ru_maxrss would remember what the parent was before the exec
        line = next(line for line in status.read_text().splitlines() if line.startswith("VmHWM"))
        return int(line.split()[1]) / MEBI
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / MEBI / MEBI  # macOS: bytes


def case(run: Callable[[Spec], Figures]) -> None:
    """Be the process: read the spec, run, say the figures."""
    print(
        msgspec.json.encode(run(msgspec.json.decode(sys.stdin.buffer.read(), type=Spec))).decode()
    )


@dataclass(frozen=True)
class Case:
    """A case that runs in a process of its own."""

    process: "subprocess.Popen[bytes]"

    def figures(self) -> Figures:
        """Wait for its end; what it says last are its figures."""
        out, _ = self.process.communicate()
        if self.process.returncode:
            raise SystemExit(f"a case failed: {' '.join(map(str, self.process.args))}")  # type: ignore[arg-type]
        return msgspec.json.decode(out.splitlines()[-1], type=Figures)


def start_case(module: str, spec: Spec, *arguments: str) -> Case:
    """Start a case in a new process."""
    command = [sys.executable, "-m", module, *arguments]
    process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    assert process.stdin is not None
    process.stdin.write(msgspec.json.encode(spec))
    process.stdin.close()
    process.stdin = None  # communicate() would flush it
    return Case(process)


def run_case(module: str, spec: Spec, *arguments: str) -> Figures:
    """Run a case in a new process and wait for its figures."""
    return start_case(module, spec, *arguments).figures()


def said(line: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(line)
    return found
