"""Real processes by the installed console script, and the org as one of them."""

import json
import os
import signal
import subprocess
import sys
import time
from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx

from config.settings import Settings

SCSYNC = Path(sys.executable).with_name("scsync")
PATIENCE = 120.0  # s: bounds a wait that ends as soon as what it waits for is there


def eventually(is_so: Callable[[], bool], what: str) -> None:
    """Wait until it is so; fail when it does not come."""
    deadline = time.monotonic() + PATIENCE
    while not is_so():
        assert time.monotonic() < deadline, f"it did not come: {what}"
        time.sleep(0.05)


@dataclass
class Process:
    """One running `scsync`, its output in a file."""

    popen: "subprocess.Popen[str]"
    log: Path

    def output(self) -> str:
        return self.log.read_text()

    def ready(self) -> "Process":
        eventually(lambda: " runs as process " in self.output() or self.ended(), "ready")
        assert not self.ended(), self.output()
        return self

    def ended(self) -> bool:
        return self.popen.poll() is not None

    def kill(self) -> None:
        self.popen.kill()
        self.popen.wait()

    def terminate(self) -> int:
        """Ask it to stop, and give the exit code."""
        self.popen.send_signal(signal.SIGTERM)
        return self.popen.wait(PATIENCE)


@dataclass
class Site:
    """A folder with settings in which `scsync` runs."""

    folder: Path
    environment: dict[str, str] = field(default_factory=dict)
    running: list[Process] = field(default_factory=list)

    def use(self, settings: Settings) -> None:
        """Give the processes these settings, as an operator would: by the environment."""
        for name, value in settings.model_dump(exclude_unset=True).items():
            plain = value.get_secret_value() if hasattr(value, "get_secret_value") else value
            text = ",".join(plain) if isinstance(plain, tuple) else str(plain)
            self.environment[f"SCSYNC_{name.upper()}"] = text

    def start(self, *words: str) -> Process:
        log = self.folder / f"{len(self.running)}-{words[0]}.log"
        with log.open("w") as output:
            popen = subprocess.Popen(
                [SCSYNC, *words],
                cwd=self.folder,
                env=self._environment(),
                stdout=output,
                stderr=subprocess.STDOUT,
                text=True,
            )
        self.running.append(Process(popen, log))
        return self.running[-1]

    def run(self, *words: str) -> str:
        """Run a verb to its end and give what it printed."""
        done = subprocess.run(
            [SCSYNC, *words],
            cwd=self.folder,
            env=self._environment(),
            capture_output=True,
            text=True,
            timeout=PATIENCE,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        return done.stdout

    def _environment(self) -> dict[str, str]:
        inherited = {k: v for k, v in os.environ.items() if not k.startswith("SCSYNC_")}
        return {**inherited, **self.environment}

    def stop_all(self) -> None:
        for process in self.running:
            if not process.ended():
                process.kill()


class Remote:
    """An emulated org in a process of its own: what was written there, by its own journal."""

    def __init__(self, site: Site, *, cases: int = 300) -> None:
        process = site.start("emulator", "--port", "0", "--cases", str(cases), "--json")
        eventually(lambda: process.output().endswith("}\n"), "the org")
        found = json.loads(process.output())
        self.url = found["url"]
        self._told = 0
        site.environment["SCSYNC_LOGIN_URL"] = self.url
        for name in ("client_id", "client_secret", "refresh_token"):
            site.environment[f"SCSYNC_{name.upper()}"] = found[name]

    def open_cases(self, number: int) -> list[str]:
        """Have somebody else open cases; the journal begins after them."""
        acts = [
            {"act": "create", "sobject": "Case", "fields": {"Subject": f"case {place}"}}
            for place in range(number)
        ]
        results: list[str] = self.control("acts", acts)["results"]
        self._told = self.journal()[-1]["seq"]
        return results

    def subjects(self) -> dict[str, list[str]]:
        """What each case was called since, in the order in which the org was told."""
        told = defaultdict(list)
        for entry in self.journal():
            if entry["sobject"] == "Case" and "Subject" in entry["fields"]:
                told[entry["id"]].append(entry["fields"]["Subject"])
        return told

    def control(self, path: str, body: Any = None, *, method: str | None = None) -> Any:
        """Ask a control endpoint, or, given something to say, tell it that."""
        method = method or ("GET" if body is None else "POST")
        url = f"{self.url}/emulator/{path}"
        answer = httpx.request(method, url, json=body, timeout=60)
        return answer.raise_for_status().json()

    def journal(self) -> list[dict[str, Any]]:
        """Give what was written since the cases were opened."""
        entries: list[dict[str, Any]] = self.control(f"journal?since={self._told}")
        return entries


def subject_updates(folder: Path, cases: list[str], rounds: int) -> Path:
    """Write a file of commands that call every case 00, 01, 02 … in turn."""
    path = folder / "commands.ndjson"
    form = {"op": "update", "sobject": "Case"}
    lines = [
        json.dumps({**form, "record_id": case, "fields": {"Subject": f"{n:02}"}})
        for n in range(rounds)
        for case in cases
    ]
    path.write_text("\n".join(lines))
    return path


def in_order(cases: list[str], rounds: int) -> dict[str, list[str]]:
    """What the journal has to show: each case every round, once and in order."""
    return {case: [f"{n:02}" for n in range(rounds)] for case in cases}
